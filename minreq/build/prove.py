"""Prove a build: run the smoke on the tree and on the layers of each function; compare the imports of a cold tree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build import advice, runs
from minreq.build.moduleproof import ModuleProver, link_compiled, modules_of
from minreq.build.runs import Proof, ReferenceRun
from minreq.build.slim.files import TreeFile
from minreq.build.slim.layers import LayerPlan, plan_layers
from minreq.build.task import BuildTask
from minreq.build.tree import BuiltTree
from minreq.config.reductions import name_reductions
from minreq.counts import pluralize
from minreq.errors import BuildFailed, BuildOverBudget
from minreq.minimize.runner import SmokeRunner
from minreq.model import Plan
from minreq.reporting import Reporter, Step
from minreq.task import fromlock
from minreq.wheels import bytecode

#: Levels that leave out or pack files by what the smoke opens.
_LEVELS_OF_SMOKE = frozenset({"cold", "unused", "traced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """Runs the smoke on trees and compares the results with the lock."""

    task: BuildTask
    runner: SmokeRunner
    reporter: Reporter

    def run_reference(self) -> ReferenceRun | None:
        """Run the smoke on everything that the lock installs; raises ``SmokeFailed``.

        Return ``None`` when the level and the stages need no such run: the lock has all the answers.
        """
        task = self.task
        if task.settings.slim not in _LEVELS_OF_SMOKE and {*task.stages} <= {*task.lock.stages}:
            return None
        self.reporter.began(Step.WATCH)
        return runs.run_reference(self.runner, task.plan)

    def run_without_sources(self, tree: BuiltTree, reference: ReferenceRun) -> frozenset[str]:
        """Run the smoke on *tree*, which is complete but has no sources; return the files that it opens.

        A compiled file counts as its source. This run is needed since code that reads its own source may import more
        when there is none. Raises ``BuildFailed`` when the smoke differs: then no level can help.
        """
        self.reporter.began(Step.WATCH, "the same without sources")
        opened = self._prove(tree, tree.folder, self.task.plan, reference, advice_on_failure=advice.WITHOUT_SOURCES)
        return tree.replace_by_sources(opened)

    def prove(self, tree: BuiltTree, reference: ReferenceRun | None) -> frozenset[str]:
        """Run the smoke on *tree*; return the paths in it that the smoke opened or tried to open.

        Raises ``BuildFailed``.
        """
        self.reporter.began(Step.PROVE, f"by the smoke, on what --slim {self.task.settings.slim} leaves")
        return self._prove(tree, tree.folder, self.task.plan, reference)

    def prove_modules(self, tree: BuiltTree, files: Sequence[TreeFile], scratch: Path) -> int | None:
        """Prove that each module of a cold *tree* imports as from the whole lock, whose files are *files*.

        The whole lock is written into *scratch*. Return the number of modules; ``None`` where none are compared. Raises
        ``BuildFailed``.
        """
        settings, cold = self.task.settings, tree.selection.cold
        if cold is None or settings.prove_modules == "none":
            return None
        if not self.runner.setup.isolation.kernel:
            self.reporter.note(
                "the modules are not compared with the whole lock: the kernel does not isolate (`minreq doctor`)"
            )
            return None
        removed = {each.file.path for each in tree.selection.removed}
        compared = files if settings.prove_modules == "all" else [each.file for each in cold.cold]
        modules = modules_of(file for file in compared if file.path not in removed)
        self.reporter.began(Step.PROVE, f"{pluralize(len(modules), 'module')}, on the whole lock and on the tree")
        whole = scratch / "whole"
        _link_files({file.path: file.source for file in files if file.path not in removed}, whole)
        compiled = scratch / "compiled"
        compiled.mkdir()
        link_compiled(files, whole, compiled, bytecode.cache_tag(self.task.host.python_version.release))
        prover = replace(
            self.make_module_prover(whole, tree.folder),
            compiled=compiled,
            compiled_trees=[] if settings.bytecode == "none" else [tree.folder],
        )
        if found := [each.sentence for each in prover.find_differences(modules)]:
            raise self.failure(found)
        shutil.rmtree(whole)
        shutil.rmtree(compiled)
        return len(modules)

    def make_module_prover(self, whole: Path, tree: Path) -> ModuleProver:
        """Return what compares the modules of the folder *tree* with those of *whole*."""
        return ModuleProver(
            setup=self.runner.setup,
            whole=whole,
            cold=tree,
            provided=self.provided_paths(),
            jobs=self.task.settings.jobs,
        )

    def failure(self, sentences: Sequence[str], step: str | None = None) -> BuildFailed:
        """Return the error of a tree that differs by *sentences*; *step* is what to try."""
        settings = self.task.settings
        return BuildFailed(
            settings.lock.name,
            settings.slim,
            settings.bytecode,
            sentences,
            step or advice.suggest_after_failure(settings),
        )

    def compare(self, folder: Path, reference: ReferenceRun | None, plan: Plan | None = None) -> Proof:
        """Run the smoke on the tree *folder* alone, and compare it with the lock."""
        return runs.prove_tree(
            self.runner,
            plan or self.task.plan,
            [folder, *self.provided_paths()],
            lock=self.task.lock,
            platform=self.task.host,
            reference=reference,
        )

    def prove_layers(self, tree: BuiltTree, sizes: Mapping[NormalizedName, int], scratch: Path) -> LayerPlan:
        """Divide the distributions into layers, and prove each provider on the layers that its functions attach.

        *tree* runs on this host. *sizes* has the bytes of each distribution in the tree for the target. The trees of
        functions are made in *scratch*, on the file system of *tree*, from hard links. Raises ``BuildFailed``.
        """
        task = self.task
        providers = [group.name for group in task.plan.groups if not group.name.startswith("smoke/")]
        layer_plan = plan_layers(task.lock.selection.kept, providers, sizes)
        for group in task.plan.groups:
            attached = layer_plan.functions.get(group.name, layer_plan.names)
            if {*attached} == {*layer_plan.names}:
                continue
            self.reporter.began(Step.PROVE, f"{group.name} with {', '.join(attached)}")
            folder = scratch / f"function-{group.name}"
            _link_files({path: tree.folder / path for path in tree.files_of_layers(layer_plan, attached)}, folder)
            self._prove(tree, folder, replace(task.plan, groups=(group,)), None)
            shutil.rmtree(folder)
        return layer_plan

    def time_first_import(self, tree: BuiltTree) -> float | None:
        """Return the seconds that the first stage takes on *tree*; ``None`` where `runs.time_first_import` has none."""
        return runs.time_first_import(self.runner.setup, self.task.plan, [tree.folder, *self.provided_paths()])

    def _prove(
        self,
        tree: BuiltTree,
        folder: Path,
        plan: Plan,
        reference: ReferenceRun | None,
        *,
        advice_on_failure: str | None = None,
    ) -> frozenset[str]:
        found = self.compare(folder, reference, plan)
        if found.differences:
            causes = advice.describe_missed_files(tree.find_missed(found.opened))
            raise self.failure((*found.differences, *causes), advice_on_failure)
        return found.opened

    def provided_paths(self) -> list[Path]:
        """Return the folders of what the runtime provides."""
        return self.runner.folders(self.task.lock.resolution.provided)


def _link_files(files: Mapping[str, Path], folder: Path) -> None:
    """Make hard links to *files* in *folder*, by their paths there."""
    for path, source in files.items():
        folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        os.link(source, folder / path)


def check_budget(task: BuildTask, tree: BuiltTree, layer_plan: LayerPlan | None) -> None:
    """Raise ``BuildOverBudget`` when the build, or with layers the total of one function, exceeds the budget."""
    settings = task.settings
    if settings.budget is None:
        return
    sizes_to_check = {"the build": tree.bytes}
    if layer_plan is not None:
        sizes = {name: tree.bytes_of(tree.files_of_layers(layer_plan, (name,))) for name in layer_plan.names}
        sizes_to_check = {
            f"the function for {name}": sum(map(sizes.__getitem__, its)) for name, its in layer_plan.functions.items()
        }
    for what, size in sizes_to_check.items():
        if size + settings.reserve > settings.budget:
            compiled = sum(tree.written.compiled.values())
            reductions = name_reductions(fromlock.read_command(task.lock))
            steps = advice.suggest_smaller_build(settings, tree.distribution_sizes, compiled, reductions)
            raise BuildOverBudget(what, size, settings.reserve, settings.budget, [*steps])
