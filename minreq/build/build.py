"""The way of the data through a build: what the lock installs, made smaller, proven by the smoke, written."""

from __future__ import annotations

import shutil
from pathlib import Path

from minreq.build import advice, output, product, proof, task as to_build
from minreq.build.finding import Finder
from minreq.build.proof import Prover
from minreq.build.result import Built, Layer, Placed
from minreq.build.slim import symbols
from minreq.config import BuildSettings
from minreq.index.client import IndexClient
from minreq.lockfile.pinned import Installation
from minreq.minimize.laboratory import workplace
from minreq.reporting import Reporter, Step
from minreq.system import temporary
from minreq.task import recall, task as preparing
from minreq.wheels.store import Store

__all__ = ["Built", "Layer", "Placed", "build"]


def build(settings: BuildSettings, reporter: Reporter) -> Built:
    """Build the tree, prove it, write it; nothing is written unless it is proven and within the budget.

    Raises ``BuildFails``, ``BuildOverBudget``, ``ProofFailed`` for a lock that was edited, and every other branch of
    ``MinreqError``.
    """
    output.check(settings)
    read = to_build.read(settings)
    index_settings = preparing.index_settings(settings.index)
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        allow_pth = recall.allowed_pth(read.lock)
        store = Store(settings.cache_dir / "wheels", index, fetched=reporter.fetched, allow_pth=allow_pth)
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        reporter.began(Step.MAP, f"{len(read.names)} distributions")
        ours, theirs = Finder(task=read, index=index, settings=index_settings, store=store).installations(reporter)
        closure = recall.closure(read.lock, ours, store)
        with (
            temporary.folder(store.scratch_folder) as scratch,
            workplace(
                read.interpreter,
                read.plan,
                closure,
                store,
                initial=frozenset(ours.candidates),
                jobs=settings.jobs,
                timeout=settings.timeout,
            ) as laboratory,
        ):
            prover = Prover(task=read, laboratory=laboratory, reporter=reporter)
            return _build(prover, store, ours=ours, theirs=theirs, scratch=scratch)


def _build(prover: Prover, store: Store, *, ours: Installation, theirs: Installation, scratch: Path) -> Built:
    """Choose, write, prove, and hand over."""
    task, reporter = prover.task, prover.reporter
    settings = task.settings
    strip = symbols.strip_program()
    if strip is None and settings.slim != "none":
        reporter.note("there is no `strip` on this machine, so debug symbols stay; binutils has it")

    here, there = product.leaves(task, ours, store), product.leaves(task, theirs, store)
    watched = prover.watch()
    opened = watched.opened if watched else frozenset()
    if watched and settings.bytecode == "only":
        whole = product.write(task, product.everything(here), scratch / "whole", strip=None)
        opened = prover.watch_without_sources(whole, watched)
        shutil.rmtree(whole.folder)
    choice = product.chosen(task, here, opened)
    reporter.began(Step.BUILD, f"{len(choice.kept):,} files, {len(choice.removed):,} left out")
    host = product.write(task, choice, scratch / "tree", strip=strip)

    asked = prover.prove(host, watched)
    missed = host.missed(asked)
    for sentence in advice.of_missed(missed):
        reporter.note(f"{sentence}; without, it does the same")
    seconds = prover.first_import(host)

    made = host
    if [leaf.source for leaf in here] != [leaf.source for leaf in there]:
        foreign = product.chosen(task, there, product.elsewhere(opened, here, there) if watched else frozenset())
        made = product.write(task, foreign, scratch / "foreign", strip=strip)
    split = prover.split(host, made.sizes, scratch) if settings.layers else None
    proof.check_budget(task, made, split)

    reporter.began(Step.WRITE, str(settings.output))
    layers = output.write(settings, made, split)
    archive = settings.output if settings.is_zip else None
    return Built(
        output=settings.output,
        root=task.root,
        slim=settings.slim,
        bytecode=settings.bytecode,
        target=task.target.name,
        bytes=made.bytes,
        files=len(made.files),
        zip_bytes=archive.stat().st_size if archive else None,
        sha256=output.sha256(archive) if archive else None,
        opened=host.bytes_of(asked & host.files.keys()),
        opened_with_sources=host.bytes_of(host.with_sources(asked & host.files.keys())),
        missed=missed,
        first_import=seconds,
        stages=task.stages,
        savings=made.savings,
        map=made.map,
        layers=layers,
        functions=split.functions if split else {},
        reserve=settings.reserve,
        budget=settings.budget,
    )
