"""Plan the edits of a tree, prove them, and undo those that make a difference."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from minreq.build.lazy.edits import Edit, EditSet, Rewriter
from minreq.build.lazy.native import is_sound_natively
from minreq.build.lazy.plan import EditPlan, ImportFacts, LazyFails, Planner, find_star_imported
from minreq.build.lazy.result import DeferredImport, ImportCost, LazyResult, UndoneEdit, sort_key
from minreq.build.lazy.rewrite import is_sound
from minreq.build.lazy.search import find_culprit
from minreq.build.lazy.trialtree import RUNTIME_FILE, TrialTree
from minreq.build.moduleproof import ModuleProver
from minreq.counts import pluralize
from minreq.imports.analyze import analyze_module
from minreq.imports.sourcemodule import SourceModule
from minreq.imports.watch import ImportRecord, ImportWatcher
from minreq.source.modulenames import module_of
from minreq.system.workers import call_in_processes

T = TypeVar("T")
R = TypeVar("R")

#: The sources of one call of a process.
_PART = 50
#: The orders of import that are chosen by chance.
_SEEDS = 10
#: The most edits that are undone, one by one; more would take too long, and would say that something else is wrong.
_MAX_UNDONE = 20

_NOT_SOUND = "the source cannot be rewritten for sure"

#: Runs the smoke on a tree, and returns a sentence for each difference.
FindStageDifferences = Callable[[Path], Sequence[str]]


@dataclass(slots=True, kw_only=True)
class LazyBuilder:
    """Edits the *trial* tree, whose base stays as it is."""

    trial: TrialTree
    watcher: ImportWatcher
    #: Compares modules of the base and the trial tree; ``None`` where nothing is compared.
    prover: ModuleProver | None
    #: All modules to compare.
    compared: Collection[str]
    find_stage_differences: FindStageDifferences
    bound: float
    jobs: int
    #: Whether annotations are evaluated late, from Python 3.14 on.
    late_annotations: bool
    #: Whether the interpreter has lazy imports of its own, from Python 3.15 on.
    natively: bool = False
    #: Says what is done.
    began: Callable[[str], None]

    def build(self) -> LazyResult:
        """Plan, edit and prove. Raises ``LazyFails``."""
        self.began("the import: what it loads, and what that costs")
        folder = self.trial.folder
        records = [self.watcher.watch(folder, record) for record in ("effects", "costs", "loaded")]
        for record in records:
            if record.error:
                raise LazyFails([f"the import fails: {record.failure}"])
        effects, costs, before = records
        facts = self._collect_facts(effects, costs)
        paths = {name: self._path_of(file) for name, file in effects.modules.items() if name in facts.modules}
        self.began(f"imports of {pluralize(len(facts.modules), 'module')}")
        attempt = _Attempt(builder=self, rewriter=Rewriter(facts.modules, natively=self.natively), paths=paths)
        plan = Planner(facts, bound=self.bound).plan(attempt.run)
        undone = [UndoneEdit(path=paths[module], name=name, why=why) for (module, name), why in plan.undone.items()]
        unsound = attempt.find_unsound(plan.edits, facts.modules)
        undone += [
            UndoneEdit(path=paths[module], name=name, why=_NOT_SOUND)
            for module, name in sorted(plan.edits.names)
            if module in unsound
        ]
        edits = plan.edits.with_names(each for each in plan.edits.names if each[0] not in unsound)
        edits, different = self._prove(edits, attempt, facts)
        sources = attempt.replace(edits)
        after = self.watcher.watch(folder, "loaded")
        return LazyResult(
            bound=self.bound,
            edits=tuple(sorted((_describe(each, plan, facts, paths) for each in edits.names), key=sort_key)),
            undone=(*undone, *different),
            imports=plan.imports,
            candidates=plan.candidates,
            read=plan.read,
            refusals=plan.refusals,
            effects={
                paths[module]: tuple(sorted(loaded)) for (module, _), loaded in sorted(edits.loads.items()) if loaded
            },
            before=_cost(before, before),
            after=_cost(after, before),
            ordered=len(facts.modules) if self.prover else 0,
            orders=_SEEDS + 2 if self.prover else 0,
            sources=sources,
            digests={path: self.trial.digest_of_base(path) for path in sources},
        )

    def _collect_facts(self, effects: ImportRecord, costs: ImportRecord) -> ImportFacts:
        inside = f"{self.trial.folder}/"
        files = {name: Path(file) for name, file in effects.modules.items() if file.startswith(inside)}
        sources = [
            (name, file.read_bytes(), file.name == "__init__.py", self.late_annotations)
            for name, file in sorted(files.items())
            if file.suffix == ".py" and file.exists() and file.name != RUNTIME_FILE
        ]
        modules = {each.name: each for each in _call_with_parts(_analyze, sources, self.jobs)}
        tree = self._list_modules()
        star_imported = find_star_imported(
            (module, file.read_bytes(), file.name == "__init__.py") for module, file in tree.items()
        )
        loaded = frozenset(effects.modules) & frozenset(costs.modules)
        return ImportFacts(
            modules=modules,
            loaded=loaded,
            in_tree=frozenset(files) & loaded,
            importers=effects.importers,
            costs=costs.costs,
            effects={name: its for name, its in effects.effects.items() if name in files},
            star_imported=star_imported,
            known=frozenset(tree),
            namespaces=frozenset(name for name, file in files.items() if file.is_dir()),
            aliases={
                name: [each for each in its if each.rpartition(".")[0] in star_imported]
                for name, its in effects.aliases.items()
                if name in modules and modules[name].star_imports
            },
        )

    def _list_modules(self) -> Mapping[str, Path]:
        files = {module_of(self._path_of(str(file))): file for file in self.trial.folder.rglob("*.py")}
        return {module: file for module, file in files.items() if module is not None}

    def _path_of(self, file: str) -> str:
        return Path(file).relative_to(self.trial.folder).as_posix()

    def _prove(self, edits: EditSet, attempt: _Attempt, facts: ImportFacts) -> tuple[EditSet, Sequence[UndoneEdit]]:
        """Return *edits* without those that make a difference, and these; the smoke passes with the rest together.

        The checks before the one that finds a difference are not repeated: they passed with more edits.
        """
        checks = [self._check_modules, self._check_orders, self._check_stages]
        sizes = (
            pluralize(len(self.compared), "module"),
            f"{pluralize(len(facts.modules), 'module')} in {_SEEDS + 2} orders",
            "the smoke",
        )
        undone: list[UndoneEdit] = []
        number = 0
        while number < len(checks):
            self.began(f"{pluralize(len(edits.names), 'deferred import')}, by {sizes[number]}")
            attempt.replace(edits)
            sentences, recheck = checks[number](edits, facts)
            if not sentences:
                number += 1
                continue
            culprit = self._find_culprit(edits, attempt, recheck, sentences)
            undone.append(UndoneEdit(path=attempt.paths[culprit[0]], name=culprit[1], why=sentences[0]))
            if len(undone) > _MAX_UNDONE:
                raise LazyFails([f"{len(undone)} deferred imports make a difference; the last:", *sentences])
            edits = edits.with_names(edits.names - {culprit})
        return edits, undone

    def _find_culprit(
        self, edits: EditSet, attempt: _Attempt, recheck: Callable[[], Sequence[str]], sentences: Sequence[str]
    ) -> Edit:
        def passes(names: Sequence[Edit]) -> bool:
            attempt.replace(edits.with_names(names))
            return not recheck()

        if not edits.names or not passes(()):
            raise LazyFails(sentences)
        return find_culprit(sorted(edits.names), passes)

    def _check_modules(self, edits: EditSet, _facts: ImportFacts) -> tuple[Sequence[str], Callable[[], Sequence[str]]]:
        if self.prover is None:
            return (), tuple
        prover = replace(self.prover, hinted=edits.by_module)
        found = [*prover.find_differences(self.compared)]
        first = [each.module for each in found[:1]]
        return [each.sentence for each in found], lambda: [
            each.sentence for each in prover.find_differences_alone(first)
        ]

    def _check_orders(self, _edits: EditSet, facts: ImportFacts) -> tuple[Sequence[str], Callable[[], Sequence[str]]]:
        if self.prover is None:
            return (), tuple
        prover, orders = self.prover, make_orders(sorted(facts.modules))
        found = [*prover.find_order_differences(orders)]
        first = [orders[number] for number, _ in found[:1]]
        return [each.sentence for _, each in found], lambda: [
            each.sentence for _, each in prover.find_order_differences(first)
        ]

    def _check_stages(self, _edits: EditSet, _facts: ImportFacts) -> tuple[Sequence[str], Callable[[], Sequence[str]]]:
        def check() -> Sequence[str]:
            return self.find_stage_differences(self.trial.folder)

        return check(), check


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """Puts edits into the trial tree, and imports from it."""

    builder: LazyBuilder
    rewriter: Rewriter
    #: The file of each module.
    paths: Mapping[str, str]

    def replace(self, edits: EditSet) -> Mapping[str, bytes]:
        """Put *edits* into the tree; return the new sources by path."""
        sources = {self.paths[module]: text for module, text in self.rewriter.rewrite(edits).items()}
        self.builder.trial.replace(sources)
        return sources

    def run(self, edits: EditSet) -> ImportRecord:
        """Import the program with *edits*."""
        self.replace(edits)
        record = self.builder.watcher.watch(self.builder.trial.folder, "loaded")
        if not self.builder.natively:
            return record
        read = frozenset(each for each in edits.names if each[0] in record.modules and each not in record.unresolved)
        return replace(record, resolved=read)

    def find_unsound(self, edits: EditSet, modules: Mapping[str, SourceModule]) -> frozenset[str]:
        """Return the modules whose new source does not mean what it has to."""
        texts = sorted(self.rewriter.rewrite(edits).items())
        deferred = edits.by_module
        rewritten = [(name, modules[name].source, text, deferred.get(name, frozenset())) for name, text in texts]
        check = is_sound_natively if self.builder.natively else is_sound
        return frozenset(_call_with_parts(partial(_find_unsound, check), rewritten, self.builder.jobs))


def _call_with_parts(function: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], jobs: int) -> Iterator[R]:
    """Yield the results of *function* for *items*, in several processes where there is more than one part."""
    parts = [items[start : start + _PART] for start in range(0, len(items), _PART)]
    if len(parts) == 1:
        yield from function(parts[0])
        return
    for _, found in call_in_processes(function, parts, jobs):
        yield from found


def _find_unsound(
    check: Callable[[bytes, bytes, Collection[str]], bool],
    rewritten: Sequence[tuple[str, bytes, bytes, Collection[str]]],
) -> Sequence[str]:
    return [name for name, source, text, deferred in rewritten if not check(source, text, deferred)]


def make_orders(modules: Sequence[str]) -> Sequence[Sequence[str]]:
    """Return the orders in which *modules* are imported: alphabetical, reverse, and some by chance."""
    by_chance = (random.Random(seed).sample(modules, len(modules)) for seed in range(_SEEDS))  # noqa: S311 - No secret.
    return [[*modules], [*reversed(modules)], *by_chance]


def _analyze(sources: Sequence[tuple[str, bytes, bool, bool]]) -> Sequence[SourceModule]:
    found = (
        analyze_module(source, name, is_package=is_package, late_annotations=late)
        for name, source, is_package, late in sources
    )
    return [each for each in found if each is not None]


def _describe(edit: Edit, plan: EditPlan, facts: ImportFacts, paths: Mapping[str, str]) -> DeferredImport:
    module, name = edit
    imported, cost = facts.modules[module].imports[name], plan.savings[edit]
    origin = f"from {imported.origin} " if imported.origin else ""
    return DeferredImport(
        path=paths[module],
        line=facts.modules[module].statements[imported.statement].line,
        name=name,
        statement=f"{origin}import {imported.alias}",
        milliseconds=round(cost.seconds * 1000, 2),
        bytes=cost.bytes,
    )


def _cost(record: ImportRecord, before: ImportRecord) -> ImportCost:
    return ImportCost(
        modules=len(record.modules.keys() & before.modules.keys()), seconds=record.seconds, peak=record.peak
    )
