"""Finds every lock that ``pyproject.toml`` files configure, for ``minreq lock --all``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from minreq.config.options import OPTIONS
from minreq.config.pyproject import find_configuration, has_table
from minreq.errors import InvalidOptions
from minreq.system import regularfile

_FILE = "pyproject.toml"
#: Folders of other people's code, of tools and of builds. Hidden folders are skipped too.
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
#: A folder with this file is a virtual environment (PEP 405).
_ENVIRONMENT_MARKER = "pyvenv.cfg"


def find_project_folders(folder: Path | None) -> tuple[Path, ...]:
    """Return the folders whose ``pyproject.toml`` has ``[tool.minreq]``, sorted.

    These are all below *folder*; for ``None``, the nearest one, here or above. Raises ``InvalidOptions`` if there is
    none, and ``ConfigurationUnreadable`` for the nearest file that cannot be read; below *folder* such a file counts,
    and the lock reports it.
    """
    if folder is None:
        found = find_configuration(Path())
        if found is None:
            raise InvalidOptions(
                [f"--all makes the locks of [tool.minreq] of {_FILE}, and there is none here or above"]
            )
        return (found.file.parent,)
    if not folder.is_dir():
        raise InvalidOptions([f"--all {folder}: there is no such folder"])
    folders = tuple(sorted(_walk(folder)))
    if not folders:
        raise InvalidOptions([f"--all {folder}: no {_FILE} in it, or below it, has [tool.minreq]"])
    return folders


def _walk(folder: Path) -> Iterator[Path]:
    for place, names, files in os.walk(folder):
        if _ENVIRONMENT_MARKER in files:
            names.clear()
            continue
        names[:] = [each for each in names if not each.startswith(".") and each not in _SKIPPED]
        if _FILE in files and regularfile.is_file(Path(place, _FILE)) and has_table(Path(place, _FILE)):
            yield Path(place)


def move_paths(flags: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """Return *flags*, whose paths are relative to the working directory, with paths relative to *folder*."""
    paths = {option.field for option in OPTIONS.values() if option.path}
    return {name: _move(value, folder) if name in paths else value for name, value in flags.items()}


def _move(value: Any, folder: Path) -> Any:
    if isinstance(value, tuple):
        return tuple(_move(each, folder) for each in value)
    # A URL, or the name of an interpreter on PATH, is no path; a smoke may be a command line.
    if value is None or Path(value).is_absolute() or "://" in str(value) or not Path(value).exists():
        return value
    return type(value)(os.path.relpath(Path(value).absolute(), folder.absolute()))
