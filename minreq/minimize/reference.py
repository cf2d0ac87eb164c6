"""Run the reference, an environment with the whole closure, and compare the behaviour of other runs with it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import Any

from packaging.utils import NormalizedName

from minreq.errors import (
    BaselineFailure,
    BrokenWheel,
    HostileWheel,
    IndexOffline,
    MinreqError,
    ModuleNotDeclared,
    SdistBuildFailed,
    SmokeFailed,
    SmokeTimedOut,
)
from minreq.minimize.compare import (
    Deviation,
    concerns_varying_lines,
    find_deviations,
    find_deviations_in_volatile_text,
    split_numbers,
)
from minreq.minimize.extras import add_missing_extras, undeclared_modules
from minreq.minimize.grouprun import GroupRuns
from minreq.minimize.noise import subtract_noise
from minreq.minimize.observe import PROOF_SEED, Observation, observe_environment, observe_trace
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TracedQuestion, TraceQuestionHandler
from minreq.model import Behaviour, Difference, Group
from minreq.reporting import Reporter
from minreq.smoke.absentfile import explain_absent_file, explain_hidden_file, explain_read_only_file
from minreq.smoke.paths import PathMap
from minreq.smoke.results import StageResult
from minreq.smoke.runsetup import RunSetup
from minreq.wheels.closure import Closure

#: In so many runs of the reference lines that vary in part have the same words.
_VARYING_REPETITIONS = 4
#: Why a wheel cannot be installed here. Any other error ends the lock.
_NOT_INSTALLABLE = (HostileWheel, BrokenWheel, SdistBuildFailed, IndexOffline)


class TemplateStuckError(Exception):
    """A stage of the reference hung or died in a fork; threads or locks that the first stage left may be the cause."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


