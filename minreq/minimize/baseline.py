"""The baseline: what the smoke does with nothing left out, and how the behaviour of another run differs from that."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import replace
from typing import Any

from minreq.errors import BaselineFailure, ModuleNotOffered, SmokeFails, SmokeNeverEnds
from minreq.minimize.compare import Deviation, beyond_noise, deviations
from minreq.minimize.observe import PROOF_SEED, Laboratory, Observation, observe_with
from minreq.minimize.trace import Trace
from minreq.model import Behaviour, Difference, Group
from minreq.smoke.results import StageResult


class TemplateStuckError(Exception):
    """A stage of the baseline hung or died in a fork: what the first stage left (threads, locks) may be why."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Baseline:
    """A run with all that the closure has, begun at once; whoever asks waits for no more of it than the answer needs.

    What it raises, whoever asks is told: ``BaselineFailure`` when the smoke fails, :class:`TemplateStuckError`.
    """

    def __init__(self, laboratory: Laboratory, pool: Executor) -> None:
        self._laboratory = laboratory
        self._pool = pool
        #: What it did in the first stage, known before the rest.
        self._first: Future[Behaviour] = Future()
        self._observed = pool.submit(self._observe, laboratory, "baseline")
        #: Repetitions, each of other groups.
        self._again: list[tuple[frozenset[str], Future[Observation]]] = []
        self._lock = threading.Lock()

    @property
    def observation(self) -> Observation:
        """The whole of it."""
        return self._observed.result()

    @property
    def behaviour(self) -> Behaviour:
        """What the smoke did."""
        return self.observation.behaviour

    def noise(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return what differs between two baselines in the groups of *found*, which run again when first asked for."""
        groups = self._laboratory.world.plan.groups_of({deviation.stage for deviation in found})
        with self._lock:
            known = {name for names, _ in self._again for name in names}
            new = tuple(group for group in groups if group.name not in known)
            if new or not self._again:
                self._again.append((frozenset(group.name for group in new), self._repeat(new)))
        return self.known_noise()

    def _repeat(self, groups: tuple[Group, ...]) -> Future[Observation]:
        """Begin a second baseline of *groups*, beside whatever runs next."""
        laboratory = self._laboratory.running(replace(self._laboratory.world.plan, groups=groups))
        return self._pool.submit(self._observe, laboratory, "baseline-again", PROOF_SEED)

    def known_noise(self) -> tuple[Deviation, ...]:
        """Return the noise of the groups for which anybody had to ask."""
        repeated = (again.result().behaviour for _, again in tuple(self._again))
        return tuple(each for behaviour in repeated for each in self._deviations(behaviour))

    def deviations_of(self, behaviour: Behaviour, accepted: Collection[Difference]) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from the baseline in the stages that ran, *accepted* differences aside.

        What is told in the same words in another stage is the same difference.
        """
        aside = {(each.stage, each.what) for each in accepted}
        words = {(each.what, each.with_it, each.without_it) for each in accepted}
        found = self._deviations(behaviour)
        if found and self._again:
            found = beyond_noise(found, self.noise(found))
        return tuple(
            each
            for each in found
            if (each.stage, each.what) not in aside and (each.what, each.first, each.second) not in words
        )

    def _deviations(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        return deviations(self._expected(behaviour), behaviour)

    def _expected(self, behaviour: Behaviour) -> Behaviour:
        """Return what the baseline did in the stages of *behaviour*."""
        ran = {stage.stage for stage in behaviour.stages}
        first = self._laboratory.world.plan.first
        if first is not None and ran == {first.stage}:
            either: list[Future[Any]] = [self._first, self._observed]
            wait(either, return_when=FIRST_COMPLETED)
            if self._first.done():
                return self._first.result()
        return self.behaviour.of(ran)

    def _observe(self, laboratory: Laboratory, name: str, seed: int = 0) -> Observation:
        """Run the smoke with all that the closure has."""

        def tell(first: StageResult) -> bool:
            if not self._first.done():
                self._first.set_result(Behaviour(stages=(first.behaviour,)))
            return True

        oracle = Trace(laboratory.closure, {}, eager=True)
        observation = observe_with(laboratory, oracle, name, seed=seed, go_on=tell)
        if observation.failure is not None:
            stage = observation.failure.behaviour.stage
            first = self._laboratory.world.plan.first
            if first is not None and stage != first.stage and observation.failure.ended in {"timeout", "death"}:
                raise TemplateStuckError(stage)
            raise _failure(observation, observation.failure, self._laboratory.world.limit)
        return observation


def _failure(observation: Observation, failure: StageResult, limit: float) -> BaselineFailure:
    stage = failure.behaviour.stage
    for asked in observation.unanswered:
        if asked.question.name in failure.missing:
            frame = asked.question.frames[0] if asked.question.frames else None
            importer = f"{frame.file}:{frame.line}" if frame else "the smoke"
            return ModuleNotOffered(asked.question.name, importer, stage)
    if failure.ended == "timeout":
        return SmokeNeverEnds(stage, limit)
    return SmokeFails(stage, failure.behaviour.status, failure.traceback)
