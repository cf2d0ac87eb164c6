"""`lock`: checks the lock on disk, keeps it if nothing changed, or makes, proves and writes a new one."""

from __future__ import annotations

from collections.abc import Callable

from minreq.config import STDOUT, Settings
from minreq.errors import OverBudget, PlatformUnproven
from minreq.lock import check
from minreq.lockfile import evidence as evidence_file
from minreq.model import Lock
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task.task import Task, prepare_task, read_index_settings

#: The number of distributions that an error about the budget names.
_LARGEST = 5


def lock(
    settings: Settings,
    reporter: Reporter,
    forecast: Callable[[Lock, Settings], int | None] = lambda _lock, _settings: None,
) -> Lock:
    """Make the lock for *settings*, prove it, and write it with its evidence.

    Nothing is written before the proof passes. With ``--check`` the lock on disk is checked instead. *forecast* returns
    about the bytes of a build of a lock, for the error about the budget. Raises every branch of ``MinreqError``.
    """
    temporary.remove_abandoned()
    # The store does this too, but an unchanged lock never opens the store.
    temporary.remove_abandoned(settings.cache_dir / "wheels" / "unfinished")
    if settings.scan:
        from minreq.task import scan  # noqa: PLC0415 # Heavy, and seldom needed.

        settings = scan.apply_scan(settings, reporter)
    if settings.check:
        return check.check_lock(settings, reporter)
    task = prepare_task(settings, reporter)
    _check_platforms(task)
    settings = task.settings
    if settings.index.offline and (unchanged := check.find_unchanged_lock(task, lambda _: {})) is not None:
        return _report_unchanged(unchanged, reporter)
    # Heavy: for an unchanged lock these imports would take most of the time.
    from minreq.index.client import IndexClient  # noqa: PLC0415

    index_settings = read_index_settings(settings.index, task.files)
    own = task.profiled_root if task.project else None
    with IndexClient(index_settings, settings.cache_dir / "index", own_project=own) as index:
        unchanged = check.find_unchanged_lock(task, lambda lock: check.find_withdrawn_files(lock, index))
        if unchanged is not None:
            return _report_unchanged(unchanged, reporter)
        from minreq.lock import make  # noqa: PLC0415

        new_lock = make.make_lock(task, index, index_settings, reporter)
    _check_budget(new_lock, settings, forecast)
    if not settings.dry_run and settings.output != STDOUT:
        reporter.began(Step.WRITE)
        _write(new_lock, settings)
    reporter.locked(new_lock)
    return new_lock


def _report_unchanged(lock: Lock, reporter: Reporter) -> Lock:
    reporter.note("nothing changed since this lock was proven")
    reporter.locked(lock)
    return lock


def _check_platforms(task: Task) -> None:
    """Raise ``PlatformUnproven`` for a platform on which the smoke cannot run here."""
    foreign = [platform.name for platform in task.targets if platform != task.host]
    if foreign and not task.settings.allow_unproven:
        raise PlatformUnproven(foreign, task.host.name)


def _check_budget(lock: Lock, settings: Settings, forecast: Callable[[Lock, Settings], int | None]) -> None:
    """Raise ``OverBudget`` if the lock installs more bytes than allowed, with compiled files by default."""
    compiles = settings.compiles
    sizes = {each.candidate.name: each.bytes + (each.compiled_bytes if compiles else 0) for each in lock.selection.kept}
    size = sum(sizes.values())
    if settings.budget is not None and size > settings.budget:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_LARGEST]
        raise OverBudget(
            size,
            settings.budget,
            [f"{name} {sizes[name]:,}" for name in largest],
            forecast(lock, settings),
            is_compiled=compiles,
            is_measured=lock.is_measured or not compiles,
        )


def _write(lock: Lock, settings: Settings) -> None:
    from minreq.lockfile import requirements as requirements_file, writing  # noqa: PLC0415 # As in `lock`.

    output = settings.output
    writing.write_files(
        {
            # The requirements file comes last: when it is there, the lock is complete.
            evidence_file.evidence_path(output): evidence_file.dump(lock),
            output: requirements_file.render(lock, filename=output.name),
        }
    )