class Reference:
    """A run in an environment with all that the closure has. Every other run is compared with it.

    The run starts at once, in a thread of *pool*; a caller waits for no more of it than the answer needs. Any caller
    gets what the run raises: ``BaselineFailure`` when the smoke fails, :class:`TemplateStuckError`.

    A trace has another layout than an environment: each distribution has a folder of its own, and only what was asked
    for is on the path. The *control*, a trace that accepts everything, shows what differs because of that: a trace can
    decide nothing there. It runs only for groups that differ. Two runs of an environment differ by noise alone. Numbers
    and times that differ may be of a clock: the reference then runs with clocks that go faster.
    """

    def __init__(self, runner: SmokeRunner, pool: Executor, reporter: Reporter) -> None:
        self._runner = runner
        self._pool = pool
        self._reporter = reporter
        #: The behaviour of the first stage, known before the rest.
        self._first_stage: Future[Behaviour] = Future()
        #: By distribution: why it cannot be installed here.
        self.not_installable: dict[NormalizedName, MinreqError] = {}
        plan = runner.setup.plan
        self._control = GroupRuns(plan=plan, start=self._start_control)
        self._repetition = GroupRuns(plan=plan, start=self._start_repetition)
        self._with_fast_clock = GroupRuns(plan=plan, start=partial(self._start_repetition, fast_clock=True))
        #: Numbers that are others where clocks go faster.
        self._clock_readings: set[Deviation] = set()
        self._run = pool.submit(self._observe)

    @property
    def observation(self) -> Observation:
        """The observation of the whole run."""
        return self._run.result()[1]

    @property
    def names(self) -> frozenset[NormalizedName]:
        """The distributions that are installed in the run."""
        return self._run.result()[0]

    @property
    def behaviour(self) -> Behaviour:
        """What the smoke did in the whole run."""
        return self.observation.behaviour

    def check_installable(self, trace: Observation, excluded: Collection[NormalizedName]) -> None:
        """Raise why a distribution cannot be installed here, if *trace* asked for one."""
        if not trace.answers.keys().isdisjoint(self.not_installable):
            for name in sorted(self.not_installable.keys() & trace.answers.keys() - set(excluded)):
                raise self.not_installable[name]

    # What differs without a cause in the set.

    def find_trace_deviations(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return what the control did differently in the groups of *found*, and in those of earlier calls."""
        found = tuple(found)
        self._control.require(found)
        self._control.require_later(subtract_noise(found, self._compare_all(self._control)))
        return self._compare_all(self._control)

    def known_noise(self) -> tuple[Deviation, ...]:
        """Return the noise of the groups that ran again so far."""
        return (*self._compare_all(self._repetition), *self._clock_readings)

    def drop_trace_deviations(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return those of *found*, in the behaviour of a trace, that the control does not explain."""
        found = self._drop_clock_readings(tuple(found))
        return subtract_noise(found, self.find_trace_deviations(found)) if found else ()

    def drop_noise(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return those of *found*, in the behaviour of an environment, that no repetition of the reference explains."""
        found = tuple(found)
        if not found:
            return ()
        self._repetition.require(found)
        found = self._drop_clock_readings(subtract_noise(found, self._compare_all(self._repetition), by_word=True))
        while varying := [each for each in found if concerns_varying_lines(each.what)]:
            few = [each for each in varying if self._repetition.count(each) < _VARYING_REPETITIONS]
            if not few:
                break
            # Two runs often have a word in common by chance.
            self._repetition.repeat(few)
            found = subtract_noise(found, self._compare_all(self._repetition), by_word=True)
        return found

    def _drop_clock_readings(self, found: tuple[Deviation, ...]) -> tuple[Deviation, ...]:
        """Return *found* without the lines in which numbers are others where the clocks go faster."""
        parts = [(each, *split_numbers(each)) for each in found]
        numbers = [part for _, part, _ in parts if part is not None]
        if not numbers:
            return found
        self._with_fast_clock.require(numbers)
        self._with_fast_clock.require_later(numbers)
        noise = tuple(each for behaviour in self.with_fast_clock for each in self.compare(behaviour))
        readings = {each for each in numbers if not subtract_noise([each], noise)}
        self._clock_readings |= readings
        return tuple(left for each, part, rest in parts if (left := rest if part in readings else each) is not None)

    def _compare_all(self, runs: GroupRuns) -> tuple[Deviation, ...]:
        """Return what *runs* did differently."""
        return tuple(each for behaviour in runs.behaviours() for each in self.compare(behaviour))

    # What a run did differently.

    def compare_trace(self, behaviour: Behaviour, accepted: Collection[Difference] = ()) -> tuple[Deviation, ...]:
        """Return how the *behaviour* of a trace differs in the stages that ran, without the *accepted* differences.

        What the control does differently, too, is left out once the control has run.
        """
        found = self._drop_clock_readings(self.compare(behaviour))
        return _without_accepted(self.drop_trace_deviations(found) if self._control else found, accepted)

    def compare_environment(self, behaviour: Behaviour, accepted: Collection[Difference] = ()) -> tuple[Deviation, ...]:
        """Return how the *behaviour* of an environment differs in the stages that ran, but for *accepted* ones."""
        return _without_accepted(self.drop_noise(_without_accepted(self.compare(behaviour), accepted)), accepted)

    def compare_volatile_text(
        self, behaviour: Behaviour, trace: Behaviour | None = None, accepted: Collection[Difference] = ()
    ) -> tuple[Deviation, ...]:
        """Return the deviations of an environment that look like what is new in each run, but for *accepted* ones.

        The behaviour of the *trace* that found the set tells most of what is new in each run. Only where something is
        left do the groups of the reference run again, with clocks that go faster: what is the same then, too, is new in
        no run.
        """
        now = time.time()
        traces = [] if trace is None else [trace]
        suspected = _without_accepted(_suspect_volatile_text(self.behaviour, traces, behaviour, now), accepted)
        if suspected:
            self._with_fast_clock.require(suspected)
            shown = {stage.stage for each in self.with_fast_clock for stage in each.stages}
            if failed := [each for each in suspected if each.stage not in shown]:
                self._repetition.require(failed)

        def find_steady() -> tuple[Deviation, ...]:
            again = self.repetitions
            references = [self.behaviour.in_stages({stage.stage for each in again for stage in each.stages}), *again]
            return _without_accepted(find_deviations_in_volatile_text(references, [behaviour], now), accepted)

        self._with_fast_clock.require_later(find_steady())
        return find_steady()

    @property
    def repetitions(self) -> tuple[Behaviour, ...]:
        """What the repetitions of the reference did so far."""
        return (*self._repetition.behaviours(), *self.with_fast_clock)

    @property
    def with_fast_clock(self) -> tuple[Behaviour, ...]:
        """What the repetitions with faster clocks did so far; a stage that such a clock makes fail is left out."""
        return tuple(
            each.in_stages({stage.stage for stage in each.stages if stage.status == "passed"})
            for each in self._with_fast_clock.behaviours()
        )

    def compare(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return all that *behaviour* did differently in the stages that ran."""
        return find_deviations(self._expected_behaviour(behaviour), behaviour)

    def _expected_behaviour(self, behaviour: Behaviour) -> Behaviour:
        """Return what the reference did in the stages of *behaviour*."""
        ran = {stage.stage for stage in behaviour.stages}
        first = self._runner.setup.plan.first
        if first is not None and ran == {first.stage}:
            either: list[Future[Any]] = [self._first_stage, self._run]
            wait(either, return_when=FIRST_COMPLETED)
            # Once the run has ended, only its own first stage counts: an extra may have changed it.
            if not self._run.done():
                return self._first_stage.result()
        return self.behaviour.in_stages(ran)

    # The runs.

    def _observe(self) -> tuple[frozenset[NormalizedName], Observation]:
        """Run the smoke in an environment with all of the closure; return the names and what the run did.

        An extra that the failure shows to be missing is added to the closure, and the smoke runs again.
        """
        closure, path_map = self._runner.closure, self._runner.setup.make_path_map(self._runner.scratch)
        while True:
            names = self._find_installable(frozenset(closure.resolution.pins))
            observation = observe_environment(
                self._runner, names, "reference", seed=0, continue_after=self._set_first_stage_result
            )
            if observation.failure is None:
                return names, observation
            self._raise_not_installable(observation.failure)
            self._check_template(observation.failure)
            questions = self._questions_of(observation.failures)
            if not add_missing_extras(observation.failures, questions, closure, path_map, self._reporter.note):
                raise _explain_failure(observation.failure, closure, path_map, self._runner.setup)

    def _check_template(self, failure: StageResult) -> None:
        """Raise `TemplateStuckError` where the template may be the cause of *failure*."""
        stage, first = failure.behaviour.stage, self._runner.setup.plan.first
        if first is not None and stage != first.stage and failure.ended_by in {"timeout", "death"}:
            raise TemplateStuckError(stage)

    def _questions_of(self, failures: Iterable[StageResult]) -> tuple[TracedQuestion, ...]:
        """Return what no distribution answers in *failures* that name no missing module; only a trace shows that."""
        stages = {each.behaviour.stage for each in failures if each.ended_by == "itself" and not each.missing_modules}
        if not stages:
            return ()
        groups = self._runner.setup.plan.groups_with(stages)
        return self._observe_control(groups).unanswered

    def _raise_not_installable(self, failure: StageResult) -> None:
        """Raise why a distribution cannot be installed here, if *failure* names a module of one."""
        for module in failure.missing_modules:
            owner = self._runner.closure.import_map.owner(module)
            if owner in self.not_installable:
                raise self.not_installable[owner]

    def _set_first_stage_result(self, first: StageResult) -> bool:
        if not self._first_stage.done():
            self._first_stage.set_result(Behaviour(stages=(first.behaviour,)))
        return True

    def _find_installable(self, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
        """Return those of *names* that can be installed here; report the others."""
        names = frozenset(names)
        for name, error in find_uninstallable(self._runner, names).items():
            if name not in self.not_installable:
                self.not_installable[name] = error
                self._reporter.note(f"{name} cannot be installed here: {error}; the reference run is without it")
        return names.difference(self.not_installable)

    def _start_control(self, groups: tuple[Group, ...]) -> Future[Observation]:
        return self._pool.submit(self._observe_control, groups)

    def _observe_control(self, groups: tuple[Group, ...]) -> Observation:
        runner = self._runner.with_plan(replace(self._runner.setup.plan, groups=groups))
        return observe_trace(runner, TraceQuestionHandler(runner.closure, {}, accept_all=True), "control")

    def _start_repetition(self, groups: tuple[Group, ...], *, fast_clock: bool = False) -> Future[Observation]:
        runner = self._runner.with_plan(replace(self._runner.setup.plan, groups=groups))
        runner = runner.with_fast_clock() if fast_clock else runner
        return self._pool.submit(observe_environment, runner, self.names, "reference-again", seed=PROOF_SEED)


def find_uninstallable(
    runner: SmokeRunner, names: Iterable[NormalizedName], more: tuple[type[MinreqError], ...] = ()
) -> dict[NormalizedName, MinreqError]:
    """Return those of *names* that cannot be installed here, and why; a wheel that is missing is fetched.

    *more* are other errors that concern one wheel only; any error that is left is raised.
    """
    errors: tuple[type[MinreqError], ...] = (*_NOT_INSTALLABLE, *more)

    def explain(name: NormalizedName) -> MinreqError | None:
        try:
            runner.closure.unpack_tree(name)
        except errors as error:
            return error
        return None

    ordered = sorted(names)
    with ThreadPoolExecutor(max(runner.jobs, 4)) as pool:
        found = dict(zip(ordered, pool.map(explain, ordered), strict=True))
    return {name: error for name, error in found.items() if error is not None}


def _suspect_volatile_text(
    reference: Behaviour, traces: Sequence[Behaviour], behaviour: Behaviour, now: float
) -> tuple[Deviation, ...]:
    """Return what may be hidden in *behaviour*; a trace may do what the reference does, or what *behaviour* does."""
    return (
        *find_deviations_in_volatile_text([reference], [*traces, behaviour], now),
        *(find_deviations_in_volatile_text([reference, *traces], [behaviour], now) if traces else ()),
    )


def _without_accepted(found: Iterable[Deviation], accepted: Collection[Difference]) -> tuple[Deviation, ...]:
    """Leave *accepted* differences out of *found*; the same values in another stage are the same difference."""
    places = {(each.stage, each.what) for each in accepted}
    values = {(each.what, each.with_it, each.without_it) for each in accepted}
    return tuple(
        each
        for each in found
        if (each.stage, each.what) not in places and (each.what, each.first, each.second) not in values
    )


def _explain_failure(failure: StageResult, closure: Closure, path_map: PathMap, setup: RunSetup) -> BaselineFailure:
    """Return the error for *failure*: a module that nothing declares, a stage that never ends, or another failure."""
    stage = failure.behaviour.stage
    for module in undeclared_modules(failure, closure):
        place = failure.importers.get(module)
        importer = f"{path_map.make_portable(place.file)}:{place.line}" if place else "the smoke"
        start_up = closure.find_refused_start_up()
        return ModuleNotDeclared(module, importer, stage, closure.extra_with(module), start_up)
    if failure.ended_by == "timeout":
        return SmokeTimedOut(stage, setup.stage_timeout)
    hint = explain_absent_file(setup.plan, failure) or explain_read_only_file(failure) or explain_hidden_file(failure)
    return SmokeFailed(stage, failure.behaviour.status, failure.traceback, hint)
