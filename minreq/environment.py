"""An environment against the lock: how it stands to it, and brought to exactly it by pip-tools."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter as runtime
from minreq.config.exports import EnvironmentSettings
from minreq.errors import EnvironmentDiffers, OwnEnvironment, SyncFailed
from minreq.index.settings import IndexSettings
from minreq.lockfile import reading
from minreq.lockfile.requirements import parse
from minreq.model import Lock, Platform
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task import task
from minreq.verify import artifact
from minreq.wheels import repacking

#: What tools that make an environment put into it beforehand; pip-sync leaves pip alone too.
_SEEDS = frozenset({"pip", "setuptools", "wheel"})
#: So many lines of a failure are told.
_LAST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A requirement that an installed distribution declares, and that nothing installed satisfies."""

    of: NormalizedName
    #: As declared, without the marker.
    requirement: str
    #: What `pip check` complains about and the lock intends: the distribution is left out, or provided by the runtime.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an environment stands to a lock that it is."""

    lock: Lock
    installed: Mapping[NormalizedName, Version]
    #: Sorted by name.
    gaps: tuple[Gap, ...]


def check(settings: EnvironmentSettings) -> Standing:
    """Return how the environment stands to the lock; raises ``EnvironmentDiffers`` with all that differs.

    What the lock leaves out on purpose is no difference; what is missing without that is. A distribution that was
    repacked (``1.0+minreq``) counts as the one it was made from. Nothing of the environment is run but its interpreter,
    isolated and without ``site``.
    """
    text = reading.read_text(settings.lock, "lock")
    lock = reading.read_evidence(settings.lock)
    with ExitStack() as stack:
        platform, folders = _folders(Path(settings.environment), lock, stack)
        installed = artifact.installed(folders)
        requires = _requires(folders)
    # The file is what an installer took; evidence of another state would judge wrongly.
    pins = {pin.name: pin.version for pin in parse(text, filename=settings.lock.name).pins}
    found = {name: _plain(version, pins.get(name)) for name, version in installed.items()}
    where = settings.environment
    tolerated = _SEEDS | lock.resolution.provided
    wrong = [sentence for _, sentence in artifact.discrepancies(found, pins, where=where, tolerated=tolerated)]
    gaps: list[Gap] = []
    # What is not in the lock, and what of it is not there, has been told already.
    for name, requirement in _unmet({each: requires[each] for each in sorted(requires.keys() & pins)}, found, platform):
        missing = canonicalize_name(requirement.name)
        if missing in pins and missing not in found:
            continue
        reason = _intended(lock, missing, present=found)
        said = f"{requirement.name}{requirement.specifier}"
        if reason is None:
            wrong.append(f"{name} needs {said}, which is not there and not left out by the lock")
        else:
            gaps.append(Gap(of=name, requirement=said, reason=reason))
    if wrong:
        raise EnvironmentDiffers(where, str(settings.lock), wrong)
    return Standing(lock=lock, installed=installed, gaps=tuple(gaps))


def sync(settings: EnvironmentSettings, reporter: Reporter) -> Standing:
    """Bring the environment to exactly the lock: what is missing is installed, what is not in it removed.

    pip-tools does it, without dependencies and with the hashes of the lock. Raises ``OwnEnvironment``, ``SyncFailed``,
    and what `check`, which has the last word, raises.
    """
    parse(reading.read_text(settings.lock, "lock"), filename=settings.lock.name)
    interpreter = runtime.interpreter(Path(settings.environment))
    own = runtime.interpreter()
    if runtime.site_folders(interpreter) == runtime.site_folders(own):
        raise OwnEnvironment(settings.environment)
    reporter.began(Step.WRITE, f"{settings.environment} by pip-sync")
    command = [sys.executable, "-m", "piptools", "sync", "--no-config"]
    command += ["--python-executable", str(interpreter.executable)]
    command += [*_index_arguments(task.index_settings(settings.index))]
    command += ["--pip-args", "--no-deps", *(["--dry-run"] if settings.dry_run else []), str(settings.lock)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # Of minreq's own environment nothing may decide.
        env={name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}},
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    # A dry run that would do something ends with 1, as diff does; what fails says nothing of what it would do.
    would = settings.dry_run and any(line.startswith("Would ") for line in lines)
    if done.returncode and not would:
        raise SyncFailed(settings.environment, done.returncode, lines[-_LAST:])
    for line in lines if settings.dry_run else ():
        reporter.note(line)
    if settings.dry_run:
        return Standing(
            lock=reading.read_evidence(settings.lock),
            installed=artifact.installed(runtime.site_folders(interpreter)),
            gaps=(),
        )
    return check(settings)


def _index_arguments(index: IndexSettings) -> Iterator[str]:
    """What was told beyond the configuration of pip, which pip-sync reads too."""
    if index.no_index:
        yield "--no-index"
    elif index.index_url:
        yield from ("--index-url", index.index_url)
    for url in index.extra_index_urls:
        yield from ("--extra-index-url", url)
    for place in index.find_links:
        yield from ("--find-links", place)
    for host in index.trusted_hosts:
        yield from ("--trusted-host", host)
    if index.cert:
        yield from ("--cert", index.cert)
    if index.client_cert:
        yield from ("--client-cert", index.client_cert)


def _folders(environment: Path, lock: Lock, stack: ExitStack) -> tuple[Platform, tuple[Path, ...]]:
    """The platform and the folders with packages: of an interpreter, a virtual environment, a folder or a zip."""
    is_tree = environment.is_dir() and not (environment / "pyvenv.cfg").is_file()
    if is_tree or environment.suffix in {".zip", ".whl"}:
        platform = lock.proven_on
        version = platform.python_version
        scratch = stack.enter_context(temporary.folder())
        folder = stack.enter_context(artifact.opened(environment, scratch))
        return platform, artifact.roots(folder, (version.major, version.minor), named=environment)
    interpreter = runtime.interpreter(environment)
    return interpreter.platform, runtime.site_folders(interpreter)


def _requires(folders: tuple[Path, ...]) -> Mapping[NormalizedName, tuple[str, ...]]:
    """What is declared, by the distribution that does; the first of a name counts."""
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for each in distributions(path=[str(folder) for folder in folders]):
        if "Name" in each.metadata:
            found.setdefault(canonicalize_name(each.metadata["Name"]), tuple(each.requires or ()))
    return found


def _unmet(
    requires: Mapping[NormalizedName, tuple[str, ...]], installed: Mapping[NormalizedName, Version], platform: Platform
) -> Iterator[tuple[NormalizedName, Requirement]]:
    """What is declared without an extra and not satisfied, as `pip check` sees it."""
    for name, lines in requires.items():
        for line in sorted(lines):
            try:
                requirement = Requirement(line)
            except InvalidRequirement:
                continue
            if requirement.marker is not None and not requirement.marker.evaluate({**platform.markers, "extra": ""}):
                continue
            version = installed.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                yield name, requirement


def _intended(lock: Lock, name: NormalizedName, *, present: Mapping[NormalizedName, Version]) -> str | None:
    """Why it is right that the requirement is not satisfied; ``None`` where it is not right."""
    if name in present:
        # At a version that the lock chose over what packages say: an override, or a floor that was set aside.
        return "another version by the lock"
    if name in lock.resolution.provided:
        return "provided by the runtime"
    return next((each.reason for each in lock.selection.left_out if each.candidate.name == name), None)


def _plain(version: Version, pin: Version | None) -> Version:
    """*version* as the lock has it, where a wheelhouse has repacked it."""
    return pin if pin is not None and version == repacking.local(pin) else version
