"""What becomes of a lock that is asked for: judged, found unchanged, or made; then checked and written."""

from __future__ import annotations

from minreq.config import STDOUT, Settings
from minreq.errors import OverBudget, Unproven
from minreq.lock import check
from minreq.lockfile import evidence as evidence_file
from minreq.model import Lock
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task import task as preparing
from minreq.task.task import Task

#: How many of the largest distributions are named when a lock is over budget.
_LARGEST = 5


def lock(settings: Settings, reporter: Reporter) -> Lock:
    """Make the lock that *settings* ask for, prove it, and write it with its evidence.

    Until it is proven nothing is written; with ``--check`` the lock on disk is judged instead. Raises every branch of
    ``MinreqError``.
    """
    temporary.sweep()
    # The store would do it, which a lock that nothing changed never opens.
    temporary.sweep(settings.cache_dir / "wheels" / "unfinished")
    if settings.scan:
        from minreq.task import scan  # noqa: PLC0415 # Heavy, and seldom needed.

        settings = scan.applied(settings, reporter)
    if settings.check:
        return check.check(settings, reporter)
    task = preparing.task(settings)
    _check_platforms(task)
    settings = task.settings
    if settings.index.offline and (known := check.unchanged(task, lambda _: {})) is not None:
        return _again(known, reporter)
    # Heavy: where nothing changed, reading them would be most of the time.
    from minreq.index.client import IndexClient  # noqa: PLC0415

    index_settings = preparing.index_settings(settings.index, task.files)
    own = task.subject if task.project else None
    with IndexClient(index_settings, settings.cache_dir / "index", own=own) as index:
        known = check.unchanged(task, lambda lock: check.withdrawn(lock, index))
        if known is not None:
            return _again(known, reporter)
        from minreq.lock import make  # noqa: PLC0415

        made = make.make(task, index, index_settings, reporter)
    _check(made, settings)
    if not settings.dry_run and settings.output != STDOUT:
        reporter.began(Step.WRITE)
        _write(made, settings)
    reporter.locked(made)
    return made


def _again(known: Lock, reporter: Reporter) -> Lock:
    reporter.note("nothing changed since this lock was proven")
    reporter.locked(known)
    return known


def _check_platforms(task: Task) -> None:
    """Raise ``Unproven`` for a platform that the smoke cannot run on here."""
    foreign = [platform.name for platform in task.targets if platform != task.host]
    if foreign and not task.settings.allow_unproven:
        raise Unproven(foreign, task.host.name)


def _check(made: Lock, settings: Settings) -> None:
    """Raise ``OverBudget`` where the answer is no."""
    kept = made.selection.kept
    size = sum(each.bytes for each in kept)
    if settings.budget is not None and size > settings.budget:
        largest = sorted(kept, key=lambda each: (-each.bytes, each.candidate.name))[:_LARGEST]
        raise OverBudget(size, settings.budget, [f"{each.candidate.name} {each.bytes:,}" for each in largest])


def _write(made: Lock, settings: Settings) -> None:
    from minreq.lockfile import requirements as requirements_file, writing  # noqa: PLC0415 # As above.

    output = settings.output
    writing.write(
        {
            # The requirements come last: once they are there, the lock is.
            evidence_file.beside(output): evidence_file.dump(made),
            output: requirements_file.render(made, filename=output.name),
        }
    )
