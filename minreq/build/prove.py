"""The proof of a build: the smoke on the very tree, and on what each function of a layered one attaches."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build import advice, prove as proving
from minreq.build.product import Product
from minreq.build.prove import Watched
from minreq.build.slim.layering import Layers, layers
from minreq.build.task import Task
from minreq.errors import BuildFails, BuildOverBudget
from minreq.minimize.observe import Laboratory
from minreq.model import Plan
from minreq.reporting import Reporter, Step

#: Levels that depend on what the smoke opens.
_WATCHED_LEVELS = frozenset({"unused", "traced"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Prover:
    """Runs the smoke on trees."""

    task: Task
    laboratory: Laboratory
    reporter: Reporter

    def watch(self) -> Watched | None:
        """Run on everything, where that tells something that the lock does not; raises ``SmokeFails``."""
        task = self.task
        if task.settings.slim not in _WATCHED_LEVELS and {*task.stages} <= {*task.lock.stages}:
            return None
        self.reporter.began(Step.WATCH)
        return proving.watch(self.laboratory, task.plan)

    def watch_without_sources(self, product: Product, watched: Watched) -> frozenset[str]:
        """Run on *product*, everything without its sources; return what is opened, compiled files by their sources.

        Code that reads its own source may import more where there is none. Raises ``BuildFails`` where the smoke does
        otherwise without sources, whatever is left out.
        """
        self.reporter.began(Step.WATCH, "the same without sources")
        opened = self._proven(product, product.folder, self.task.plan, watched, otherwise=advice.WITHOUT_SOURCES)
        return product.sources_of(opened)

    def prove(self, product: Product, watched: Watched | None) -> frozenset[str]:
        """Run the smoke on *product*; return the paths in it that were opened, or asked for in vain.

        Raises ``BuildFails``.
        """
        self.reporter.began(Step.PROVE, f"by the smoke, on what --slim {self.task.settings.slim} leaves")
        return self._proven(product, product.folder, self.task.plan, watched)

    def split(self, product: Product, sizes: Mapping[NormalizedName, int], scratch: Path) -> Layers:
        """Divide the distributions among layers, and prove each provider with the base and its own alone.

        *product* is the tree that runs here, *sizes* are the bytes of each distribution in what is written. The trees
        of functions are made in *scratch*, on the file system of *product*. Raises ``BuildFails``.
        """
        task = self.task
        providers = [group.name for group in task.plan.groups if not group.name.startswith("smoke/")]
        split = layers(task.lock.selection.kept, providers, sizes)
        for group in task.plan.groups:
            attached = split.functions.get(group.name, split.names)
            if {*attached} == {*split.names}:
                continue
            self.reporter.began(Step.PROVE, f"{group.name} with {', '.join(attached)}")
            folder = scratch / f"function-{group.name}"
            for path in product.files_of(split, attached):
                folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
                os.link(product.folder / path, folder / path)
            self._proven(product, folder, replace(task.plan, groups=(group,)), None)
            shutil.rmtree(folder)
        return split

    def first_import(self, product: Product) -> float | None:
        """Return the seconds of the first stage on *product* in a new interpreter, ``None`` where there is none."""
        paths = [product.folder, *self._provided()]
        return proving.first_import(self.task.interpreter.base_executable, self.task.plan, paths)

    def _proven(
        self, product: Product, folder: Path, plan: Plan, watched: Watched | None, *, otherwise: str | None = None
    ) -> frozenset[str]:
        task, settings = self.task, self.task.settings
        paths = [folder, *self._provided()]
        found = proving.prove(self.laboratory, plan, paths, lock=task.lock, platform=task.host, watched=watched)
        if found.differences:
            causes = advice.of_missed(product.missed(found.opened))
            sentences = (*found.differences, *causes)
            step = otherwise or advice.after_failure(settings)
            raise BuildFails(settings.lock.name, settings.slim, settings.bytecode, sentences, step)
        return found.opened

    def _provided(self) -> list[Path]:
        return self.laboratory.paths(self.task.lock.resolution.provided)


def check_budget(task: Task, product: Product, split: Layers | None) -> None:
    """Raise ``BuildOverBudget`` where the build, or with layers what one function attaches, comes to too much."""
    settings = task.settings
    if settings.budget is None:
        return
    loads = {"the build": product.bytes}
    if split is not None:
        sizes = {name: product.bytes_of(product.files_of(split, (name,))) for name in split.names}
        loads = {f"the function for {name}": sum(map(sizes.__getitem__, its)) for name, its in split.functions.items()}
    for what, size in loads.items():
        if size + settings.reserve > settings.budget:
            steps = advice.smaller(settings, product.sizes, sum(product.written.compiled.values()))
            raise BuildOverBudget(what, size, settings.reserve, settings.budget, [*steps])
