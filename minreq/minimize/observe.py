"""Runs of the whole smoke, and what was observed in each: the baseline, a trace, a set alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.minimize.trace import Asked, Trace
from minreq.model import Answer, Behaviour, Frame, Plan
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run
from minreq.smoke.world import World
from minreq.system import temporary
from minreq.wheels.closure import Closure

#: The seed of hashes in the proof, another than that of baseline and trace: a set must not depend on their order.
PROOF_SEED = 20260229


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """What every run of a lock needs, and what is importable from the start."""

    world: World
    closure: Closure
    #: The root, what is kept whole, what the runtime provides.
    initial: frozenset[NormalizedName]
    #: Processes at a time.
    jobs: int
    #: A folder on the file system of the store.
    scratch: Path

    def running(self, plan: Plan) -> Laboratory:
        """Return it with another *plan*."""
        return replace(self, world=replace(self.world, plan=plan))

    def paths(self, names: Iterable[NormalizedName]) -> list[Path]:
        """Return the folders of *names*, sorted by name, fetched if need be."""
        with ThreadPoolExecutor(max(self.jobs, 4)) as pool:
            return list(pool.map(self.closure.unpacked, sorted(names)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a run of the smoke showed."""

    behaviour: Behaviour
    #: The stages that did not pass, in plan order.
    failures: tuple[StageResult, ...]
    #: Answers to the questions of an oracle, with names that do not depend on the machine.
    answers: Mapping[NormalizedName, Answer]
    #: Every question about each distribution.
    asked: Mapping[NormalizedName, tuple[Asked, ...]]
    #: The stages that may notice that a distribution is gone.
    noticed: Mapping[NormalizedName, frozenset[str]] = field(default_factory=dict)
    #: Questions about names that nothing in the closure owned at that moment.
    unanswered: tuple[Asked, ...] = ()
    #: What a list of everything installed had, or would have had.
    listed: frozenset[NormalizedName] = frozenset()
    #: Source files of the modules that were loaded, each with the place that imported it first, as on this machine.
    loaded: Mapping[str, Frame | None] = field(default_factory=dict)
    #: The first stage, in plan order, that loaded each.
    loaded_in: Mapping[str, str] = field(default_factory=dict)

    @property
    def failure(self) -> StageResult | None:
        """The first stage that did not pass, ``None`` when all did."""
        return self.failures[0] if self.failures else None

    @property
    def accepted(self) -> frozenset[NormalizedName]:
        """The distributions that were asked for and given."""
        return frozenset(name for name, answer in self.answers.items() if answer.accepted)

    @property
    def declined(self) -> frozenset[NormalizedName]:
        """The distributions that were asked for and not given."""
        return frozenset(self.answers) - self.accepted


def observe_with(
    laboratory: Laboratory,
    oracle: Trace,
    name: str,
    *,
    seed: int = 0,
    go_on: Callable[[StageResult], bool] = lambda _first: True,
    then: Callable[[Run, Observation], None] = lambda _run, _observation: None,
) -> Observation:
    """Run the smoke with only the initial distributions, *oracle* answering; *then* may use the run while it is alive.

    *seed* is that of the child's hashes; *go_on* tells after the first stage whether the others are worth it.
    """
    world, closure = laboratory.world, laboratory.closure
    shared = sorted(closure.import_map.shared)
    paths = laboratory.paths(laboratory.initial)
    run = Run(world, name, paths=paths, oracle=oracle, shared=shared, seed=seed, forks=laboratory.jobs)
    oracle.bind(run.places, laboratory.initial)
    with run:
        results = stages(run, world.plan, laboratory.jobs, go_on)
        answers = oracle.answers()
        observation = Observation(
            behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
            failures=tuple(result for result in results if not result.passed),
            answers=answers,
            asked={asked: oracle.asked(asked) for asked in answers},
            noticed={asked: oracle.stages(asked) for asked in answers},
            unanswered=oracle.unanswered,
            listed=oracle.listed,
            loaded={file: importer for result in results for file, importer in result.loaded},
            loaded_in={file: result.behaviour.stage for result in reversed(results) for file, _ in result.loaded},
        )
        then(run, observation)
    return observation


def observe_alone(laboratory: Laboratory, names: Iterable[NormalizedName], name: str) -> Observation:
    """Run the smoke on *names* alone, each in the folder of its own."""
    with Run(laboratory.world, name, paths=laboratory.paths(names)) as run:
        return _alone(stages(run, laboratory.world.plan, laboratory.jobs))


def observe_installed(laboratory: Laboratory, names: Iterable[NormalizedName], name: str = "proof") -> Observation:
    """Run the smoke on *names* alone, in one folder as an installer would leave it; the proof, under a *name*."""
    with temporary.folder(laboratory.scratch) as folder:
        for tree in laboratory.paths(names):
            _link(str(tree), str(folder))
        with Run(laboratory.world, name, paths=[folder], seed=PROOF_SEED) as run:
            return _alone(stages(run, laboratory.world.plan, laboratory.jobs))


def _link(tree: str, folder: str) -> None:
    """Link the files of *tree* into *folder*, over those of the same names as an installer would.

    Times are equal, so compiled files stay valid. A set has some ten thousand files: `shutil.copytree` takes twice as
    long.
    """
    with os.scandir(tree) as entries:
        for entry in entries:
            to = os.path.join(folder, entry.name)  # noqa: PTH118 - Paths would be most of the time.
            if entry.is_dir(follow_symlinks=False):
                with suppress(FileExistsError):
                    os.mkdir(to)  # noqa: PTH102
                _link(entry.path, to)
                continue
            try:
                os.link(entry.path, to)
            except FileExistsError:
                os.unlink(to)  # noqa: PTH108
                os.link(entry.path, to)


def _alone(results: Sequence[StageResult]) -> Observation:
    return Observation(
        behaviour=Behaviour(stages=tuple(result.behaviour for result in results)),
        failures=tuple(result for result in results if not result.passed),
        answers={},
        asked={},
    )


def stages(
    run: Run, plan: Plan, jobs: int, go_on: Callable[[StageResult], bool] = lambda _first: True
) -> tuple[StageResult, ...]:
    """Run all stages of *plan*, *jobs* groups at a time; return the results in plan order.

    After a failure of the first stage, or when *go_on* says so, nothing else runs; after one in a group the rest of
    that group does not. So equal sets fail at equal places.
    """
    first = run.first_stage()
    if first is not None and not (first.passed and go_on(first)):
        return (first,)
    with ThreadPoolExecutor(jobs) as pool:
        groups = pool.map(lambda group: run.run(group.scripts), plan.groups)
        return (*filter(None, [first]), *(result for group in groups for result in group))
