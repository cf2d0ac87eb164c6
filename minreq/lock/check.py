"""Checks whether a lock on disk is stale, without a run of the smoke (``minreq lock --check``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from packaging.version import Version

from minreq.config import Settings
from minreq.config.options import DEFAULT_ROOT
from minreq.counts import pluralize
from minreq.errors import IndexFailure, LockStale
from minreq.lock.session import LockSession
from minreq.lockfile import evidence as evidence_file, pinnedfiles, reading, staleness
from minreq.model import Lock, Resolution
from minreq.reporting import Reporter, Step
from minreq.task.task import Task, is_known_bad, prepare_task, read_index_settings, read_previous_lock


def check_lock(settings: Settings, reporter: Reporter, session: LockSession) -> Lock:
    """Return the lock on disk if it still matches *settings*; resolve, run and write nothing.

    With ``--upgrade`` or ``--upgrade-package`` the pins also have to be those that a resolution finds today. Raises
    ``LockStale`` with all reasons, ``UsageError``, and the failures of a resolution if there is one.
    """
    task = prepare_task(settings, reporter)
    lock, text = _read_lock(settings.output)
    output = settings.output
    upgrades = settings.upgrade or bool(settings.upgrade_packages)
    if settings.index.offline and not upgrades:
        reasons = _find_reasons(lock, text, task, {})
    else:
        reasons = _find_reasons_at_index(lock, text, task, reporter, session, upgrades=upgrades)
    if reasons:
        raise LockStale(str(output), reasons)
    return lock


def _find_reasons_at_index(
    lock: Lock, text: str, task: Task, reporter: Reporter, session: LockSession, *, upgrades: bool
) -> tuple[str, ...]:
    """Return the reasons why *lock* is stale, asking the index; with *upgrades* also resolve."""
    settings = task.settings
    index_settings = read_index_settings(settings.index, task.files)
    index = session.open_index(index_settings, settings.cache_dir / "index", None)
    reporter.began(Step.MAP, pluralize(len(lock.selection.kept), "pinned distribution"))
    reasons = _find_reasons(lock, text, task, _find_withdrawn_files_if_reachable(lock, index, reporter))
    if reasons or not upgrades:
        # A stale lock may be for another root, whose resolution says nothing about this one.
        return reasons
    from minreq.lock import resolve  # noqa: PLC0415 # Heavy; no other check resolves.

    reporter.began(Step.RESOLVE)
    resolution = resolve.resolve_pins(task, index, index_settings, session)
    reporter.resolved(resolution)
    return tuple(_find_version_changes(lock, resolution))


def find_unchanged_lock(task: Task, find_withdrawn: Callable[[Lock], Mapping[str, str]]) -> Lock | None:
    """Return the lock on disk if it was proven from the same inputs, ``None`` if a new lock has to be made.

    A resolution would prefer its pins anyway. *find_withdrawn* returns the pinned files that were yanked or are gone;
    this function raises what it raises.
    """
    settings = task.settings
    # These options request runs.
    if settings.upgrade or settings.upgrade_packages or settings.dry_run or settings.settle == "runs":
        return None
    before = read_previous_lock(settings)
    if before is None or (settings.certify and before.certificate is None):
        return None
    if any(is_known_bad(task.profile, pin) for pin in before.resolution.pins.values()):
        return None
    text = reading.read_text(settings.output, "lock")
    reasons = _find_reasons(before, text, task, find_withdrawn(before))
    return before if not reasons and before.proven_on.name == task.host.name else None


def describe_other_python(task: Task) -> str | None:
    """Return that the lock on disk is for another Python than *task*, if nobody named one; else ``None``."""
    before = None if task.settings.python else read_previous_lock(task.settings)
    if before is None or task.host not in task.targets:
        return None
    versions = {platform.name: platform.markers.get("python_version") for platform in before.platforms}
    old, new = versions.get(task.host.name), task.host.markers.get("python_version")
    if old in (None, new):
        return None
    return f"the lock on disk is for Python {old}, and the new one for {new}; for {old} add --python {old}"


def _find_reasons(lock: Lock, text: str, task: Task, withdrawn_files: Mapping[str, str]) -> tuple[str, ...]:
    return staleness.find_reasons(
        lock,
        text=text,
        filename=task.settings.output.name,
        command=task.command,
        default_root=DEFAULT_ROOT,
        platforms=task.targets,
        inputs=task.input_digests(_profiled_version(lock, task)),
        withdrawn_files=withdrawn_files,
    )


def _profiled_version(lock: Lock, task: Task) -> Version:
    """Return the version of the root that has the profile, else of the root; then the lock is stale anyway."""
    pins = lock.resolution.pins
    return pins[task.profiled_root if task.profiled_root in pins else lock.resolution.root].version


def _read_lock(output: Path) -> tuple[Lock, str]:
    evidence = evidence_file.evidence_path(output)
    for file, what in ((output, "lock"), (evidence, "evidence")):
        if not file.exists():
            raise LockStale(str(output), [f"there is no {what} at {file}"])
    return reading.read_evidence(output), reading.read_text(output, "lock")


def find_withdrawn_files(lock: Lock, index: pinnedfiles.Index) -> Mapping[str, str]:
    """Return the pinned files of *lock* that were yanked or are gone, by name; raise the index failures."""
    return pinnedfiles.find_withdrawn_files(index, (kept.candidate for kept in lock.selection.kept))


def _find_withdrawn_files_if_reachable(lock: Lock, index: pinnedfiles.Index, reporter: Reporter) -> Mapping[str, str]:
    """Return the withdrawn files, or nothing if the index cannot be reached: that does not make a lock stale."""
    try:
        return find_withdrawn_files(lock, index)
    except IndexFailure as error:
        reporter.note(f"could not check whether a pinned file was yanked or deleted: {error}")
        return {}


def _find_version_changes(lock: Lock, resolution: Resolution) -> Iterator[str]:
    """Yield each version that *resolution*, made today with the upgradable pins not preferred, pins differently."""
    for kept in lock.selection.kept:
        name, old = kept.candidate.name, kept.candidate.version
        # A first resolution has no distributions of extras.
        if name in resolution.pins and (new := resolution.pins[name].version) != old:
            yield f"{name} {old} would become {new}"
