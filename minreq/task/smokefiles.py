"""Find the files that a smoke needs in its working directory (``--smoke-file``)."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from minreq.errors import SmokeFileUnusable

#: Holds what Python writes by itself.
_CACHE = "__pycache__"


def locate_files(paths: Iterable[Path], find: Callable[[Path], Path] = Path) -> Mapping[str, Path]:
    """Return the files of *paths*, by their names in the working directory of a run; a folder means all files in it.

    A file has there the path that the user gave, without leading ``..``; an absolute path counts by its last part.
    *find* returns where a path lies now. Raises ``SmokeFileUnusable``.
    """
    files: dict[str, Path] = {}
    for path in paths:
        for name, file in _list_files(path, find(path)):
            if files.setdefault(name, file) != file:
                raise SmokeFileUnusable(str(path), f"{files[name]} would have the same place, {name}")
    for name in files:
        if above := next((str(each) for each in Path(name).parents if str(each) in files), None):
            raise SmokeFileUnusable(above, f"{name} needs a folder in its place")
    return files


def _list_files(path: Path, place: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of *path*, which lies at *place*, each with its name in a run."""
    name = _name_in_run(path)
    if not name.parts:
        raise SmokeFileUnusable(str(path), "it holds the working directory; name files or folders in it")
    if not place.exists():
        raise SmokeFileUnusable(str(path), f"there is no such file{_suggest_name(place)}")
    if place.is_dir():
        inner = (each for each in sorted(place.rglob("*")) if each.is_file())
        found = [(name / each.relative_to(place), each) for each in inner if _CACHE not in each.parts]
    elif place.is_file():
        found = [(name, place)]
    else:
        raise SmokeFileUnusable(str(path), "it is neither a file nor a folder")
    for inner_name, file in found:
        if not os.access(file, os.R_OK):
            raise SmokeFileUnusable(str(path), f"{file} cannot be read")
        yield inner_name.as_posix(), file.absolute()


def _name_in_run(path: Path) -> Path:
    if path.is_absolute():
        return Path(path.name)
    parts = Path(os.path.normpath(path)).parts
    return Path(*(each for each in parts if each != ".."))


def _suggest_name(missing: Path) -> str:
    neighbours = sorted(each.name for each in missing.parent.iterdir()) if missing.parent.is_dir() else []
    nearest = difflib.get_close_matches(missing.name, neighbours, n=1)
    return f"; did you mean {missing.with_name(nearest[0])}?" if nearest else ""
