"""Runs of the smoke on a tree: which files it opens, how it differs from the lock, how long the first import takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from minreq.errors import SmokeFailed
from minreq.minimize.compare import describe, find_deviations
from minreq.minimize.observe import PROOF_SEED, run_stages
from minreq.minimize.record import normalize_behaviour
from minreq.minimize.runner import SmokeRunner
from minreq.model import Behaviour, Lock, Plan, Platform
from minreq.smoke.absentfile import explain_absent_file
from minreq.smoke.pythonrun import run_python
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.start import Access
from minreq.system import regularfile, temporary
from minreq.verify.deviations import describe_deviations, find_confirmed_deviations

_COMPILED = re.compile(r"(?:__pycache__/)?(?P<stem>[^/]+?)(?:\.[a-z]+-\d+)?(?:\.opt-\d)?\.pyc$")

#: Seconds that a first import may take.
_TIMEOUT = 300
#: Bytes of the last line, which has the measured time.
_LINE_SIZE = 100

#: A new interpreter runs this. The first argument is the script, the others are the folders to import from.
_TIMED_IMPORT = """
import os, runpy, sys, time
script, *paths = sys.argv[1:]
sys.path[:0] = [os.path.dirname(script), *paths]
began = time.perf_counter()
runpy.run_path(script, run_name="__main__")
print()
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRun:
    """What the smoke did on everything that the lock installs."""

    behaviour: Behaviour
    #: Paths within the distributions; a compiled file counts as its source.
    opened: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The result of running the smoke on a tree alone."""

    #: One sentence for each difference; empty when the tree is proven.
    differences: tuple[str, ...]
    #: Paths within the tree that the smoke opened or tried to open.
    opened: frozenset[str]


def run_reference(runner: SmokeRunner, plan: Plan) -> ReferenceRun:
    """Run *plan* on everything and record which files it opens; raises ``SmokeFailed`` when a stage does not pass."""
    names = runner.closure.resolution.pins
    setup = replace(runner.setup, plan=plan)
    with Run(setup, "watch", installed=runner.installed(names), record_opens=True) as run:
        results = run_stages(run, plan, runner.jobs)
        _check_passed(results, plan)
        files = {run.find_stored(file) for result in results for file in result.opened_files}
        opened = {_path_in_distribution(file, run) for file in files}
    return ReferenceRun(
        behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
        opened=frozenset(path for path in opened if path is not None),
    )


def _check_passed(results: Sequence[StageResult], plan: Plan) -> None:
    for result in results:
        if not result.passed:
            hint = explain_absent_file(plan, result)
            stage, status = result.behaviour.stage, result.behaviour.status
            raise SmokeFailed(stage, status, result.traceback, hint, installed="the whole lock")


def _path_in_distribution(file: str, run: Run) -> str | None:
    """Return the path of *file* in its distribution, ``None`` when no distribution owns it."""
    if run.path_map.owner_of(file) is None:
        return None
    return _COMPILED.sub(lambda match: f"{match['stem']}.py", run.path_map.make_portable(file))


def prove_tree(
    runner: SmokeRunner,
    plan: Plan,
    paths: Sequence[Path],
    *,
    lock: Lock,
    platform: Platform,
    reference: ReferenceRun | None = None,
) -> Proof:
    """Run *plan* on *paths* alone, write-protected, and return the differences from *lock*.

    The first of *paths* is the tree. Stages that the lock does not record are compared with the *reference* run. A
    difference counts only when a second run shows it too.
    """
    plan = replace(plan, environment={**plan.environment, "PYTHONDONTWRITEBYTECODE": "1"})
    setup = replace(runner.setup, plan=plan)
    stages = {script.stage for group in plan.groups for script in group.scripts}
    stages |= {plan.first.stage} if plan.first else set()
    expected = replace(lock, behaviour=lock.behaviour.in_stages(stages))

    tree = f"{paths[0]}/"
    opened: set[str] = set()

    def run_smoke(*, fast_clock: bool = False) -> Behaviour:
        of_run = replace(setup, fast_clock=fast_clock)
        with Run(of_run, "proof", paths=paths, seed=PROOF_SEED, record_opens=True) as run:
            results = run_stages(run, plan, runner.jobs)
        opened.update(
            file.removeprefix(tree) for result in results for file in result.opened_files if file.startswith(tree)
        )
        return Behaviour(stages=tuple(result.behaviour for result in results))

    def run_again(fast_clock: bool) -> Behaviour:  # noqa: FBT001 - The comparison calls it so.
        return run_smoke(fast_clock=fast_clock).in_stages(lock.stages)

    def compare_unrecorded(behaviour: Behaviour) -> tuple[str, ...]:
        if reference is None:
            return ()
        unrecorded = stages - {*lock.stages}
        before, now = (normalize_behaviour(each.in_stages(unrecorded)) for each in (reference.behaviour, behaviour))
        return tuple(describe(each) for each in find_deviations(before, now))

    before = _list_files(paths)
    with _write_protected(paths):
        behaviour = run_smoke()
        deviations = find_confirmed_deviations(expected, behaviour.in_stages(lock.stages), platform, run_again)
        found = compare_unrecorded(behaviour)
        if found:
            again = compare_unrecorded(run_smoke())
            found = tuple(each for each in found if each in again)
        found = (*describe_deviations(deviations, ()), *found)
    # The superuser can write into a write-protected folder.
    changed = sorted(_list_files(paths) ^ before)
    return Proof(
        differences=(
            *found,
            *(f"the smoke writes into the tree, which is read-only in production: {each}" for each in changed),
        ),
        opened=frozenset(opened),
    )


@contextmanager
def _write_protected(folders: Sequence[Path]) -> Iterator[None]:
    """Make every folder below *folders* read-only for the duration of the block."""
    inside = [Path(parent) for folder in folders for parent, _, _ in os.walk(folder)]
    modes = [(folder, folder.stat().st_mode) for folder in inside]
    try:
        for folder, mode in modes:
            folder.chmod(mode & ~0o222)
        yield
    finally:
        for folder, mode in modes:
            folder.chmod(mode)


def _list_files(folders: Sequence[Path]) -> set[str]:
    return {
        Path(parent, name).relative_to(folder).as_posix()
        for folder in folders
        for parent, _, names in os.walk(folder)
        for name in names
    }


def time_first_import(setup: RunSetup, plan: Plan, paths: Sequence[Path]) -> float | None:
    """Return the seconds that the first stage of *plan* takes in a new isolated interpreter that writes nothing.

    Return ``None`` when the plan has no first stage, or when the stage fails alone; and where the kernel does not
    isolate: hooks would be part of the measured time.
    """
    if plan.first is None or not setup.isolation.kernel:
        return None
    folders = [*map(str, paths)]
    with temporary.make_temporary_folder() as home, (home / "output").open("w+b") as output:
        status = run_python(
            setup,
            _TIMED_IMPORT,
            [str(plan.first.file), *folders],
            Access(writable=home, readable=[plan.first.file.parent, *paths]),
            environment={**plan.environment, **plan.first.environment},
            seconds=_TIMEOUT,
            stdout=output,
        )
        if status != 0:
            return None
        try:
            return float(regularfile.read_end(home / "output", _LINE_SIZE, below=home).split()[-1])
        except (OSError, ValueError, IndexError):
            return None
