"""Whether a lock on disk still holds, without a run of the smoke (``minreq lock --check``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from minreq.config import Settings
from minreq.errors import IndexFailure, LockStale
from minreq.lockfile import evidence as evidence_file, pinned, staleness
from minreq.model import Lock
from minreq.reporting import Reporter, Step
from minreq.task import task as preparing
from minreq.task.task import Task

if TYPE_CHECKING:
    from minreq.index.client import IndexClient


def check(settings: Settings, reporter: Reporter) -> Lock:
    """Return the lock on disk when it still says what is asked for; nothing is resolved, run or written.

    With ``--upgrade`` or ``--upgrade-package`` it also has to be what a resolution finds today. Raises ``LockStale``
    with all reasons; ``UsageError`` and, where something has to be resolved, every other failure of that.
    """
    task = preparing.task(settings)
    lock, text = _read(settings.output)
    output = settings.output
    moves = settings.upgrade or bool(settings.upgrade_packages)
    if settings.index.offline and not moves:
        reasons = _reasons(lock, text, task, {})
    else:
        reasons = _reasons_today(lock, text, task, reporter, moves=moves)
    if reasons:
        raise LockStale(str(output), reasons)
    return lock


def _reasons_today(lock: Lock, text: str, task: Task, reporter: Reporter, *, moves: bool) -> tuple[str, ...]:
    """Return what speaks against *lock*, the index asked; with *moves* also what a resolution would find."""
    from minreq.index.client import IndexClient  # noqa: PLC0415 # Heavy: without a question to the index unneeded.

    settings = task.settings
    with IndexClient(preparing.index_settings(settings.index, task.files), settings.cache_dir / "index") as index:
        reporter.began(Step.MAP, f"{len(lock.selection.kept)} pinned distributions")
        reasons = _reasons(lock, text, task, _known_withdrawn(lock, index, reporter))
        # Another root than the lock's would be no answer to what became of this one.
        return reasons or (tuple(_moves(lock, task, index, reporter)) if moves else ())


def unchanged(task: Task, withdrawn: Callable[[Lock], Mapping[str, str]]) -> Lock | None:
    """Return the lock on disk when it was proven from the very same things; then nothing needs to be done.

    What it pins would be preferred by a resolution anyway. *withdrawn* tells which pinned files were yanked or are
    gone; raises what it does.
    """
    settings = task.settings
    # What asks for runs gets them.
    if settings.upgrade or settings.upgrade_packages or settings.dry_run or settings.settle == "runs":
        return None
    before = preparing.previous(settings)
    if before is None or (settings.certify and before.certificate is None):
        return None
    if any(preparing.is_refused(task.profile, pin) for pin in before.resolution.pins.values()):
        return None
    text = settings.output.read_text("utf-8")
    found = _reasons(before, text, task, withdrawn(before))
    return before if not found and before.proven_on.name == task.host.name else None


def _reasons(lock: Lock, text: str, task: Task, withdrawn: Mapping[str, str]) -> tuple[str, ...]:
    return staleness.reasons(
        lock,
        text=text,
        filename=task.settings.output.name,
        command=task.command,
        platforms=task.targets,
        inputs=task.inputs(_version(lock, task)),
        withdrawn=withdrawn,
    )


def _version(lock: Lock, task: Task) -> Version:
    """The version of what the profile is for, or of the root if the lock has no such thing: then it is stale anyway."""
    pins = lock.resolution.pins
    return pins[task.subject if task.subject in pins else lock.resolution.root].version


def _read(output: Path) -> tuple[Lock, str]:
    beside = evidence_file.beside(output)
    for file, what in ((output, "lock"), (beside, "evidence")):
        if not file.exists():
            raise LockStale(str(output), [f"there is no {what} at {file}"])
    return evidence_file.load(beside.read_text("utf-8"), filename=beside.name), output.read_text("utf-8")


def withdrawn(lock: Lock, index: pinned.Index) -> Mapping[str, str]:
    """Return the pinned files of *lock* that were yanked or are gone, by name; raises the index failures."""
    return pinned.withdrawn(index, (kept.candidate for kept in lock.selection.kept))


def _known_withdrawn(lock: Lock, index: pinned.Index, reporter: Reporter) -> Mapping[str, str]:
    """Ask the pages of what is kept; an index that cannot be reached decides nothing."""
    try:
        return withdrawn(lock, index)
    except IndexFailure as error:
        reporter.note(f"whether a pinned file was yanked or is gone could not be asked: {error}")
        return {}


def _moves(lock: Lock, task: Task, index: IndexClient, reporter: Reporter) -> Iterator[str]:
    """Tell what a resolution with nothing preferred that may move pins otherwise."""
    from minreq.resolver import resolve  # noqa: PLC0415
    from minreq.source.imports import StaticForecast  # noqa: PLC0415
    from minreq.task import demand as demanding  # noqa: PLC0415 # Heavy: to judge a lock nothing is resolved, but for this.
    from minreq.wheels.store import Store  # noqa: PLC0415

    reporter.began(Step.RESOLVE)
    settings = task.settings
    store = Store(settings.cache_dir / "wheels", index, fetched=reporter.fetched)
    demand = demanding.demand(task, preparing.index_settings(task.settings.index, task.files), store)
    resolution = resolve(demand, index, StaticForecast(index))
    reporter.resolved(resolution)
    for kept in lock.selection.kept:
        name, old = kept.candidate.name, kept.candidate.version
        # What an extra brought is not in a first resolution.
        if name in resolution.pins and (new := resolution.pins[name].version) != old:
            yield f"{name} {old} would become {new}"
