"""``minreq lock --all``: every lock of ``pyproject.toml`` files, and a table of what became of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minreq.cli.report import Report, after_result
from minreq.cli.text import align_columns, format_duration, printable
from minreq.config import Settings, everylock, pyproject
from minreq.config.paths import cache_dir
from minreq.config.settings import relock_settings
from minreq.errors import InvalidOptions, LocksFailed, MinreqError

if TYPE_CHECKING:
    from minreq.cli.engine import Engine
    from minreq.lock.everylock import LockRequest, LockResult

#: The options that are for one lock, by the name of the flag.
_FOR_ONE = {"root": "ROOT", "project": "ROOT", "also": "--also", "output": "--output"}


def lock_all(
    engine: Engine, report: Report, folder: Path | None, flags: Mapping[str, Any], others: Sequence[str]
) -> None:
    """Make, or check, all locks below *folder*, or those of the nearest ``pyproject.toml``; print the table.

    *others* are further options on the command line that are for one lock. Raises ``LocksFailed``.
    """
    wrong = [*dict.fromkeys(option for name, option in _FOR_ONE.items() if flags.get(name)), *others]
    if report.name is not None:
        wrong.append("--name")
    if wrong:
        raise InvalidOptions([f"{', '.join(wrong)}: is for one lock, but --all makes those of pyproject.toml"])
    requests = tuple(_list_requests(engine, folder, flags))
    with report.show_progress() as progress:
        results = engine.lock_all(requests, progress)
        progress.finish()
    report.print_result(lambda: {"locks": [*map(_to_json_data, results)]}, map(printable, _format_table(results)))
    failed = {each.request.title: each.error for each in results if each.error is not None}
    if failed:
        with after_result():
            raise LocksFailed([*failed], len(results), max(error.exit_status for error in failed.values()))


def _list_requests(engine: Engine, folder: Path | None, flags: Mapping[str, Any]) -> Iterator[LockRequest]:
    from minreq.lock.everylock import LockRequest  # noqa: PLC0415 # Help and usage errors do not need it.

    for place in everylock.find_project_folders(folder):
        own_flags = {**everylock.move_paths(flags, place), "cache_dir": cache_dir()}
        for name in _read_names(place):
            read = functools.partial(_read_settings, engine, own_flags, name)
            yield LockRequest(folder=place, name=name or "", read_settings=read)


def _read_names(folder: Path) -> Sequence[str | None]:
    """Return the names of the locks in *folder*. What is wrong there is reported as a failure of that folder alone."""
    try:
        configuration = pyproject.find_configuration(folder)
        return [*pyproject.read_every_lock(configuration)] if configuration else [None]
    except MinreqError:
        return [None]


def _read_settings(engine: Engine, flags: Mapping[str, Any], name: str | None) -> Settings:
    """Return the settings of the lock *name* in the working directory."""
    configuration = pyproject.find_configuration(Path())
    values = pyproject.read_every_lock(configuration)[name] if configuration else {}
    return relock_settings(flags, values, engine.read_recorded_options)[0]


def _format_table(results: Sequence[LockResult]) -> Iterator[str]:
    rows = [["lock", "state", "kept", "bytes", "time", "file"]]
    for each in results:
        selection = each.lock.selection if each.lock else None
        sizes = [str(len(selection.kept)), f"{selection.bytes:,}"] if selection else ["", ""]
        file = "" if each.output is None else (each.request.folder / each.output).as_posix()
        rows.append([each.request.title, each.state, *sizes, format_duration(each.seconds), file])
    yield from align_columns(rows, right=frozenset({2, 3, 4}))
    for each in results:
        if each.error is not None:
            yield f"{each.request.title}: {each.error}"


def _to_json_data(result: LockResult) -> dict[str, Any]:
    selection, error = result.lock.selection if result.lock else None, result.error
    return {
        "folder": result.request.folder.as_posix(),
        "name": result.request.name or None,
        "output": result.output.as_posix() if result.output else None,
        "state": result.state,
        "kept": len(selection.kept) if selection else None,
        "bytes": selection.bytes if selection else None,
        "seconds": round(result.seconds, 1),
        "error": str(error) if error else None,
        "reason": error.reason if error else None,
        "exit_status": error.exit_status if error else 0,
    }
