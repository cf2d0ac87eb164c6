"""The imports of whole distributions, read by several processes, and kept beside the unpacked wheel of each hash."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from packaging.utils import NormalizedName

from minreq.exposure.source import Lines, Place, read_lines, read_places
from minreq.system import temporary

_FILENAME = "imports.json"
#: Changes with what is kept.
_VERSION = 2
#: With fewer bytes than this, another process would take longer to begin than to read them.
_WORTHWHILE = 4_000_000

T = TypeVar("T")


@dataclass(slots=True)
class Reading:
    """What is known of the files of one distribution."""

    tree: Path
    lines: dict[str, Lines] = field(default_factory=dict)
    #: Of those files that mattered so far: a syntax tree of each would take a minute.
    places: dict[str, tuple[Place, ...]] = field(default_factory=dict)
    is_new: bool = False


class Readings:
    """What is known of all files, by path below ``site-packages``; *folders* are the trees of distributions.

    With *remember* what was read of a tree is kept beside it, for the next time.
    """

    def __init__(self, folders: Mapping[NormalizedName, Path], *, remember: bool) -> None:
        self._remember = remember
        self._of = {name: _remembered(folder) if remember else Reading(folder) for name, folder in folders.items()}
        new = {name: list(_python_files(each.tree)) for name, each in self._of.items() if not each.lines}
        read = self._each(_lines, [(name, file) for name, files in sorted(new.items()) for file in files])
        for (name, file), lines in read.items():
            self._of[name].lines[file] = lines
            self._of[name].is_new = True
        self.owners = {file: name for name, each in sorted(self._of.items()) for file in each.lines}

    def lines(self, file: str) -> Lines:
        """What the lines of *file* say."""
        return self._of[self.owners[file]].lines[file]

    def places(self, file: str) -> tuple[Place, ...]:
        """The imports of *file*."""
        self.look_into([file])
        return self._of[self.owners[file]].places[file]

    def look_into(self, files: Iterable[str]) -> None:
        """Read the syntax trees of *files*, those that are not known yet."""
        new = [(self.owners[file], file) for file in files if file not in self._of[self.owners[file]].places]
        for (name, file), places in self._each(_places, new).items():
            self._of[name].places[file] = places
            self._of[name].is_new = True

    def keep(self) -> None:
        """Keep what was read; a store that cannot be written is no reason to fail."""
        for each in self._of.values():
            if self._remember and each.is_new:
                with suppress(OSError):
                    _write(each)

    def _each(
        self, read: Callable[[str, str], T], files: Sequence[tuple[NormalizedName, str]]
    ) -> dict[tuple[NormalizedName, str], T]:
        paths = [str(self._of[name].tree / file) for name, file in files]
        names = [file for _, file in files]
        processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
        if processes > 1 and sum(map(os.path.getsize, paths)) > _WORTHWHILE:
            # Not forked: threads of this process may hold locks.
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(processes, context) as pool:
                chunk = max(len(files) // (processes * 8), 1)
                return dict(zip(files, pool.map(read, paths, names, chunksize=chunk), strict=True))
        return dict(zip(files, map(read, paths, names), strict=True))


def _lines(path: str, file: str) -> Lines:
    return read_lines(Path(path).read_bytes(), file)


def _places(path: str, file: str) -> tuple[Place, ...]:
    return read_places(path, file)


def _python_files(folder: Path) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".py"):
                yield Path(path, file).relative_to(folder).as_posix()


# A line with the digest of the rest comes first: what a crash left half is read anew.


def _remembered(tree: Path) -> Reading:
    with suppress(OSError, ValueError, TypeError, KeyError):
        digest, _, text = (tree.parent / _FILENAME).read_bytes().partition(b"\n")
        document: dict[str, Any] = json.loads(text) if digest == _digest(text) else {}
        if document.get("version") == _VERSION:
            return Reading(
                tree,
                {file: _lines_of(*each) for file, each in document["lines"].items()},
                {file: tuple(map(_place_of, each)) for file, each in document["places"].items()},
            )
    return Reading(tree)


def _lines_of(imports: list[Any], names: list[Any], calls: list[str]) -> Lines:
    return Lines(
        imports=tuple((line, tuple(modules)) for line, modules in imports),
        names=tuple((line, name) for line, name in names),
        calls=tuple(calls),
    )


def _place_of(fields: list[Any]) -> Place:
    line, modules, function, probes, calls, never_runs, handler, raised_again = fields
    return Place(
        line=line,
        modules=tuple(modules),
        function=function,
        probes=probes,
        calls=calls,
        never_runs=never_runs,
        handler=handler,
        raised_again=raised_again,
    )


def _write(reading: Reading) -> None:
    document = {
        "version": _VERSION,
        "lines": {file: astuple(each) for file, each in reading.lines.items()},
        "places": {file: list(map(astuple, each)) for file, each in reading.places.items()},
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    folder = reading.tree.parent
    temporary.sweep(folder)
    with temporary.folder(folder) as unfinished:
        new = unfinished / _FILENAME
        new.write_bytes(_digest(text) + b"\n" + text)
        new.replace(folder / _FILENAME)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()
