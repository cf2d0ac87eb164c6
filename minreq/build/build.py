"""Build a tree from a lock: select the files, write them, prove the tree by the smoke, write the output."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minreq.build import advice, output, sbom, tree
from minreq.build.lazy.command import defer_imports
from minreq.build.lazy.result import LazyResult, write_diff
from minreq.build.prove import Prover, check_budget
from minreq.build.result import BuildResult, Layer, MapEntry
from minreq.build.slim.files import RemovedFile
from minreq.build.slim.layers import LayerPlan
from minreq.build.slim.strip import find_strip_program
from minreq.build.task import BuildTask, read_task
from minreq.build.tree import BuiltTree
from minreq.build.wheels import WheelFinder
from minreq.config import BuildSettings
from minreq.counts import pluralize
from minreq.index.client import IndexClient
from minreq.lockfile import cyclonedx, writing
from minreq.lockfile.pinnedfiles import Installation
from minreq.minimize.runner import open_runner
from minreq.reporting import Reporter, Step
from minreq.system import regularfile, temporary
from minreq.task import fromlock
from minreq.task.task import read_index_settings
from minreq.wheels.store import Store

__all__ = ["BuildResult", "Layer", "LazyResult", "MapEntry", "build"]


def build(settings: BuildSettings, reporter: Reporter) -> BuildResult:
    """Build the tree, prove it and write it. A tree that is not proven, or over the budget, is not written.

    Raises ``BuildFailed``, ``BuildOverBudget``, ``TreeChanged``, ``ProofFailed`` for a lock that was edited, and every
    other branch of ``MinreqError``.
    """
    output.check(settings)
    if settings.sbom is not None:
        cyclonedx.check_extra("build --sbom")
    task = read_task(settings)
    index_settings = read_index_settings(settings.index)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        allow_pth = fromlock.read_allowed_pth(task.lock)
        store = Store(
            settings.cache_dir / "wheels",
            index,
            on_fetched=reporter.fetched,
            allow_pth=allow_pth,
            on_damage=reporter.note,
            check_all=True,
        )
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        reporter.began(Step.MAP, pluralize(len(task.names), "distribution"))
        finder = WheelFinder(task=task, index=index, settings=index_settings, store=store, reporter=reporter)
        for_host, for_target = finder.find_wheels()
        closure = fromlock.make_closure(task.lock, for_host, store)
        tools = finder.find_tools(for_host.candidates)
        with (
            temporary.make_temporary_folder(store.scratch_folder) as scratch,
            tools.place(store, lambda: map(closure.unpack, for_host.candidates)) as tool_places,
            open_runner(
                task.interpreter,
                task.plan,
                closure,
                store,
                initial=frozenset(for_host.candidates),
                jobs=settings.jobs,
                timeout=settings.timeout,
                require_sandbox=settings.require_sandbox,
                tools=tool_places,
                reporter=reporter,
            ) as runner,
        ):
            prover = Prover(task=task, runner=runner, reporter=reporter)
            return _build(prover, store, for_host=for_host, for_target=for_target, scratch=scratch)


def _build(
    prover: Prover, store: Store, *, for_host: Installation, for_target: Installation, scratch: Path
) -> BuildResult:
    """Select the files, write them into *scratch*, prove the tree, and write the output."""
    task, reporter, settings = prover.task, prover.reporter, prover.task.settings
    strip = _find_strip(settings, reporter)
    compiler = task.make_compiler(prover.runner.setup.isolation)
    write = partial(tree.write, task, compiler=compiler)

    host_files, target_files = (tree.list_files(task, wheels, store) for wheels in (for_host, for_target))
    reference = prover.run_reference()
    opened = reference.opened if reference else frozenset()
    if reference and settings.bytecode == "only":
        complete = write(tree.select_all(host_files), scratch / "whole", strip=None)
        opened = prover.run_without_sources(complete, reference)
        shutil.rmtree(complete.folder)
    if settings.hot and not task.warmed:
        reporter.note(advice.describe_unused_log(settings))
    selection = tree.select(task, host_files, opened)
    reporter.began(Step.BUILD, f"{pluralize(len(selection.kept), 'file')}, {len(selection.removed):,} left out")
    host_tree = whole_tree = write(selection, scratch / "tree", strip=strip)
    lazy = None
    if settings.lazy:
        host_tree, lazy = defer_imports(prover, whole_tree, reference, scratch, compiler)

    opened_in_tree = prover.prove(host_tree, reference)
    missed = host_tree.find_missed(opened_in_tree)
    for sentence in advice.describe_missed_files(missed):
        reporter.note(f"{sentence}; the smoke passes without it")
    modules = prover.prove_modules(whole_tree, host_files, scratch)
    seconds = prover.time_first_import(host_tree)

    target_tree = host_tree
    if [file.source for file in host_files] != [file.source for file in target_files]:
        opened = tree.translate_paths(opened, host_files, target_files) if reference else frozenset()
        target_tree = write(tree.select(task, target_files, opened), scratch / "foreign", strip=strip)
        if lazy is not None:
            target_tree = tree.edit(task, target_tree, lazy, scratch / "foreign-lazy", compiler=compiler)
    layer_plan = prover.prove_layers(host_tree, target_tree.distribution_sizes, scratch) if settings.layers else None
    host_tree.check_unchanged()
    check_budget(task, target_tree, layer_plan)
    reporter.began(Step.WRITE, str(settings.output))
    if lazy is not None and settings.lazy_diff is not None:
        writing.write_files({settings.lazy_diff: "".join(write_diff(whole_tree.folder, lazy.sources))})
    if settings.sbom is not None:
        writing.write_files({settings.sbom: sbom.render(task, target_tree)})
    layers = output.write(settings, target_tree, layer_plan)
    found = _Findings(host_tree, target_tree, opened_in_tree, missed, modules, seconds, lazy)
    return _describe(task, found, layer_plan, layers)


@dataclass(frozen=True, slots=True)
class _Findings:
    """What the proof of a build found."""

    host_tree: BuiltTree
    target_tree: BuiltTree
    opened: frozenset[str]
    missed: tuple[RemovedFile, ...]
    modules: int | None
    seconds: float | None
    lazy: LazyResult | None


def _describe(
    task: BuildTask, found: _Findings, layer_plan: LayerPlan | None, layers: tuple[Layer, ...]
) -> BuildResult:
    settings, host_tree, target_tree = task.settings, found.host_tree, found.target_tree
    opened_files = found.opened & host_tree.file_sizes.keys()
    archive = settings.output if settings.is_zip else None
    return BuildResult(
        output=settings.output,
        root=task.root,
        slim=settings.slim,
        bytecode=settings.bytecode,
        target=task.target.name,
        bytes=target_tree.bytes,
        files=len(target_tree.file_sizes),
        zip_bytes=archive.stat().st_size if archive else None,
        sha256=regularfile.sha256(archive) if archive else None,
        opened=host_tree.bytes_of(opened_files),
        opened_with_sources=host_tree.bytes_of(host_tree.add_sources(opened_files)),
        modules=found.modules,
        lazy=found.lazy,
        missed=found.missed,
        first_import=found.seconds,
        stages=task.stages,
        savings=target_tree.savings,
        map=target_tree.map,
        layers=layers,
        functions=layer_plan.functions if layer_plan else {},
        reserve=settings.reserve,
        budget=settings.budget,
    )


def _find_strip(settings: BuildSettings, reporter: Reporter) -> Path | None:
    program = find_strip_program()
    if program is None and settings.slim != "none":
        reporter.note("this machine has no `strip`, so debug symbols stay; install binutils to remove them")
    return program
