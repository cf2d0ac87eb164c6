"""Compare an environment with a lock (check), or make it equal to the lock with pip-tools (sync)."""

from __future__ import annotations

import logging
import os
import shutil
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
from minreq.analyze import importfolders
from minreq.config.exports import EnvironmentSettings
from minreq.counts import pluralize
from minreq.errors import EnvironmentDiffers, OwnEnvironment, PinnedFilesMissing, PipAbsent, SyncFailed
from minreq.index.client import IndexClient
from minreq.lockfile import reading
from minreq.lockfile.pinnedfiles import PinnedFileFinder
from minreq.lockfile.requirements import LockedFile, parse
from minreq.model import Lock, Platform
from minreq.model.parsing import parse_requirement
from minreq.reporting import Reporter, Step
from minreq.sdists.builder import SdistBuilder
from minreq.system import regularfile, temporary
from minreq.task import task
from minreq.verify import artifact
from minreq.wheels import repacking
from minreq.wheels.store import Store

_LOG = logging.getLogger(__name__)

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
    _LOG.info("found %s in %s", pluralize(len(installed), "distribution"), settings.environment)
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

    minreq fetches the wheels, and builds those of source distributions in isolation. pip-tools installs them, without
    index, without dependencies and with the hashes of the lock; `check` then compares the result. Raises
    ``OwnEnvironment``, ``PinnedFilesMissing``, ``PipAbsent``, ``SyncFailed``, the index failures, and the errors of
    `check`.
    """
    locked = parse(reading.read_text(settings.lock, "lock"), filename=settings.lock.name)
    interpreter = runtime.find_interpreter(Path(settings.environment))
    own_interpreter = runtime.find_interpreter()
    if runtime.site_folders(interpreter) == runtime.site_folders(own_interpreter):
        raise OwnEnvironment(settings.environment)
    archives = {} if settings.dry_run else _fetch_missing(settings, locked, interpreter, reporter)
    reporter.began(Step.COMPARE if settings.dry_run else Step.WRITE, f"{settings.environment} by pip-sync")
    done = _run_pip_sync(settings, locked, archives, interpreter.executable)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    # A dry run that would change something exits with 1, as diff does. A failure prints no "Would" line.
    would = settings.dry_run and any(line.startswith("Would ") for line in lines)
    if done.returncode and "No module named 'pip'" in done.stdout:
        raise PipAbsent(str(interpreter.executable))
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


def _run_pip_sync(
    settings: EnvironmentSettings, locked: LockedFile, archives: Mapping[NormalizedName, Path], python: Path
) -> subprocess.CompletedProcess[str]:
    """Install *archives* with pip-sync, and remove what is not in *locked*."""
    # pip-sync starts two interpreters, both with their working folder on the path of modules: it has to be empty.
    with temporary.make_temporary_folder() as empty, temporary.make_temporary_folder() as folder:
        for archive in archives.values():
            shutil.copyfile(archive, folder / archive.name)
        file = folder / settings.lock.name
        file.write_text("".join(_lock_lines(locked, archives)), "utf-8")
        command = [sys.executable, "-I", "-m", "piptools", "sync", "--no-config", "--python-executable", str(python)]
        command += ["--no-index", "--find-links", str(folder), "--pip-args", "--no-deps --only-binary=:all:"]
        command += [*(["--dry-run"] if settings.dry_run else []), str(file)]
        _LOG.info("start pip-sync of pip-tools for %s", python)
        return subprocess.run(
            command,
            cwd=empty,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=_pip_environment(os.environ),
            check=False,
        )


def _pip_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for pip, without those that decide what an interpreter imports or runs.

    A constraint has no effect on pins, and its path may be relative.
    """
    return {
        name: value for name, value in environ.items() if not name.startswith("PYTHON") and name != "PIP_CONSTRAINT"
    }


def _fetch_missing(
    settings: EnvironmentSettings, locked: LockedFile, interpreter: runtime.Interpreter, reporter: Reporter
) -> Mapping[NormalizedName, Path]:
    """Fetch the wheels that are to be installed, or build them; return them by name."""
    lock = reading.read_evidence(settings.lock)
    installed = artifact.installed_versions(runtime.site_folders(interpreter))
    missing = {pin.name: pin for pin in locked.pins if installed.get(pin.name) != pin.version}
    if not missing:
        return {}
    index_settings = task.read_index_settings(settings.index)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(settings.cache_dir / "wheels", index, on_fetched=reporter.fetched, on_damage=reporter.note)
        builder = SdistBuilder(
            interpreter=interpreter,
            settings=index_settings,
            index=index,
            store=store,
            require_sandbox=settings.require_sandbox,
            note=reporter.note,
        )
        finder = PinnedFileFinder(
            index=index, platform=interpreter.platform, build=builder.build, holds=store.holds_intact
        )
        found = finder.find(lock, missing)
        if not found.complete:
            raise PinnedFilesMissing(str(settings.lock), found.faults)
        return {name: store.fetch(candidate.wheel) for name, candidate in found.candidates.items()}


def _lock_lines(locked: LockedFile, archives: Mapping[NormalizedName, Path]) -> Iterator[str]:
    """Yield the lines of *locked*, with the hashes of *archives*: a wheel that was built has one of its own."""
    yield from (f"{option}\n" for option in locked.options)
    for pin in locked.pins:
        own_hash = {regularfile.sha256(archives[pin.name])} if pin.name in archives and pin.hashes else set()
        hashes = (f"    --hash=sha256:{each}" for each in sorted(pin.hashes | own_hash))
        yield " \\\n".join([f"{pin.name}=={pin.version}", *hashes]) + "\n"


def _find_folders(environment: Path, lock: Lock, stack: ExitStack) -> tuple[Platform, tuple[Path, ...]]:
    """Return the platform and import folders of an interpreter, a virtual environment, a folder or a zip."""
    is_tree = environment.is_dir() and not (environment / "pyvenv.cfg").is_file()
    if is_tree or environment.suffix in {".zip", ".whl"}:
        platform = lock.proven_on
        version = platform.python_version
        scratch = stack.enter_context(temporary.make_temporary_folder())
        folder = stack.enter_context(importfolders.open_tree(environment, scratch, metadata_only=True))
        return platform, importfolders.find_import_folders(folder, (version.major, version.minor), named=environment)
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
        return "the project itself" if name == lock.resolution.root else "provided by the runtime"
    return next((each.reason for each in lock.selection.left_out if each.candidate.name == name), None)


def _without_repack_label(version: Version, pin: Version | None) -> Version:
    """Return *version* as the lock has it, without the label of a repacked wheel."""
    return pin if pin is not None and version == repacking.local_version(pin) else version
