"""Decide which imports are deferred: those that the import of the program does not need, and that save enough.

All imports that could be deferred are, then the program is imported from the edited tree. A name that was looked up
goes, and so does an edit that keeps nothing from being loaded. That is repeated until nothing changes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, field, replace

from minreq.analyze.kinds import BUILD_MODULES
from minreq.build.lazy.edits import Edit, EditSet
from minreq.build.lazy.graph import LoadGraph
from minreq.build.lazy.search import find_culprit
from minreq.imports.sourcemodule import SourceModule
from minreq.imports.watch import Cost, ImportRecord
from minreq.source.modulenames import resolve_dots, with_parents

#: More rounds than it ever takes.
_ROUNDS = 30
#: What saves little goes first: what it loads others need not keep from being loaded.
_PARTS_OF_BOUND = (0.125, 0.25, 0.5, 1.0)
_STAR = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]*\(?[ \t]*\*", re.MULTILINE)

STAR_IMPORT = "another module imports all names of the module"
SAME_NAME = "a submodule has the name, and is set in its place when it is loaded"
ASSIGNED = "code assigns the name in the other module, and it may be another value later"
IMPORT_FAILS = "the import fails with it"

#: Imports from the tree with the edits, and returns what happened.
Trial = Callable[[EditSet], ImportRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportFacts:
    """What is known of the import of a program from the whole tree."""

    #: The modules of the tree that are loaded and whose source can be read.
    modules: Mapping[str, SourceModule]
    #: All loaded modules, and the files of those in the tree.
    loaded: frozenset[str]
    in_tree: frozenset[str]
    importers: Mapping[str, str]
    costs: Mapping[str, Cost]
    #: Modules of the tree that change something outside of themselves, and what.
    effects: Mapping[str, Sequence[str]]
    #: Modules without ``__all__`` of which another module imports all names.
    star_imported: frozenset[str]
    #: All modules of the tree, loaded or not.
    known: frozenset[str] = frozenset()
    #: Packages without a source, by name.
    namespaces: frozenset[str] = frozenset()
    #: By module: the modules that it has as attributes under their own names, besides its submodules.
    aliases: Mapping[str, Collection[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPlan:
    """The edits that a build tries, and how it found them."""

    edits: EditSet
    #: How many names the loaded modules import, and why so many of them are not deferred.
    imports: int
    refusals: Mapping[str, int]
    #: Names that could be deferred by their sources, and how many of them the import looks up.
    candidates: int
    read: int
    #: Edits that were tried, and why they are undone.
    undone: Mapping[Edit, str] = field(default_factory=dict)
    #: What each edit saves: its part of the modules that it and others keep from being loaded.
    savings: Mapping[Edit, Cost] = field(default_factory=dict)


def find_star_imported(sources: Iterable[tuple[str, bytes, bool]]) -> frozenset[str]:
    """Return the modules of which one of *sources* imports all names: module, text, and whether it is a package."""
    found = set()
    for module, source, is_package in sources:
        package = module if is_package else module.rpartition(".")[0]
        named = {resolve_dots(each.decode("utf-8", "replace"), package) for each in _STAR.findall(source)}
        found |= named - {module, ""}
    return frozenset(found)


class Planner:
    """Finds the edits for one import."""

    def __init__(self, facts: ImportFacts, *, bound: float) -> None:
        self._facts = facts
        self._bound = bound
        self._graph = LoadGraph(facts.modules, facts.loaded, facts.importers)
        self._refusals = Counter[str]()
        #: Modules whose names somebody imports all; a name that is not there yet would be missing.
        self._open = frozenset(
            name for name in facts.star_imported if name in facts.modules and not facts.modules[name].has_all
        )
        self._assigned = frozenset[str]().union(*(each.assigned for each in facts.modules.values()))
        #: Modules that change others, or may do so.
        self._effects = facts.effects.keys() | {
            name for name, module in facts.modules.items() if module.changes_imported and name in facts.in_tree
        }
        self._candidates = frozenset(self._find_candidates())
        self._read: set[Edit] = set()
        self._undone: dict[Edit, str] = {}

    def _find_candidates(self) -> Iterable[Edit]:
        for name, module in self._facts.modules.items():
            if name.partition(".")[0] in BUILD_MODULES:
                # Such as the finder of cold files: its imports are where they have to be.
                continue
            is_open = name in self._open
            for each, imported in module.imports.items():
                if not any(target in self._facts.in_tree for target in imported.modules):
                    continue
                submodule = f"{name}.{each}"
                refusal = module.refusals.get(each)
                if refusal is None and submodule in self._facts.known and submodule != imported.modules[-1]:
                    refusal = SAME_NAME
                if refusal is None and ".".join(imported.read_from or ()) in self._assigned:
                    refusal = ASSIGNED
                if refusal is None and is_open and not each.startswith("_"):
                    refusal = STAR_IMPORT
                if refusal:
                    self._refusals[refusal] += 1
                else:
                    yield name, each

    def plan(self, trial: Trial) -> EditPlan:
        """Return the edits that hold in *trial*, which imports from the edited tree."""
        edits, pool = self._settle(self._candidates, trial)
        dearest = self._keep_dearest(pool)
        if not edits.names <= dearest:
            edits, _ = self._settle(dearest, trial)
        return EditPlan(
            edits=edits,
            imports=len(self._candidates) + self._refusals.total(),
            refusals=dict(self._refusals.most_common()),
            candidates=len(self._candidates),
            read=len(self._read),
            undone=dict(self._undone),
            savings=self._share_savings(edits.names),
        )

    def _settle(self, names: frozenset[Edit], trial: Trial) -> tuple[EditSet, frozenset[Edit]]:
        """Return those of *names* in loaded modules that the import does not look up, and that save something.

        The second result has the names in modules that are no longer loaded, too.
        """
        edits, running = EditSet(names=names), frozenset[str]()
        for _ in range(_ROUNDS):
            # An edit in a module that is not loaded has no effect.
            running |= self._graph.load(self._graph.roots, names)
            edits = edits.with_names(each for each in names if each[0] in running)
            record = trial(edits)
            if record.error:
                names -= {self._find_culprit(edits, trial, record.failure)}
                continue
            names -= record.resolved
            self._read |= record.resolved & edits.names
            loaded = frozenset(record.modules) & self._facts.loaded
            missed = {each for each in names if each[0] in loaded - running}
            running |= loaded
            following = self._complete(edits.with_names(names & edits.names), loaded)
            if following == edits and not missed:
                useless = edits.names - self._useful(edits.names, loaded)
                if not useless:
                    return edits, names
                names -= useless
            edits = following
        return edits, names

    def _find_culprit(self, edits: EditSet, trial: Trial, failure: str) -> Edit:
        def passes(names: Sequence[Edit]) -> bool:
            return not trial(edits.with_names(names)).error

        if not edits.names or not passes(()):
            raise LazyFails([f"the import fails: {failure}"])
        culprit = find_culprit(sorted(edits.names), passes)
        self._undone[culprit] = f"{IMPORT_FAILS}: {failure}"
        return culprit

    def _useful(self, names: AbstractSet[Edit], loaded: Collection[str]) -> frozenset[Edit]:
        """Return those of *names* that keep a module from being loaded: directly, or through a name deferred there."""
        running = {each for each in names if each[0] in loaded}
        useful = {each for each in running if not self._graph.targets(each) <= frozenset(loaded)}
        more = useful
        while more:
            origins = {each: self._facts.modules[each[0]].imports[each[1]] for each in running - useful}
            more = {each for each, found in origins.items() if found.read_from in useful}
            useful |= more
        return frozenset(useful)

    def _complete(self, edits: EditSet, loaded: Collection[str]) -> EditSet:
        """Return *edits* with the submodules that are no longer loaded, and loads of what has to be."""
        gone = self._facts.loaded - frozenset(loaded)
        submodules: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        unserved = set()
        for module in gone & self._facts.in_tree:
            package = module.rpartition(".")[0]
            if package and module not in self._facts.namespaces:
                # A package that is gone, too, serves them when somebody loads it.
                serving = self._serving(package)
                if serving is None:
                    unserved.add(module)
                else:
                    submodules[serving][package].add(module)
        for importer, aliases in self._facts.aliases.items():
            # One that is still loaded may be loaded too late for an import of all names.
            if edits.names and aliases:
                submodules[importer][importer] |= {*aliases}
        # What an earlier round has loaded would be gone again.
        loads: dict[Edit, set[str]] = defaultdict(set, {edit: {*its} for edit, its in edits.loads.items()})
        # A package reads a submodule as a global, which no look-up serves, or has something else under its name.
        running = self._facts.modules.keys() & loaded
        shared = {f"{name}.{each}" for name in running for each in self._facts.modules[name].shared_with_submodules}
        for module in gone & (self._effects | unserved | shared):
            place = self._place_of(module, edits.names, loaded)
            if place is not None:
                loads[place].add(module)
        return replace(
            edits,
            submodules={
                serving: tuple((package, tuple(sorted(its[package]))) for package in sorted(its))
                for serving, its in submodules.items()
            },
            loads={edit: frozenset(modules) for edit, modules in loads.items()},
        )

    def _serving(self, package: str) -> str | None:
        """Return the module whose source can serve submodules of *package*: it, or the next package with a source."""
        while package in self._facts.namespaces:
            package = package.rpartition(".")[0]
        return package if package in self._facts.modules else None

    def _place_of(self, module: str, names: AbstractSet[Edit], loaded: Collection[str]) -> Edit | None:
        """Return the edit that keeps *module* from being loaded, in the nearest importer that is loaded."""
        chain = [module]
        while chain[-1] not in loaded and chain[-1] in self._facts.importers:
            chain.append(self._facts.importers[chain[-1]])
        for importer, child in zip(chain[1:], chain, strict=False):
            found = sorted(each for each in names if each[0] == importer and child in self._related(each))
            if found:
                return found[0]
        inside = sorted(each for importer in chain[1:2] for each in names if each[0] in {importer, chain[-1]})
        return inside[0] if inside else None

    def _related(self, edit: Edit) -> frozenset[str]:
        """Return the modules that *edit* names, and their packages."""
        found = self._facts.modules[edit[0]].imports[edit[1]].modules
        return frozenset(part for each in found for part in with_parents(each))

    def _groups(self, names: AbstractSet[Edit], loaded: AbstractSet[str]) -> Mapping[frozenset[str], Sequence[Edit]]:
        """Return the edits that keep the same modules from being loaded; without all of them, these are."""
        groups: dict[frozenset[str], list[Edit]] = defaultdict(list)
        for edit in sorted(each for each in names if each[0] in loaded):
            missing = self._graph.load(self._graph.needed_for(*edit, names), names, loaded)
            groups[frozenset(missing)].append(edit)
        return groups

    def _keep_dearest(self, names: frozenset[Edit]) -> frozenset[Edit]:
        """Return *names* without those whose statements save less than the bound, the cheapest first."""
        for part in _PARTS_OF_BOUND:
            while dropped := self._find_cheap(names, self._bound * part):
                names -= dropped
        return names

    def _find_cheap(self, names: frozenset[Edit], bound: float) -> frozenset[Edit]:
        loaded = self._graph.load(self._graph.roots, names)
        dropped: set[Edit] = set()
        for missing, edits in self._groups(names, loaded).items():
            seconds = sum(self._facts.costs[each].seconds for each in missing if each in self._facts.costs)
            if seconds < bound * self._count_statements(edits):
                dropped |= {*edits}
        return frozenset(dropped)

    def _count_statements(self, edits: Iterable[Edit]) -> int:
        return len({(module, self._facts.modules[module].imports[name].statement) for module, name in edits})

    def _share_savings(self, names: frozenset[Edit]) -> Mapping[Edit, Cost]:
        # All edits are in modules that are loaded, whether or not a statement at the top of another one shows it.
        loaded = self._graph.load(self._graph.roots, names) | {module for module, _ in names}
        found: dict[Edit, Cost] = {}
        for missing, edits in self._groups(names, loaded).items():
            costs = [self._facts.costs[each] for each in missing if each in self._facts.costs]
            share = Cost(
                seconds=sum(each.seconds for each in costs) / len(edits),
                bytes=sum(each.bytes for each in costs) // len(edits),
            )
            found |= dict.fromkeys(edits, share)
        return found


class LazyFails(Exception):
    """The tree fails without any edit, or with too many of them."""

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(sentences)
        self.sentences = tuple(sentences)
