"""Decide which imports are deferred: those that the import of the program does not need, and that save enough.

All imports that could be deferred are, then the program is imported from the edited tree. A name that was looked up
goes, and so does an edit that keeps nothing from being loaded. That is repeated until nothing changes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from minreq.build.lazy.edits import Edit, EditSet
from minreq.build.lazy.graph import LoadGraph
from minreq.build.lazy.search import find_culprit
from minreq.build.lazy.sourcemodule import SourceModule
from minreq.build.lazy.watch import Cost, ImportRecord
from minreq.source.modulenames import resolve_dots

#: More rounds than it ever takes.
_ROUNDS = 30
_STAR = re.compile(rb"^[ \t]*from[ \t]+([.\w]+)[ \t]+import[ \t]*\(?[ \t]*\*", re.MULTILINE)

STAR_IMPORT = "another module imports all names of the module"
IMPORT_FAILS = "the import fails with it"
NOT_SOUND = "the source cannot be rewritten for sure"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """An import from a tree with edits, and the modules that were edited."""

    record: ImportRecord
    edited: frozenset[str]


#: Imports from the tree with the edits, and returns what happened.
Trial = Callable[[EditSet], TrialResult]


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
    #: What loads fewer modules, but not enough for the bound.
    below_bound: int
    #: The modules that the import no longer loads.
    gone: frozenset[str]
    #: Edits that were tried, and why they are undone.
    undone: Mapping[Edit, str] = field(default_factory=dict)
    #: What each edit saves: its part of the modules that it and others keep from being loaded.
    savings: Mapping[Edit, Cost] = field(default_factory=dict)


def find_star_imported(sources: Mapping[str, tuple[bytes, bool]]) -> frozenset[str]:
    """Return the modules of which one of *sources* imports all names; each source is one of a package or not."""
    found = set()
    for module, (source, is_package) in sources.items():
        package = module if is_package else module.rpartition(".")[0]
        found |= {resolve_dots(each.decode("utf-8", "replace"), package) for each in _STAR.findall(source)}
    return frozenset(found - {""})


class Planner:
    """Finds the edits for one import."""

    def __init__(self, facts: ImportFacts, *, bound: float) -> None:
        self._facts = facts
        self._bound = bound
        self._graph = LoadGraph(facts.modules, facts.loaded, facts.importers)
        self._refusals = Counter[str]()
        self._candidates = frozenset(self._find_candidates())
        self._read: set[Edit] = set()
        self._undone: dict[Edit, str] = {}

    def _find_candidates(self) -> Iterable[Edit]:
        for name, module in self._facts.modules.items():
            is_open = name in self._facts.star_imported and not module.has_all
            for each, imported in module.imports.items():
                if not any(target in self._facts.in_tree for target in imported.modules):
                    continue
                refusal = module.refusals.get(each) or (STAR_IMPORT if is_open and not each.startswith("_") else "")
                if refusal:
                    self._refusals[refusal] += 1
                else:
                    yield name, each

    def plan(self, trial: Trial) -> EditPlan:
        """Return the edits that hold in *trial*, which imports from the edited tree."""
        edits = self._settle(EditSet(names=self._candidates), trial)
        names = self._keep_dearest(edits.names)
        below = len(edits.names) - len(names)
        if below:
            edits = self._settle(edits.with_names(names), trial)
        gone = self._facts.loaded - self._graph.load(self._graph.roots, edits.names)
        return EditPlan(
            edits=edits,
            imports=len(self._candidates) + self._refusals.total(),
            refusals=dict(self._refusals.most_common()),
            candidates=len(self._candidates),
            read=len(self._read),
            below_bound=below,
            gone=gone,
            undone=dict(self._undone),
            savings=self._share_savings(edits.names),
        )

    def _settle(self, edits: EditSet, trial: Trial) -> EditSet:
        """Return *edits* without those that the import looks up, or that save nothing."""
        names, running = edits.names, frozenset[str]()
        for _ in range(_ROUNDS):
            # An edit in a module that is not loaded has no effect.
            running |= self._graph.load(self._graph.roots, names)
            edits = edits.with_names(each for each in names if each[0] in running)
            result = trial(edits)
            record = result.record
            if record.error:
                names -= {self._find_culprit(edits, trial, record.error)}
                continue
            names -= self._find_unedited(edits, result.edited) | record.resolved
            self._read |= record.resolved & edits.names
            loaded = frozenset(record.modules) & self._facts.loaded
            missed = {each for each in names if each[0] in loaded - running}
            running |= loaded
            following = self._complete(edits.with_names(names & edits.names), loaded)
            if following == edits and not missed:
                useless = edits.names - self._useful(edits.names, loaded)
                if not useless:
                    return edits
                names -= useless
            edits = following
        return edits

    def _find_culprit(self, edits: EditSet, trial: Trial, traceback: str) -> Edit:
        def passes(names: Sequence[Edit]) -> bool:
            return not trial(edits.with_names(names)).record.error

        if not edits.names or not passes(()):
            raise ImportFails(traceback)
        culprit = find_culprit(sorted(edits.names), passes)
        self._undone[culprit] = f"{IMPORT_FAILS}: {traceback.strip().splitlines()[-1]}"
        return culprit

    def _find_unedited(self, edits: EditSet, edited: Set[str]) -> frozenset[Edit]:
        unsound = frozenset(each for each in edits.names if each[0] not in edited)
        self._undone |= dict.fromkeys(unsound, NOT_SOUND)
        return unsound

    def _useful(self, names: Set[Edit], loaded: Collection[str]) -> frozenset[Edit]:
        """Return those of *names* that keep a module from being loaded: directly, or through a name deferred there."""
        running = {each for each in names if each[0] in loaded}
        useful = {each for each in running if not self._graph.targets(each) <= frozenset(loaded)}
        more = useful
        while more:
            origins = {each: self._facts.modules[each[0]].imports[each[1]] for each in running - useful}
            more = {
                each
                for each, found in origins.items()
                if len(found.modules) > 1 and (found.modules[0], found.alias.partition(" as ")[0]) in useful
            }
            useful |= more
        return frozenset(useful)

    def _complete(self, edits: EditSet, loaded: Collection[str]) -> EditSet:
        """Return *edits* with the submodules that are no longer loaded, and loads of what has to be."""
        gone = self._facts.loaded - frozenset(loaded)
        submodules: dict[str, set[str]] = defaultdict(set)
        unserved = set()
        for module in gone & self._facts.in_tree:
            package, _, name = module.rpartition(".")
            if package in gone or not package:
                continue
            if package not in self._facts.modules or package in self._facts.star_imported - self._with_all():
                unserved.add(module)
            else:
                submodules[package].add(name)
        loads: dict[Edit, set[str]] = defaultdict(set)
        for module in gone & (self._facts.effects.keys() | unserved):
            place = self._place_of(module, edits.names, loaded)
            if place is not None:
                loads[place].add(module)
        return replace(
            edits,
            submodules={package: frozenset(names) for package, names in submodules.items()},
            loads={edit: frozenset(modules) for edit, modules in loads.items()},
        )

    def _with_all(self) -> frozenset[str]:
        return frozenset(name for name, module in self._facts.modules.items() if module.has_all)

    def _place_of(self, module: str, names: Set[Edit], loaded: Collection[str]) -> Edit | None:
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
        return frozenset(part for each in found for part in _parents(each))

    def _groups(self, names: Set[Edit], loaded: Set[str]) -> Mapping[frozenset[str], Sequence[Edit]]:
        """Return the edits that keep the same modules from being loaded; without all of them, these are."""
        groups: dict[frozenset[str], list[Edit]] = defaultdict(list)
        for edit in sorted(names):
            missing = self._graph.load(self._graph.needed_for(*edit, names), names, loaded)
            groups[frozenset(missing)].append(edit)
        return groups

    def _keep_dearest(self, names: frozenset[Edit]) -> frozenset[Edit]:
        """Return *names* without those that save less than the bound."""
        while names:
            loaded = self._graph.load(self._graph.roots, names)
            dropped: set[Edit] = set()
            for missing, edits in self._groups(names, loaded).items():
                seconds = sum(self._facts.costs[each].seconds for each in missing if each in self._facts.costs)
                if seconds / len(edits) < self._bound:
                    dropped |= {*edits}
            if not dropped:
                break
            names -= dropped
        return names

    def _share_savings(self, names: frozenset[Edit]) -> Mapping[Edit, Cost]:
        loaded = self._graph.load(self._graph.roots, names)
        found: dict[Edit, Cost] = {}
        for missing, edits in self._groups(names, loaded).items():
            costs = [self._facts.costs[each] for each in missing if each in self._facts.costs]
            share = Cost(
                seconds=sum(each.seconds for each in costs) / len(edits),
                bytes=sum(each.bytes for each in costs) // len(edits),
            )
            found |= dict.fromkeys(edits, share)
        return found


class ImportFails(Exception):
    """The import fails without any edit."""

    def __init__(self, traceback: str) -> None:
        super().__init__(traceback)
        self.traceback = traceback


def _parents(module: str) -> Iterable[str]:
    parts = module.split(".")
    return (".".join(parts[: length + 1]) for length in range(len(parts)))
