"""Run the baseline, with nothing left out, and compare the behaviour of other runs with it."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from typing import Any

from minreq.errors import BaselineFailure, ModuleNotDeclared, SmokeFailed, SmokeTimedOut
from minreq.minimize.compare import Deviation, beyond_noise, deviations
from minreq.minimize.observe import PROOF_SEED, Observation, observe_trace
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TraceQuestionHandler
from minreq.model import Behaviour, Difference, Group
from minreq.smoke.absentfile import explain_absent_file
from minreq.smoke.results import StageResult
from minreq.smoke.runsetup import RunSetup


class TemplateStuckError(Exception):
    """A stage of the baseline hung or died in a fork; threads or locks that the first stage left may be the cause."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Baseline:
    """A run with all that the closure has.

    The run starts at once, in a thread of *pool*; a caller waits for no more of it than the answer needs. Any caller
    gets what the run raises: ``BaselineFailure`` when the smoke fails, :class:`TemplateStuckError`.
    """

    def __init__(self, runner: SmokeRunner, pool: Executor) -> None:
        self._runner = runner
        self._pool = pool
        #: The behaviour of the first stage, known before the rest.
        self._first_stage: Future[Behaviour] = Future()
        self._observation = pool.submit(self._observe, runner, "baseline")
        #: Second runs, each of other groups.
        self._repetitions: list[tuple[frozenset[str], Future[Observation]]] = []
        self._lock = threading.Lock()

    @property
    def observation(self) -> Observation:
        """The observation of the whole run."""
        return self._observation.result()

    @property
    def behaviour(self) -> Behaviour:
        """What the smoke did in the whole run."""
        return self.observation.behaviour

    def find_noise(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return what differs between two baselines in the groups of *found*; a group runs again only once."""
        groups = self._runner.setup.plan.groups_with({deviation.stage for deviation in found})
        with self._lock:
            known = {name for names, _ in self._repetitions for name in names}
            new = tuple(group for group in groups if group.name not in known)
            if new or not self._repetitions:
                self._repetitions.append((frozenset(group.name for group in new), self._repeat(new)))
        return self.known_noise()

    def _repeat(self, groups: tuple[Group, ...]) -> Future[Observation]:
        """Start a second baseline of *groups*, beside whatever runs next."""
        runner = self._runner.with_plan(replace(self._runner.setup.plan, groups=groups))
        return self._pool.submit(self._observe, runner, "baseline-again", PROOF_SEED)

    def known_noise(self) -> tuple[Deviation, ...]:
        """Return the noise of the groups that ran again so far."""
        repeated = (again.result().behaviour for _, again in tuple(self._repetitions))
        return tuple(each for behaviour in repeated for each in self._deviations(behaviour))

    def deviations_of(self, behaviour: Behaviour, accepted: Collection[Difference]) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from the baseline in the stages that ran, without the *accepted* differences.

        A deviation in another stage with the same values is the same difference.
        """
        places = {(each.stage, each.what) for each in accepted}
        values = {(each.what, each.with_it, each.without_it) for each in accepted}
        found = self._deviations(behaviour)
        if found and self._repetitions:
            found = beyond_noise(found, self.find_noise(found))
        return tuple(
            each
            for each in found
            if (each.stage, each.what) not in places and (each.what, each.first, each.second) not in values
        )

    def _deviations(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        return deviations(self._expected_behaviour(behaviour), behaviour)

    def _expected_behaviour(self, behaviour: Behaviour) -> Behaviour:
        """Return what the baseline did in the stages of *behaviour*."""
        ran = {stage.stage for stage in behaviour.stages}
        first = self._runner.setup.plan.first
        if first is not None and ran == {first.stage}:
            either: list[Future[Any]] = [self._first_stage, self._observation]
            wait(either, return_when=FIRST_COMPLETED)
            if self._first_stage.done():
                return self._first_stage.result()
        return self.behaviour.in_stages(ran)

    def _observe(self, runner: SmokeRunner, name: str, seed: int = 0) -> Observation:
        """Run the smoke with all that the closure has."""

        def publish_first_stage(first: StageResult) -> bool:
            if not self._first_stage.done():
                self._first_stage.set_result(Behaviour(stages=(first.behaviour,)))
            return True

        handler = TraceQuestionHandler(runner.closure, {}, accept_all=True)
        observation = observe_trace(runner, handler, name, seed=seed, continue_after=publish_first_stage)
        if observation.failure is not None:
            stage = observation.failure.behaviour.stage
            first = self._runner.setup.plan.first
            if first is not None and stage != first.stage and observation.failure.ended_by in {"timeout", "death"}:
                raise TemplateStuckError(stage)
            raise _explain_failure(observation, observation.failure, self._runner.setup)
        return observation


def _explain_failure(observation: Observation, failure: StageResult, setup: RunSetup) -> BaselineFailure:
    """Return the error for *failure*: a module that nothing declares, a stage that never ends, or another failure."""
    stage = failure.behaviour.stage
    for traced in observation.unanswered:
        if traced.question.name in failure.missing_modules:
            frame = traced.question.frames[0] if traced.question.frames else None
            importer = f"{frame.file}:{frame.line}" if frame else "the smoke"
            return ModuleNotDeclared(traced.question.name, importer, stage)
    if failure.ended_by == "timeout":
        return SmokeTimedOut(stage, setup.stage_timeout)
    hint = explain_absent_file(setup.plan, failure)
    return SmokeFailed(stage, failure.behaviour.status, failure.traceback, hint)
