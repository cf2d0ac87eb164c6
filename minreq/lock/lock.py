"""`lock`: checks the lock on disk, keeps it if nothing changed, or makes, proves and writes a new one."""

from __future__ import annotations

from collections.abc import Callable

from minreq.config import STDOUT, Settings
from minreq.config.reductions import name_reductions
from minreq.config.settings import parse_command
from minreq.errors import OverBudget, PlatformUnproven
from minreq.lock import check
from minreq.lock.session import LockSession
from minreq.lockfile import evidence as evidence_file
from minreq.model import BuildForecast, Lock
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task.task import Task, prepare_task, read_index_settings

#: The number of distributions that an error about the budget names.
_LARGEST = 5


#: Returns what a build of a lock comes to, ``None`` if that is unknown.
Forecast = Callable[[Lock, Settings], BuildForecast | None]


def lock(settings: Settings, reporter: Reporter, forecast: Forecast = lambda _lock, _settings: None) -> Lock:
    """Make the lock for *settings*, prove it, and write it with its evidence.

    Nothing is written before the proof passes. With ``--check`` the lock on disk is checked instead. *forecast* tells
    what a build of a lock comes to, for the error about the budget. Raises every branch of ``MinreqError``.
    """
    with LockSession() as session:
        return lock_in_session(settings, reporter, session, forecast)[0]


def lock_in_session(
    settings: Settings, reporter: Reporter, session: LockSession, forecast: Forecast = lambda _lock, _settings: None
) -> tuple[Lock, bool]:
    """Do as `lock` does, with what *session* shares; return whether the lock is new, too."""
    temporary.remove_abandoned()
    # The store does this too, but an unchanged lock never opens the store.
    temporary.remove_abandoned(settings.cache_dir / "wheels" / "unfinished")
    if settings.scan:
        from minreq.task import scan  # noqa: PLC0415 # Heavy, and seldom needed.

        settings = scan.apply_scan(settings, reporter)
    if settings.check:
        return check.check_lock(settings, reporter, session), False
    task = prepare_task(settings, reporter)
    _check_platforms(task)
    settings = task.settings
    if settings.index.offline and (unchanged := check.find_unchanged_lock(task, lambda _: {})) is not None:
        return _report_unchanged(unchanged, reporter), False
    index_settings = read_index_settings(settings.index, task.files)
    own = task.profiled_root if task.project else None
    index = session.open_index(index_settings, settings.cache_dir / "index", own)
    unchanged = check.find_unchanged_lock(task, lambda lock: check.find_withdrawn_files(lock, index))
    if unchanged is not None:
        return _report_unchanged(unchanged, reporter), False
    # Heavy: for an unchanged lock this import would take most of the time.
    from minreq.lock import make  # noqa: PLC0415

    if (note := check.describe_other_python(task)) is not None:
        reporter.note(note)
    new_lock = make.make_lock(task, index, index_settings, reporter, session)
    _check_budget(new_lock, settings, forecast)
    if not settings.dry_run and settings.output != STDOUT:
        reporter.began(Step.WRITE)
        _write(new_lock, settings)
    reporter.locked(new_lock)
    return new_lock, True


def _report_unchanged(lock: Lock, reporter: Reporter) -> Lock:
    reporter.note("nothing changed since this lock was proven")
    reporter.locked(lock)
    return lock


def _check_platforms(task: Task) -> None:
    """Raise ``PlatformUnproven`` for a platform on which the smoke cannot run here."""
    foreign = [platform.name for platform in task.targets if platform != task.host]
    if foreign and not task.settings.allow_unproven:
        raise PlatformUnproven(foreign, task.host.name)


def _check_budget(lock: Lock, settings: Settings, forecast: Forecast) -> None:
    """Raise ``OverBudget`` if the lock installs more bytes than allowed, with compiled files by default."""
    compiles = settings.compiles
    sizes = {each.candidate.name: each.bytes + (each.compiled_bytes if compiles else 0) for each in lock.selection.kept}
    size = sum(sizes.values())
    if settings.budget is not None and size > settings.budget:
        largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_LARGEST]
        build = forecast(lock, settings)
        raise OverBudget(
            size,
            settings.budget,
            [f"{name} {sizes[name]:,}" for name in largest],
            (build.slim, build.bytes) if build else ("cold", None),
            [*name_reductions(parse_command(lock.command))],
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
