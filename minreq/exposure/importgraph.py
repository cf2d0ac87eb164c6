"""The graph of imports between files of the kept distributions."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from minreq.exposure.importindex import ImportIndex
from minreq.exposure.parser import ImportStatement, module_of
from minreq.model import Frame

#: ``traced``: the trace loaded the file; ``led to``: files that it loaded import the file; ``apart``: neither.
Reach = Literal["traced", "led to", "apart"]

#: Stands for the function where a file names a module in a text.
BY_NAME = "by name"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChain:
    """The shortest chain of imports from traced code to a file."""

    reach: Reach
    led_by: Frame | None = None
    steps: int = 0
    #: The import in a function whose failure is the failure of the statement; ``None``: none is on the chain.
    fails_at: Frame | None = None
    #: A handler, where every chain to the file has one.
    handler: str | None = None


class ImportGraph:
    """Which file of the kept distributions imports which, by path below ``site-packages``."""

    def __init__(self, index: ImportIndex, loaded: frozenset[str]) -> None:
        self._index = index
        self.loaded = loaded
        self.owners = index.owners
        self.statements = index.statements

    def find_files_naming(self, modules: Iterable[str]) -> list[str]:
        """The files that may import one of *modules*."""
        tops = {module.partition(".")[0] for module in modules}
        return [file for file in self.owners if not tops.isdisjoint(self._index.lines(file).tops)]

    def find_chain(self, file: str, statement: ImportStatement) -> ImportChain:
        """The shortest chain of imports from traced code to *statement* of *file*.

        A lazy import fails in the call of its function. An import at module level fails the import of its file, so a
        handler around that import catches it.
        """
        own = Frame(file=file, line=statement.line, function=statement.function) if statement.is_lazy else None
        if file in self.loaded:
            return ImportChain(reach="traced", fails_at=own)
        caught: str | None = None
        waiting = deque([(file, own is None, own, 0)])
        visited = {waiting[0][:2]}
        while waiting:
            module, fails, fails_at, steps = waiting.popleft()
            for importer, via in self.confirmed_importers(module):
                handler = via.handler if fails else None
                if handler is not None:
                    caught = caught or handler
                    continue
                place = Frame(file=importer, line=via.line, function=via.function)
                is_first = fails and via.is_lazy and via.function != BY_NAME
                next_fails_at = place if is_first else fails_at
                if importer in self.loaded:
                    return ImportChain(reach="led to", led_by=place, steps=steps + 1, fails_at=next_fails_at)
                state = (importer, fails and not via.is_lazy)
                if state not in visited:
                    visited.add(state)
                    waiting.append((*state, next_fails_at, steps + 1))
        return ImportChain(reach="apart", handler=caught)

    def confirmed_importers(self, file: str) -> Iterator[tuple[str, ImportStatement]]:
        """The reachable files that import *file*, as their syntax trees confirm, or name it in a text."""
        for importer, line, by_name in self._importers.get(file, ()):
            if importer not in self.reachable:
                continue
            if by_name:
                # The import by that name happens in a call elsewhere, with an unknown handler.
                yield importer, ImportStatement(line=line, modules=(), function=BY_NAME)
                continue
            for statement in self.statements(importer):
                if statement.line == line and not (statement.is_call or statement.never_runs):
                    yield importer, statement

    # Parsing every file would take a minute. Lines that look like imports are found in a second.

    @cached_property
    def _importers(self) -> Mapping[str, list[tuple[str, int, bool]]]:
        """For each file those whose lines seem to import it: file, line, and whether a text only names it."""
        files = {module_of(file): file for file in self.owners}
        found: dict[str, list[tuple[str, int, bool]]] = {}
        for file in self.owners:
            lines = self._index.lines(file)
            for line, modules in lines.imports:
                for target in {files[module] for module in modules if module in files} - {file}:
                    found.setdefault(target, []).append((file, line, False))
            for line, name in lines.module_texts:
                target_or_none = files.get(name)
                if target_or_none not in {None, file}:
                    found.setdefault(str(target_or_none), []).append((file, line, True))
        return found

    @cached_property
    def reachable(self) -> frozenset[str]:
        """The loaded files, and all files that their lines seem to import, directly or not."""
        forward: dict[str, set[str]] = {}
        for target, importers in self._importers.items():
            for importer, _, _ in importers:
                forward.setdefault(importer, set()).add(target)
        found, waiting = set(self.loaded), list(self.loaded)
        while waiting:
            new = forward.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)
