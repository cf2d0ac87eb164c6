"""Finds the imports in the code of a lock that would reach a left-out distribution, without running the code.

A statement or a text may name a module; tables of lazy imports have such texts. The source does not show names that are
put together at run time (``import_module(prefix + name)``), or the imports of compiled code: these are not found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from minreq.exposure.importindex import ImportIndex
from minreq.exposure.parser import ImportStatement, module_of
from minreq.model import Frame, Lock
from minreq.source.modulenames import with_parents

#: ``traced``: the trace loaded the file; ``led to``: files that it loaded import the file; ``apart``: neither.
Reach = Literal["traced", "led to", "apart"]

#: Stands for the function where a file names a module in a text.
_BY_NAME = "by name"
_REACHES: tuple[Reach, ...] = ("traced", "led to", "apart")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSite:
    """A place in kept code that would import a module of a left-out distribution."""

    #: The left-out distribution, and the module of it that the place imports.
    distribution: NormalizedName
    module: str
    #: The distribution of the place.
    importer: NormalizedName
    #: The file is below ``site-packages``. The function has its classes before it; ``<module>``: in no function.
    frame: Frame
    #: The handler of the failure, around the import or in a file that leads here; ``None``: nothing handles it.
    handler: str | None
    #: A handler that catches the failure and raises an error, most likely with advice for the user.
    raised_again: str | None = None
    reach: Reach
    #: For ``led to``: the place in traced code that leads here, and by how many imports.
    led_by: Frame | None = None
    steps: int = 0
    #: Whether the trace declined this import, and the program went on.
    declined: bool = False

    @property
    def unguarded(self) -> bool:
        """Whether traced code leads here and nothing handles the failure."""
        return self.handler is None and not self.declined and self.reach != "apart"


def find_import_sites(
    lock: Lock, folders: Mapping[NormalizedName, Path], *, use_cache: bool = False
) -> tuple[ImportSite, ...]:
    """Return the import sites in *folders*, the unpacked trees of the kept distributions of *lock*.

    The most important sites come first: unguarded ones in traced code, then unguarded ones a few imports away, then
    handled ones, those the trace declined, and those that no traced code leads to. Among equals the
    root comes first, because programs call the root. With *use_cache* the imports are cached beside the trees.
    """
    index = ImportIndex(folders, use_cache=use_cache)
    graph = _ImportGraph(index, frozenset(file for kept in lock.selection.kept for file in kept.loaded))
    left_out_modules = _left_out_modules(lock)
    declined = {
        (asker.frame.file, asker.frame.line, each.candidate.name)
        for each in lock.selection.left_out
        for asker in each.askers
        if asker.frame is not None
    }
    naming_files = graph.find_files_naming(left_out_modules)
    index.parse_files(naming_files)
    found = {site for file in naming_files for site in _sites_of(file, graph, left_out_modules, declined)}
    index.save()
    return tuple(sorted(found, key=lambda site: _sort_key(site, lock.resolution.root)))


def _sort_key(site: ImportSite, root: NormalizedName) -> tuple[object, ...]:
    return (
        not site.unguarded,
        site.declined,
        _REACHES.index(site.reach),
        site.handler is not None,
        # Programs call the root.
        site.importer != root,
        site.raised_again is not None,
        site.steps,
        site.frame.file,
        site.frame.line,
        site.module,
    )


def _left_out_modules(lock: Lock) -> Mapping[str, NormalizedName]:
    """The outermost modules that cannot be imported, each with its distribution."""
    return {module: each.candidate.name for each in lock.left_out for module in each.modules}


def _sites_of(
    file: str,
    graph: _ImportGraph,
    left_out_modules: Mapping[str, NormalizedName],
    declined: set[tuple[str, int, NormalizedName]],
) -> Iterator[ImportSite]:
    for statement in graph.statements(file):
        for module in statement.modules:
            owner = next((left_out_modules[name] for name in with_parents(module) if name in left_out_modules), None)
            if owner is None or statement.never_runs:
                continue
            chain = graph.find_chain(file, statement)
            yield ImportSite(
                distribution=owner,
                module=module,
                importer=graph.owners[file],
                frame=Frame(file=file, line=statement.line, function=statement.function),
                handler=statement.handler or chain.handler,
                raised_again=statement.raised_again,
                reach=chain.reach,
                led_by=chain.led_by,
                steps=chain.steps,
                declined=(file, statement.line, owner) in declined,
            )
            break  # ``from a import b`` names two modules, and is one site.


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImportChain:
    """The shortest chain of imports from traced code to a file."""

    reach: Reach
    led_by: Frame | None = None
    steps: int = 0
    #: A handler, where every chain to the file has one.
    handler: str | None = None


class _ImportGraph:
    """Which file of the kept distributions imports which, by path below ``site-packages``."""

    def __init__(self, index: ImportIndex, loaded: frozenset[str]) -> None:
        self._index = index
        self._loaded = loaded
        self.owners = index.owners
        self.statements = index.statements

    def find_files_naming(self, modules: Iterable[str]) -> list[str]:
        """The files that may import one of *modules*."""
        tops = {module.partition(".")[0] for module in modules}
        return [file for file in self.owners if not tops.isdisjoint(self._index.lines(file).tops)]

    def find_chain(self, file: str, statement: ImportStatement) -> _ImportChain:
        """The shortest chain of imports from traced code to *statement* of *file*.

        A lazy import fails in the call of its function. An import at module level fails the import of its file, so a
        handler around that import catches it.
        """
        if file in self._loaded:
            return _ImportChain(reach="traced")
        caught: str | None = None
        waiting = deque([(file, not statement.is_lazy, 0)])
        visited = {waiting[0][:2]}
        while waiting:
            module, fails, steps = waiting.popleft()
            for importer, via in self._confirmed_importers(module):
                handler = via.handler if fails else None
                if handler is not None:
                    caught = caught or handler
                    continue
                if importer in self._loaded:
                    led_by = Frame(file=importer, line=via.line, function=via.function)
                    return _ImportChain(reach="led to", led_by=led_by, steps=steps + 1)
                state = (importer, fails and not via.is_lazy)
                if state not in visited:
                    visited.add(state)
                    waiting.append((*state, steps + 1))
        return _ImportChain(reach="apart", handler=caught)

    def _confirmed_importers(self, file: str) -> Iterator[tuple[str, ImportStatement]]:
        """The reachable files that import *file*, as their syntax trees confirm, or name it in a text."""
        for importer, line, by_name in self._importers.get(file, ()):
            if importer not in self._reachable:
                continue
            if by_name:
                # The import by that name happens in a call elsewhere, with an unknown handler.
                yield importer, ImportStatement(line=line, modules=(), function=_BY_NAME)
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
    def _reachable(self) -> frozenset[str]:
        """The loaded files, and all files that their lines seem to import, directly or not."""
        forward: dict[str, set[str]] = {}
        for target, importers in self._importers.items():
            for importer, _, _ in importers:
                forward.setdefault(importer, set()).add(target)
        found, waiting = set(self._loaded), list(self._loaded)
        while waiting:
            new = forward.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)
