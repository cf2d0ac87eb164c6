"""Prove that no module is lost in a cold or edited tree: each imports as on the whole lock, and has the same data."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from minreq.build.slim.files import TreeFile
from minreq.smoke.pythonrun import run_python
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.start import Access
from minreq.system import temporary
from minreq.wheels import bytecode

#: The modules of one process: an import of a module starts with what those before it have loaded.
_LIST = 100
#: The most seconds of one module.
_SECONDS = 120
#: The most seconds of one worker: far more than it takes.
_TIMEOUT = 3600
_IMPORTED = "imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import of a module did."""

    #: ``imported``, or the type of the exception.
    outcome: str
    #: Digests of the public names, and of the data files of a package.
    names: str = ""
    data: str = ""
    #: What each public name is, where all are looked up; then *names* is a digest of type hints.
    kinds: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleDifference:
    """A module that imports differently, and the sentence that says so."""

    module: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleProver:
    """Imports modules from two trees and compares the results."""

    setup: RunSetup
    whole: Path
    cold: Path
    #: The folders of what the runtime provides.
    provided: Sequence[Path]
    jobs: int
    #: What the second tree is called.
    kind: str = "cold tree"
    #: Whether every public name is looked up, since the tree defers imports.
    looks_up: bool = False
    #: Modules whose type hints are compared, too, each with names to look up besides the public ones.
    hinted: Mapping[str, Collection[str]] = field(default_factory=dict)
    #: The folder of compiled files: Python compiles a source once for all processes, as the trees do not change; if it
    #: is ``None``, each process has one of its own.
    compiled: Path | None = None
    #: The trees that have compiled files of their own: these are imported.
    compiled_trees: Collection[Path] = ()

    def find_differences(self, modules: Collection[str]) -> Iterator[ModuleDifference]:
        """Yield a difference for each module that imports differently; it has to do so alone, too."""
        whole, cold = self._import_from_both(_split(modules))
        suspects = sorted(module for module in modules if _differs(whole.get(module), cold.get(module)))
        yield from self.find_differences_alone(suspects)

    def find_differences_alone(self, suspects: Sequence[str]) -> Iterator[ModuleDifference]:
        """Yield a difference for each of *suspects* that imports differently in a process of its own."""
        alone = [("", [[module]]) for module in suspects]
        whole, cold = self._import_from_both(alone)
        for module in suspects:
            if _differs(whole.get(module), cold.get(module)):
                yield ModuleDifference(
                    module=module, sentence=_describe(module, whole.get(module), cold.get(module), self.kind)
                )

    def find_order_differences(self, orders: Sequence[Sequence[str]]) -> Iterator[tuple[int, ModuleDifference]]:
        """Yield the number of the order, and a difference, for each module that no longer imports in it."""
        failed = self._find_failed(self.cold, orders)
        expected = self._find_failed(self.whole, orders) if any(failed) else failed
        for number, modules in enumerate(failed):
            for module in modules:
                if module not in expected[number]:
                    sentence = f"{module}: imported from the whole lock, and not from the {self.kind}, in another order"
                    yield number, ModuleDifference(module=module, sentence=sentence)

    def _find_failed(self, tree: Path, orders: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
        """Return for each of *orders* the modules that do not import in it; each order has a process of its own."""
        packages = [{"name": "", "lists": [order]} for order in orders]
        with ThreadPoolExecutor(self.jobs) as pool:
            parts = pool.map(lambda number: self._run(tree, packages[number :: self.jobs]), range(self.jobs))
            imported: list[Sequence[str]] = [()] * len(orders)
            for number, records in enumerate(parts):
                # A process records the modules of one order after the other.
                for place, order in enumerate(orders[number :: self.jobs]):
                    its = records[: len(order)]
                    records = records[len(order) :]  # noqa: PLW2901
                    imported[number + place * self.jobs] = [name for name, each in its if _is_imported(each)]
        return [[each for each in order if each not in {*its}] for order, its in zip(orders, imported, strict=True)]

    def _import_from_both(
        self, packages: Sequence[tuple[str, Sequence[Sequence[str]]]]
    ) -> tuple[Mapping[str, ImportResult], Mapping[str, ImportResult]]:
        """Import from both trees; names that the first has are looked up in the second, too."""
        whole = self._import_all(self.whole, packages, {name: sorted(its) for name, its in self.hinted.items()})
        return whole, self._import_all(self.cold, packages, {name: [*each.kinds] for name, each in whole.items()})

    def _import_all(
        self,
        tree: Path,
        packages: Iterable[tuple[str, Sequence[Sequence[str]]]],
        names: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> Mapping[str, ImportResult]:
        """Import the lists of modules of *packages* from *tree*, several processes at once."""
        tasks = [{"name": name, "lists": lists} for name, lists in packages]
        with ThreadPoolExecutor(self.jobs) as pool:
            looks_up = dict(names) if self.looks_up else None
            found = pool.map(lambda number: self._run(tree, tasks[number :: self.jobs], looks_up), range(self.jobs))
            return {module: result for part in found for module, result in part}

    def _name_compiled(self, tree: Path, own: Path) -> Mapping[str, str]:
        if tree in self.compiled_trees:
            return {"PYTHONDONTWRITEBYTECODE": "1"}
        return {"PYTHONPYCACHEPREFIX": str(self.compiled or own / "compiled")}

    def _run(
        self, tree: Path, packages: Sequence[object], looks_up: Mapping[str, Sequence[str]] | None = None
    ) -> Sequence[tuple[str, ImportResult]]:
        """Return the result of each module in the order in which they were imported."""
        if not packages:
            return ()
        folders = [tree, *self.provided]
        with temporary.make_temporary_folder() as own:
            task = {
                "folders": [*map(str, folders)],
                "packages": packages,
                "seconds": _SECONDS,
                "looks_up": looks_up,
                "hinted": sorted(self.hinted),
            }
            (own / "task").write_text(json.dumps(task), "utf-8")
            # What has no result after that time counts as a difference.
            run_python(
                self.setup,
                read_script(),
                [str(own / "task"), str(own / "results")],
                Access(writable=own, also_writable=[self.compiled] if self.compiled else [], readable=folders),
                environment={
                    "PYTHONHASHSEED": "0",
                    **self._name_compiled(tree, own),
                    **self.setup.plan.environment,
                },
                seconds=_TIMEOUT,
                compiles=True,
            )
            return _read_results(own / "results")


def link_compiled(files: Iterable[TreeFile], tree: Path, compiled: Path, tag: str) -> None:
    """Put the compiled files that the store has of *files* where Python looks for those of *tree*, below *compiled*."""
    for file in files:
        source = file.source
        known = source.parent / bytecode.FOLDER / f"{source.stem}.{tag}.pyc"
        if file.path.endswith(".py") and known.is_file():
            folder = compiled.joinpath(*tree.joinpath(file.path).parent.parts[1:])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / known.name).hardlink_to(known)


def modules_of(files: Iterable[TreeFile]) -> frozenset[str]:
    """Return the modules among *files*."""
    return frozenset(file.module for file in files if file.module is not None and not file.is_metadata)


def _split(modules: Collection[str]) -> list[tuple[str, Sequence[Sequence[str]]]]:
    """Return *modules* in lists, by their topmost package; each package twice, so that two workers can share it."""
    by_top: dict[str, list[str]] = defaultdict(list)
    for module in sorted(modules):
        by_top[module.partition(".")[0]].append(module)
    lists = [(top, its[start : start + _LIST]) for top, its in by_top.items() for start in range(0, len(its), _LIST)]
    parts: dict[tuple[str, int], list[list[str]]] = defaultdict(list)
    for number, (top, modules_of_list) in enumerate(lists):
        parts[top, number % 2].append(modules_of_list)
    return [(top, its) for (top, _), its in parts.items()]


def _read_results(file: Path) -> Sequence[tuple[str, ImportResult]]:
    found = []
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        record = json.loads(line)
        result = ImportResult(
            outcome=record["outcome"],
            names=record.get("names", ""),
            data=record.get("data", ""),
            kinds=record.get("kinds", {}),
        )
        found.append((record["module"], result))
    return found


def _differs(whole: ImportResult | None, cold: ImportResult | None) -> bool:
    """Whether the results differ. No result is one that differs: then something is wrong with the comparison."""
    if whole is None or cold is None:
        return True
    if (whole.outcome, whole.names, whole.data) != (cold.outcome, cold.names, cold.data):
        return True
    # Where an import is deferred, a module may have more modules as attributes.
    more = cold.kinds.keys() - whole.kinds.keys()
    return any(cold.kinds.get(name) != kind for name, kind in whole.kinds.items()) or not all(
        cold.kinds[name].startswith("module ") for name in more
    )


def _is_imported(result: ImportResult | None) -> bool:
    return result is not None and result.outcome == _IMPORTED


def _describe(module: str, whole: ImportResult | None, cold: ImportResult | None, kind: str) -> str:
    if whole is None or cold is None:
        return f"{module}: its import could not be compared"
    if whole.outcome != cold.outcome:
        return f"{module}: {_outcome(whole)} from the whole lock, {_outcome(cold)} from the {kind}"
    what = "data files" if whole.data != cold.data else "public names"
    return f"{module}: its {what} differ between the whole lock and the {kind}"


def _outcome(result: ImportResult) -> str:
    return _IMPORTED if result.outcome == _IMPORTED else f"fails ({result.outcome})"


def read_script() -> str:
    """Return the source of the script that imports modules."""
    return resources.files("minreq.build").joinpath("importprobe.py").read_text("utf-8")
