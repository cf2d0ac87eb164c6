"""Finds the imports in the code of a lock that would reach a left-out distribution, without running the code.

A statement or a text may name a module; tables of lazy imports have such texts. The source does not show names that are
put together at run time (``import_module(prefix + name)``), or the imports of compiled code: these are not found.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.exposure.callers import CallerSearch, PublicFunction
from minreq.exposure.callgraph import CallGraph
from minreq.exposure.features import Features
from minreq.exposure.importgraph import ImportChain, ImportGraph, Reach
from minreq.exposure.importindex import ImportIndex
from minreq.exposure.parser import ImportStatement
from minreq.exposure.publicnames import PublicNames
from minreq.exposure.sourcefiles import SourceFiles
from minreq.model import Frame, Lock, Request
from minreq.source.modulenames import with_parents

_NO_FEATURES = Features()
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
    #: Whether the trace declined this import, and the program went on; ``False`` where another way, without the handler
    #: that the trace met, leads here too.
    declined: bool = False
    #: The public functions of kept distributions that lead here, those first that programs most likely call.
    functions: tuple[PublicFunction, ...] = ()
    #: The features of the profile whose smoke needs the distribution.
    features: tuple[str, ...] = ()

    @property
    def unguarded(self) -> bool:
        """Whether traced code leads here and nothing handles the failure."""
        return self.handler is None and not self.declined and self.reach != "apart"


def find_import_sites(
    lock: Lock,
    folders: Mapping[NormalizedName, Path],
    *,
    use_cache: bool = False,
    features: Features = _NO_FEATURES,
) -> tuple[ImportSite, ...]:
    """Return the import sites in *folders*, the unpacked trees of the kept distributions of *lock*.

    The most important sites come first: unguarded ones that a public function leads to, other unguarded ones, then
    handled ones, those the trace declined, and those that no traced code leads to. A function that a top-level package
    exports counts more than others, and a distribution that a feature of the profile needs more than others. Among
    equals the root comes first, because programs call the root. With *use_cache* the imports are cached beside the
    trees.
    """
    index = ImportIndex(folders, use_cache=use_cache)
    graph = ImportGraph(index, frozenset(file for kept in lock.selection.kept for file in kept.loaded))
    left_out_modules = _left_out_modules(lock)
    naming_files = graph.find_files_naming(left_out_modules)
    index.parse_files(naming_files)
    distances = _distances(lock)
    finder = _SiteFinder(lock, graph, _caller_search(index, graph, distances), features, distances)
    found = {site for file in naming_files for site in finder.sites_of(file, left_out_modules)}
    index.save()
    return tuple(sorted(found, key=finder.sort_key))


def _left_out_modules(lock: Lock) -> Mapping[str, NormalizedName]:
    """The outermost modules that cannot be imported, each with its distribution."""
    return {module: each.candidate.name for each in lock.left_out for module in each.modules}


def _distances(lock: Lock) -> Mapping[NormalizedName, int]:
    """How many requirements each distribution is away from what programs call: 0 for a root, 1 for what it requires."""
    requested = {
        each.candidate.name
        for each in lock.selection.kept
        if isinstance(each.evidence, Request) and not each.evidence.asked_by.startswith("required by")
    }
    waiting = deque((name, 0) for name in sorted({lock.resolution.root, *requested}))
    found: dict[NormalizedName, int] = {}
    while waiting:
        name, distance = waiting.popleft()
        if name not in found:
            found[name] = distance
            waiting.extend((each, distance + 1) for each in sorted(lock.resolution.requires.get(name, ())))
    return found


def _caller_search(index: ImportIndex, graph: ImportGraph, distances: Mapping[NormalizedName, int]) -> CallerSearch:
    imports = {file: {module for _, names in index.lines(file).imports for module in names} for file in graph.reachable}
    files = SourceFiles(imports, index.read_bytes, index.read_calls)
    calls = CallGraph(files)
    return CallerSearch(calls, PublicNames(index, files, calls), index.owners, distances)


def _rank(function: PublicFunction | None) -> int:
    """How unlikely programs call *function*, which is exported at the top, farther in, or not at all."""
    if function is None:
        return 3
    return 0 if function.is_top_level else 1 if function.is_exported else 2


class _SiteFinder:
    """Finds the import sites of a file, with the public functions that lead to each."""

    def __init__(
        self,
        lock: Lock,
        graph: ImportGraph,
        search: CallerSearch,
        features: Features,
        distances: Mapping[NormalizedName, int],
    ) -> None:
        self._root = lock.resolution.root
        self._graph = graph
        self._search = search
        self._features = features
        self._distances = distances
        #: The imports that the trace declined, each with the handler around it.
        self._declined = {
            (asker.frame.file, asker.frame.line, each.candidate.name): asker.why_optional
            for each in lock.selection.left_out
            for asker in each.askers
            if asker.frame is not None
        }

    def sites_of(self, file: str, left_out_modules: Mapping[str, NormalizedName]) -> Iterator[ImportSite]:
        """The import sites of *file*."""
        for statement in self._graph.statements(file):
            for module in statement.modules:
                names = with_parents(module)
                owner = next((left_out_modules[name] for name in names if name in left_out_modules), None)
                if owner is not None and not statement.never_runs:
                    yield self._site(file, statement, module, owner)
                    break  # ``from a import b`` names two modules, and is one site.

    def _site(self, file: str, statement: ImportStatement, module: str, owner: NormalizedName) -> ImportSite:
        chain = self._graph.find_chain(file, statement)
        handler = statement.handler or chain.handler
        key = (file, statement.line, owner)
        # The trace met a handler, and this chain of imports has none: it is another.
        is_other_chain = bool(self._declined.get(key)) and chain.reach == "led to" and handler is None
        return ImportSite(
            distribution=owner,
            module=module,
            importer=self._graph.owners[file],
            frame=Frame(file=file, line=statement.line, function=statement.function),
            handler=handler,
            raised_again=statement.raised_again,
            reach=chain.reach,
            led_by=chain.led_by,
            steps=chain.steps,
            declined=key in self._declined and not is_other_chain,
            functions=self._functions(chain, statement),
            features=self._features.adding.get(owner, ()),
        )

    def _functions(self, chain: ImportChain, statement: ImportStatement) -> tuple[PublicFunction, ...]:
        """The public functions that lead to *statement*, those first that programs most likely call."""
        if chain.fails_at is None:
            return ()
        found = self._search.find(chain.fails_at, frozenset(statement.raised_names), statement.handler)
        return tuple(sorted(found, key=self._function_key))

    def _function_key(self, function: PublicFunction) -> tuple[object, ...]:
        return (
            function.name not in self._features.functions_not_run,
            function.name not in self._features.known_functions,
            _rank(function),
            self._distances.get(function.distribution, len(self._distances)),
            function.calls,
            function.name,
        )

    def sort_key(self, site: ImportSite) -> tuple[object, ...]:
        """The place of *site* in the list."""
        best = site.functions[0] if site.functions else None
        return (
            not site.unguarded,
            site.declined,
            # What a public function leads to.
            best is None or best.name not in self._features.functions_not_run,
            _rank(best),
            # The profile knows that programs need it: for a feature that the smoke did not run.
            not site.features,
            _REACHES.index(site.reach),
            site.handler is not None,
            self._distances.get(best.distribution, len(self._distances)) if best else 0,
            # Programs call the root.
            site.importer != self._root,
            site.raised_again is not None,
            site.steps,
            site.frame.file,
            site.frame.line,
            site.module,
        )
