"""Compare an environment with a lock (check), or make it equal to the lock with pip-tools (sync)."""

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
from minreq.model.parsing import parse_requirement
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task import task
from minreq.verify import artifact
from minreq.wheels import repacking

#: How many lines of a failure an error shows.
_MAX_LINES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmetRequirement:
    """A requirement that an installed distribution declares, and that nothing installed satisfies."""

    of: NormalizedName
    #: As declared, without the marker.
    requirement: str
    #: Why the lock intends what `pip check` reports: the distribution is left out, or the runtime provides it.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """The status of an environment that holds exactly a lock."""

    lock: Lock
    installed: Mapping[NormalizedName, Version]
    #: Sorted by name.
    gaps: tuple[UnmetRequirement, ...]


def check(settings: EnvironmentSettings) -> EnvironmentStatus:
    """Return the status of the environment; raises ``EnvironmentDiffers`` with all differences from the lock.

    A missing distribution is no difference when the lock leaves it out on purpose. A repacked distribution
    (``1.0+minreq``) counts as the original. Nothing in the environment is run but its interpreter, isolated and without
    ``site``.
    """
    text = reading.read_text(settings.lock, "lock")
    lock = reading.read_evidence(settings.lock)
    with ExitStack() as stack:
        platform, folders = _find_folders(Path(settings.environment), lock, stack)
        installed = artifact.installed_versions(folders)
        requires = _declared_requirements(folders)
    # An installer read the file, so its pins are compared: the evidence may be of another state.
    pins = {pin.name: pin.version for pin in parse(text, filename=settings.lock.name).pins}
    versions = {name: _without_repack_label(version, pins.get(name)) for name, version in installed.items()}
    where = settings.environment
    tolerated = artifact.SEED_PACKAGES | lock.resolution.provided
    differences = [
        sentence for _, sentence in artifact.find_discrepancies(versions, pins, where=where, tolerated=tolerated)
    ]
    gaps: list[UnmetRequirement] = []
    # Distributions that are not in the lock, or missing from the environment, are reported above.
    for name, requirement in _find_unmet(
        {each: requires[each] for each in sorted(requires.keys() & pins)}, versions, platform
    ):
        missing = canonicalize_name(requirement.name)
        if missing in pins and missing not in versions:
            continue
        reason = _reason_for_gap(lock, missing, present=versions)
        unmet = f"{requirement.name}{requirement.specifier}"
        if reason is None:
            differences.append(f"{name} requires {unmet}, which is not installed and which the lock does not leave out")
        else:
            gaps.append(UnmetRequirement(of=name, requirement=unmet, reason=reason))
    if differences:
        raise EnvironmentDiffers(where, str(settings.lock), differences)
    return EnvironmentStatus(lock=lock, installed=installed, gaps=tuple(gaps))


def sync(settings: EnvironmentSettings, reporter: Reporter) -> EnvironmentStatus:
    """Make the environment equal to the lock: install what is missing, remove what is not in the lock.

    pip-tools does this, without dependencies and with the hashes of the lock; `check` then compares the result. Raises
    ``OwnEnvironment``, ``SyncFailed``, and the errors of `check`.
    """
    parse(reading.read_text(settings.lock, "lock"), filename=settings.lock.name)
    interpreter = runtime.find_interpreter(Path(settings.environment))
    own_interpreter = runtime.find_interpreter()
    if runtime.site_folders(interpreter) == runtime.site_folders(own_interpreter):
        raise OwnEnvironment(settings.environment)
    reporter.began(Step.WRITE, f"{settings.environment} by pip-sync")
    command = [sys.executable, "-m", "piptools", "sync", "--no-config"]
    command += ["--python-executable", str(interpreter.executable)]
    command += [*_index_arguments(task.read_index_settings(settings.index))]
    command += ["--pip-args", "--no-deps", *(["--dry-run"] if settings.dry_run else []), str(settings.lock)]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        # The environment of minreq itself must not decide anything.
        env={name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}},
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    # A dry run that would change something exits with 1, as diff does. A failure prints no "Would" line.
    would = settings.dry_run and any(line.startswith("Would ") for line in lines)
    if done.returncode and not would:
        raise SyncFailed(settings.environment, done.returncode, lines[-_MAX_LINES:])
    for line in lines if settings.dry_run else ():
        reporter.note(line)
    if settings.dry_run:
        return EnvironmentStatus(
            lock=reading.read_evidence(settings.lock),
            installed=artifact.installed_versions(runtime.site_folders(interpreter)),
            gaps=(),
        )
    return check(settings)


def _index_arguments(index: IndexSettings) -> Iterator[str]:
    """Yield the options for the index that are not in the configuration of pip, which pip-sync reads itself."""
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


def _find_folders(environment: Path, lock: Lock, stack: ExitStack) -> tuple[Platform, tuple[Path, ...]]:
    """Return the platform and import folders of an interpreter, a virtual environment, a folder or a zip."""
    is_tree = environment.is_dir() and not (environment / "pyvenv.cfg").is_file()
    if is_tree or environment.suffix in {".zip", ".whl"}:
        platform = lock.proven_on
        version = platform.python_version
        scratch = stack.enter_context(temporary.make_temporary_folder())
        folder = stack.enter_context(artifact.open_tree(environment, scratch, metadata_only=True))
        return platform, artifact.find_import_folders(folder, (version.major, version.minor), named=environment)
    interpreter = runtime.find_interpreter(environment)
    return interpreter.platform, runtime.site_folders(interpreter)


def _declared_requirements(folders: tuple[Path, ...]) -> Mapping[NormalizedName, tuple[str, ...]]:
    """Return the declared requirements of each distribution; of several with one name the first counts."""
    declared: dict[NormalizedName, tuple[str, ...]] = {}
    for each in distributions(path=[str(folder) for folder in folders]):
        if "Name" in each.metadata:
            declared.setdefault(canonicalize_name(each.metadata["Name"]), tuple(each.requires or ()))
    return declared


def _find_unmet(
    requires: Mapping[NormalizedName, tuple[str, ...]], installed: Mapping[NormalizedName, Version], platform: Platform
) -> Iterator[tuple[NormalizedName, Requirement]]:
    """Yield the requirements without an extra that are not satisfied, as `pip check` finds them."""
    for name, lines in requires.items():
        for line in sorted(lines):
            try:
                requirement = parse_requirement(line)
            except InvalidRequirement:
                continue
            if requirement.marker is not None and not requirement.marker.evaluate({**platform.markers, "extra": ""}):
                continue
            version = installed.get(canonicalize_name(requirement.name))
            if version is None or not requirement.specifier.contains(version, prereleases=True):
                yield name, requirement


def _reason_for_gap(lock: Lock, name: NormalizedName, *, present: Mapping[NormalizedName, Version]) -> str | None:
    """Return why the lock intends that the requirement is not satisfied; ``None`` when it does not."""
    if name in present:
        # The lock chose a version against the requirement: by an override, or by ignoring a lower bound.
        return "another version by the lock"
    if name in lock.resolution.provided:
        return "provided by the runtime"
    return next((each.reason for each in lock.selection.left_out if each.candidate.name == name), None)


def _without_repack_label(version: Version, pin: Version | None) -> Version:
    """Return *version* as the lock has it, without the label of a repacked wheel."""
    return pin if pin is not None and version == repacking.local_version(pin) else version
