"""Run the reference, an environment with the whole closure, and compare the behaviour of other runs with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
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
from minreq.minimize.compare import Deviation, find_deviations, find_deviations_in_volatile_text, subtract_noise
from minreq.minimize.extras import add_missing_extras, undeclared_modules
from minreq.minimize.observe import PROOF_SEED, Observation, observe_environment, observe_trace
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TracedQuestion, TraceQuestionHandler
from minreq.model import Behaviour, Difference, Group, Plan
from minreq.reporting import Reporter
from minreq.smoke.absentfile import explain_absent_file, explain_hidden_file, explain_read_only_file
from minreq.smoke.paths import PathMap
from minreq.smoke.results import StageResult
from minreq.smoke.runsetup import RunSetup
from minreq.wheels.closure import Closure

#: Why a wheel cannot be installed here. Any other error ends the lock.
_NOT_INSTALLABLE = (HostileWheel, BrokenWheel, SdistBuildFailed, IndexOffline)


class TemplateStuckError(Exception):
    """A stage of the reference hung or died in a fork; threads or locks that the first stage left may be the cause."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


@dataclass(slots=True, kw_only=True)
class _GroupRuns:
    """Runs that are compared with the reference; a group runs only once."""

    plan: Plan
    #: Starts a run of these groups, beside whatever runs next.
    start: Callable[[tuple[Group, ...]], Future[Observation]]
    _runs: list[tuple[frozenset[str], Future[Observation]]] = field(default_factory=list, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def require(self, found: Iterable[Deviation]) -> None:
        """Start a run of the groups of *found* that have not run yet."""
        groups = self.plan.groups_with({deviation.stage for deviation in found})
        with self._lock:
            known = {name for names, _ in self._runs for name in names}
            new = tuple(group for group in groups if group.name not in known)
            if new or not self._runs:
                self._runs.append((frozenset(group.name for group in new), self.start(new)))

    def behaviours(self) -> tuple[Behaviour, ...]:
        """Return what the runs so far did."""
        with self._lock:
            runs = tuple(run for _, run in self._runs)
        return tuple(run.result().behaviour for run in runs)

    def __bool__(self) -> bool:
        return bool(self._runs)


class Reference:
    """A run in an environment with all that the closure has. Every other run is compared with it.

    The run starts at once, in a thread of *pool*; a caller waits for no more of it than the answer needs. Any caller
    gets what the run raises: ``BaselineFailure`` when the smoke fails, :class:`TemplateStuckError`.

    A trace has another layout than an environment: each distribution has a folder of its own, and only what was asked
    for is on the path. The *control*, a trace that accepts everything, shows what differs because of that: a trace can
    decide nothing there. It runs only for groups that differ. Two runs of an environment differ by noise alone.
    """

    def __init__(self, runner: SmokeRunner, pool: Executor, reporter: Reporter) -> None:
        self._runner = runner
        self._pool = pool
        self._reporter = reporter
        #: The behaviour of the first stage, known before the rest.
        self._first_stage: Future[Behaviour] = Future()
        #: By distribution: why it cannot be installed here.
        self.not_installable: dict[NormalizedName, MinreqError] = {}
        self._control = _GroupRuns(plan=runner.setup.plan, start=self._start_control)
        self._repetition = _GroupRuns(plan=runner.setup.plan, start=self._start_repetition)
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
        self._control.require(found)
        return tuple(each for behaviour in self._control.behaviours() for each in self.compare(behaviour))

    def find_noise(self, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
        """Return what differs between two references in the groups of *found*, and in those of earlier calls."""
        self._repetition.require(found)
        return self.known_noise()

    def known_noise(self) -> tuple[Deviation, ...]:
        """Return the noise of the groups that ran again so far."""
        return tuple(each for behaviour in self._repetition.behaviours() for each in self.compare(behaviour))

    # What a run did differently.

    def compare_trace(self, behaviour: Behaviour, accepted: Collection[Difference] = ()) -> tuple[Deviation, ...]:
        """Return how the *behaviour* of a trace differs in the stages that ran, without the *accepted* differences.

        What the control does differently, too, is left out once the control has run.
        """
        found = self.compare(behaviour)
        if found and self._control:
            found = subtract_noise(found, self.find_trace_deviations(found))
        return _without_accepted(found, accepted)

    def compare_environment(self, behaviour: Behaviour, accepted: Collection[Difference] = ()) -> tuple[Deviation, ...]:
        """Return how the *behaviour* of an environment differs in the stages that ran, but for *accepted* ones."""
        found = _without_accepted(self.compare(behaviour), accepted)
        return subtract_noise(found, self.find_noise(found)) if found else found

    def compare_volatile_text(
        self, behaviour: Behaviour, trace: Behaviour | None = None, accepted: Collection[Difference] = ()
    ) -> tuple[Deviation, ...]:
        """Return the deviations of an environment that look like what is new in each run, but for *accepted* ones.

        The behaviour of the *trace* that found the set tells most of what is new in each run. Only where something is
        left do the groups of the reference run again.
        """
        traces = [] if trace is None else [trace]
        found = _without_accepted(_find_hidden([self.behaviour], traces, behaviour), accepted)
        if not found:
            return found
        self._repetition.require(found)
        again = Behaviour(stages=tuple(stage for each in self._repetition.behaviours() for stage in each.stages))
        return _without_accepted(_find_hidden([self.behaviour, again], traces, behaviour), accepted)

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

        def explain(name: NormalizedName) -> MinreqError | None:
            try:
                self._runner.closure.unpack_tree(name)
            except _NOT_INSTALLABLE as error:
                return error
            return None

        ordered = sorted(names)
        with ThreadPoolExecutor(max(self._runner.jobs, 4)) as pool:
            found = dict(zip(ordered, pool.map(explain, ordered), strict=True))
        for name, error in found.items():
            if error is not None and name not in self.not_installable:
                self.not_installable[name] = error
                self._reporter.note(f"{name} cannot be installed here: {error}; the reference run is without it")
        return frozenset(name for name, error in found.items() if error is None)

    def _start_control(self, groups: tuple[Group, ...]) -> Future[Observation]:
        return self._pool.submit(self._observe_control, groups)

    def _observe_control(self, groups: tuple[Group, ...]) -> Observation:
        runner = self._runner.with_plan(replace(self._runner.setup.plan, groups=groups))
        return observe_trace(runner, TraceQuestionHandler(runner.closure, {}, accept_all=True), "control")

    def _start_repetition(self, groups: tuple[Group, ...]) -> Future[Observation]:
        runner = self._runner.with_plan(replace(self._runner.setup.plan, groups=groups))
        return self._pool.submit(observe_environment, runner, self.names, "reference-again", seed=PROOF_SEED)


def _find_hidden(
    references: Sequence[Behaviour], traces: Sequence[Behaviour], behaviour: Behaviour
) -> tuple[Deviation, ...]:
    """Return the hidden deviations of *behaviour*; a trace may do what the references do, or what *behaviour* does."""
    return (
        *find_deviations_in_volatile_text(references, [*traces, behaviour]),
        *(find_deviations_in_volatile_text([*references, *traces], [behaviour]) if traces else ()),
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
        return ModuleNotDeclared(module, importer, stage, closure.extra_with(module))
    if failure.ended_by == "timeout":
        return SmokeTimedOut(stage, setup.stage_timeout)
    hint = explain_absent_file(setup.plan, failure) or explain_read_only_file(failure) or explain_hidden_file(failure)
    return SmokeFailed(stage, failure.behaviour.status, failure.traceback, hint)
