"""An index of the imports and calls in distributions. Processes build it; a cache lies beside each unpacked wheel."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from packaging.utils import NormalizedName

from minreq.exposure import callrecords
from minreq.exposure.callparser import CallFacts, read_calls
from minreq.exposure.parser import ImportLines, ImportStatement, read_lines, read_statements
from minreq.source.optionalimports import MAX_SOURCE_BYTES
from minreq.system import cachefile, regularfile, temporary
from minreq.system.workers import call_in_processes

_FILENAME = "imports.json"
#: The version of the cache file. Raise it when the content changes.
_VERSION = 4
#: For fewer bytes, starting a process takes longer than reading them here.
_MIN_BYTES_FOR_PROCESSES = 4_000_000

T = TypeVar("T")


@dataclass(slots=True)
class DistributionImports:
    """The imports and calls in the files of one distribution, by path below ``site-packages``."""

    tree: Path
    lines: dict[str, ImportLines] = field(default_factory=dict)
    #: Only for files that were asked for: parsing all files would take a minute.
    statements: dict[str, tuple[ImportStatement, ...]] = field(default_factory=dict)
    #: The same, as `callrecords` writes them.
    calls: dict[str, list[Any]] = field(default_factory=dict)
    is_new: bool = False


class ImportIndex:
    """The imports and calls in the files of several distributions, by path below ``site-packages``.

    *folders* are the trees of the distributions. With *use_cache* they are read from, and saved to, a cache file beside
    each tree.
    """

    def __init__(self, folders: Mapping[NormalizedName, Path], *, use_cache: bool) -> None:
        self._use_cache = use_cache
        self._distributions = {
            name: _load_cached(folder) if use_cache else DistributionImports(folder) for name, folder in folders.items()
        }
        new = {name: list(_python_files(each.tree)) for name, each in self._distributions.items() if not each.lines}
        read = self._map_files(_read_lines_of, [(name, file) for name, files in sorted(new.items()) for file in files])
        for (name, file), lines in read.items():
            self._distributions[name].lines[file] = lines
            self._distributions[name].is_new = True
        self.owners = {file: name for name, each in sorted(self._distributions.items()) for file in each.lines}

    def lines(self, file: str) -> ImportLines:
        """What the lines of *file* import."""
        return self._distributions[self.owners[file]].lines[file]

    def statements(self, file: str) -> tuple[ImportStatement, ...]:
        """The import statements of *file*."""
        self.parse_files([file])
        return self._distributions[self.owners[file]].statements[file]

    def parse_files(self, files: Iterable[str]) -> None:
        """Parse those of *files* that are not parsed yet."""
        new = [
            (self.owners[file], file) for file in files if file not in self._distributions[self.owners[file]].statements
        ]
        for (name, file), statements in self._map_files(read_statements, new).items():
            self._distributions[name].statements[file] = statements
            self._distributions[name].is_new = True

    def read_calls(self, files: Iterable[str]) -> dict[str, CallFacts]:
        """Return the calls of *files*; those that are not in the cache are parsed."""
        asked = [(self.owners[file], file) for file in files]
        new = [(name, file) for name, file in asked if file not in self._distributions[name].calls]
        for (name, file), facts in self._map_files(read_calls, new).items():
            self._distributions[name].calls[file] = callrecords.to_record(facts)
            self._distributions[name].is_new = True
        return {file: callrecords.from_record(self._distributions[name].calls[file]) for name, file in asked}

    def read_bytes(self, file: str) -> bytes:
        """The content of *file*; nothing where it cannot be read."""
        try:
            return regularfile.read(self._distributions[self.owners[file]].tree / file, MAX_SOURCE_BYTES)
        except OSError:
            return b""

    def save(self) -> None:
        """Save what is new in the cache, if it is used. A cache that cannot be written is no error."""
        for each in self._distributions.values():
            if self._use_cache and each.is_new:
                _save(each)

    def _map_files(
        self, read: Callable[[str, str], T], files: Sequence[tuple[NormalizedName, str]]
    ) -> dict[tuple[NormalizedName, str], T]:
        paths = [str(self._distributions[name].tree / file) for name, file in files]
        names = [file for _, file in files]
        processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
        if processes > 1 and sum(map(os.path.getsize, paths)) > _MIN_BYTES_FOR_PROCESSES:
            step = max(len(files) // (processes * 8), 1)
            parts = [
                (read, paths[start : start + step], names[start : start + step]) for start in range(0, len(files), step)
            ]
            read_parts = dict(call_in_processes(_read_part, parts, processes))
            return dict(
                zip(files, chain.from_iterable(read_parts[number] for number in range(len(parts))), strict=True)
            )
        return dict(zip(files, map(read, paths, names), strict=True))


def _read_part(part: tuple[Callable[[str, str], T], Sequence[str], Sequence[str]]) -> list[T]:
    read, paths, names = part
    return [*map(read, paths, names)]


def _read_lines_of(path: str, file: str) -> ImportLines:
    return read_lines(Path(path).read_bytes(), file)


def _python_files(folder: Path) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".py"):
                yield Path(path, file).relative_to(folder).as_posix()


def _load_cached(tree: Path) -> DistributionImports:
    text = cachefile.read(tree.parent / _FILENAME)
    with suppress(ValueError, TypeError, KeyError):
        document: dict[str, Any] = json.loads(text) if text is not None else {}
        if document.get("version") == _VERSION:
            return DistributionImports(
                tree,
                {file: _load_lines(*each) for file, each in document["lines"].items()},
                {file: tuple(map(_load_statement, each)) for file, each in document["places"].items()},
                document["calls"],
            )
    return DistributionImports(tree)


def _load_lines(imports: list[Any], module_texts: list[Any], called_modules: list[str]) -> ImportLines:
    return ImportLines(
        imports=tuple((line, tuple(modules)) for line, modules in imports),
        module_texts=tuple((line, name) for line, name in module_texts),
        called_modules=tuple(called_modules),
    )


def _load_statement(fields: list[Any]) -> ImportStatement:
    line, modules, function, is_probe, is_call, never_runs, handler, raised_again, raised_names = fields
    return ImportStatement(
        line=line,
        modules=tuple(modules),
        function=function,
        is_probe=is_probe,
        is_call=is_call,
        never_runs=never_runs,
        handler=handler,
        raised_again=raised_again,
        raised_names=tuple(raised_names),
    )


def _save(imports: DistributionImports) -> None:
    document = {
        "version": _VERSION,
        "lines": {file: astuple(each) for file, each in imports.lines.items()},
        "places": {file: list(map(astuple, each)) for file, each in imports.statements.items()},
        "calls": imports.calls,
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    folder = imports.tree.parent
    temporary.remove_abandoned(folder)
    cachefile.write(folder / _FILENAME, text, folder)
