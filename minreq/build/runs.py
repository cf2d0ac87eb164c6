"""A tree that is run: which files the smoke opens, whether it does what the lock says, how long an import takes."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from minreq.errors import SmokeFails
from minreq.minimize.compare import deviations, sentence, steady_behaviour
from minreq.minimize.observe import PROOF_SEED, Laboratory, stages
from minreq.model import Behaviour, Lock, Plan, Platform
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run
from minreq.system import temporary
from minreq.verify import verdict

_COMPILED = re.compile(r"(?:__pycache__/)?(?P<stem>[^/]+?)(?:\.[a-z]+-\d+)?(?:\.opt-\d)?\.pyc$")

#: Seconds a first import may take.
_PATIENCE = 300

#: Run by an interpreter of its own: the script is the first argument, what is importable the others.
_IMPORT = """
import os, runpy, sys, time
script, *paths = sys.argv[1:]
sys.path[:0] = [os.path.dirname(script), *paths]
began = time.perf_counter()
runpy.run_path(script, run_name="__main__")
print()
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What the smoke did with everything that the lock installs."""

    behaviour: Behaviour
    #: Paths within the distributions; of a compiled file its source.
    opened: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What a tree did when the smoke ran on it alone."""

    #: A sentence for each thing it does otherwise; empty where it is proven.
    differences: tuple[str, ...]
    #: Paths within it that were opened, or that something tried to open.
    opened: frozenset[str]


def watch(laboratory: Laboratory, plan: Plan) -> Watched:
    """Run *plan* and note the files that are opened; raises ``SmokeFails`` where it does not pass."""
    names = laboratory.closure.resolution.pins
    world = replace(laboratory.world, plan=plan)
    with Run(world, "watch", paths=laboratory.paths(names), opens=True) as run:
        results = stages(run, plan, laboratory.jobs)
        _check(results)
        opened = {_within(file, run) for result in results for file in result.opened}
    return Watched(
        behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
        opened=frozenset(path for path in opened if path is not None),
    )


def _check(results: Sequence[StageResult]) -> None:
    for result in results:
        if not result.passed:
            raise SmokeFails(result.behaviour.stage, result.behaviour.status, result.traceback)


def _within(file: str, run: Run) -> str | None:
    """The path of *file* in the distribution it belongs to."""
    if run.places.owner(file) is None:
        return None
    return _COMPILED.sub(lambda match: f"{match['stem']}.py", run.places.name(file))


def prove(
    laboratory: Laboratory,
    plan: Plan,
    paths: Sequence[Path],
    *,
    lock: Lock,
    platform: Platform,
    watched: Watched | None = None,
) -> Proof:
    """Run *plan* on *paths* alone, which nothing may be written to; tell what *lock* has otherwise.

    The first of *paths* is the tree. Stages that the lock does not know are compared with what they did when they were
    *watched*. What differs must differ twice.
    """
    plan = replace(plan, environment={**plan.environment, "PYTHONDONTWRITEBYTECODE": "1"})
    world = replace(laboratory.world, plan=plan)
    wanted = {script.stage for group in plan.groups for script in group.scripts}
    wanted |= {plan.first.stage} if plan.first else set()
    recorded = replace(lock, behaviour=lock.behaviour.of(wanted))

    tree = f"{paths[0]}/"
    opened: set[str] = set()

    def observed() -> Behaviour:
        with Run(world, "proof", paths=paths, seed=PROOF_SEED, opens=True) as run:
            results = stages(run, plan, laboratory.jobs)
        opened.update(file.removeprefix(tree) for result in results for file in result.opened if file.startswith(tree))
        return Behaviour(stages=tuple(result.behaviour for result in results))

    def told(behaviour: Behaviour) -> tuple[str, ...]:
        of_lock = behaviour.of(lock.stages)
        found = verdict.sentences(verdict.differing(recorded, of_lock, platform), ())
        if watched is None:
            return found
        own = wanted - {*lock.stages}
        before, now = (steady_behaviour(each.of(own)) for each in (watched.behaviour, behaviour))
        return (*found, *(sentence(each) for each in deviations(before, now)))

    before = _files(paths)
    with _unwritable(paths):
        found = told(observed())
        if found:
            again = told(observed())
            found = tuple(each for each in found if each in again)
    # Whoever is root can write all the same.
    changed = sorted(_files(paths) ^ before)
    return Proof(
        differences=(
            *found,
            *(f"the smoke writes into the tree, which can only be read where it runs: {each}" for each in changed),
        ),
        opened=frozenset(opened),
    )


@contextmanager
def _unwritable(folders: Sequence[Path]) -> Iterator[None]:
    """Take the right to write from every folder below *folders*."""
    inside = [Path(parent) for folder in folders for parent, _, _ in os.walk(folder)]
    modes = [(folder, folder.stat().st_mode) for folder in inside]
    try:
        for folder, mode in modes:
            folder.chmod(mode & ~0o222)
        yield
    finally:
        for folder, mode in modes:
            folder.chmod(mode)


def _files(folders: Sequence[Path]) -> set[str]:
    return {
        Path(parent, name).relative_to(folder).as_posix()
        for folder in folders
        for parent, _, names in os.walk(folder)
        for name in names
    }


def first_import(python: Path, plan: Plan, paths: Sequence[Path]) -> float | None:
    """Return the seconds that the first stage of *plan* takes in an interpreter of its own that writes nothing.

    Without a first stage, or where it fails alone, ``None``.
    """
    if plan.first is None:
        return None
    with temporary.folder() as home:
        try:
            done = subprocess.run(
                [python, "-S", "-s", "-B", "-c", _IMPORT, plan.first.file, *paths],
                env={"HOME": str(home), "LC_ALL": "C.UTF-8", **plan.environment, **plan.first.environment},
                cwd=home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                timeout=_PATIENCE,
                check=True,
            )
            return float(done.stdout.splitlines()[-1])
        except (subprocess.SubprocessError, ValueError, IndexError):
            return None
