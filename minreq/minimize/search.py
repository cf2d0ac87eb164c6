"""Repeat traces until all that they accept has evidence and all that they decline changes nothing; then prove."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation
from minreq.minimize.decisions import Decisions, UntraceableError
from minreq.minimize.environments import EVERY_STAGE, EnvironmentRuns, EnvironmentSearch, Stages
from minreq.minimize.guess import GuessRefuted
from minreq.minimize.machine import MachineSearch
from minreq.minimize.observe import Observation, join_questions, observe_trace
from minreq.minimize.reference import Reference, TemplateStuckError
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.settle import passed_first_stage_without, settle_by_features, settle_by_forks, settle_by_runs
from minreq.minimize.trace import TraceQuestionHandler
from minreq.minimize.userchoices import UserChoices
from minreq.minimize.verdicts import Verdicts
from minreq.model import Behaviour, Difference, Evidence, Group
from minreq.profiles.planner import without_template
from minreq.reporting import Reporter, Step
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run

#: A smoke that takes more traces than this does not behave the same twice.
_MOST_TRACES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class MinimalSet:
    """The smallest set, with the evidence for each of its distributions."""

    evidence: Mapping[NormalizedName, Evidence]
    #: Left out although the smoke then behaves differently.
    degraded: Mapping[NormalizedName, Difference]
    #: Left out: the smoke passed without them and behaved the same.
    passed_without: frozenset[NormalizedName]
    #: The last trace; it shows who asked for what.
    trace: Observation
    #: The run in an environment with the whole closure, and what was installed in it.
    reference: Observation
    reference_names: frozenset[NormalizedName]
    #: The run in an environment with the set alone.
    proof: Observation
    #: What the reference did in other runs, and in those of them with clocks that go faster.
    repetitions: tuple[Behaviour, ...] = ()
    with_fast_clock: tuple[Behaviour, ...] = ()
    #: What the first stage needs, although a trace would decline it first.
    first_stage: frozenset[NormalizedName] = frozenset()
    #: What differs between two runs of one set.
    noise: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TraceResult:
    """A trace, and what makes it void."""

    observation: Observation
    #: What it declined first and then had to accept, with the stage that asked.
    reversed_answers: Mapping[NormalizedName, str]
    #: The closure got an extra on the way.
    extra_added: bool


def minimize(runner: SmokeRunner, choices: UserChoices, reporter: Reporter) -> MinimalSet:
    """Find the smallest set on which the smoke behaves as in the reference, and prove it.

    Raises ``BaselineFailure`` when the smoke fails in the reference. Raises ``NegativeAnswer`` when the smoke
    needs what the user excluded, or does not behave the same twice. Also raises what index and store raise.
    """
    try:
        return _minimize(runner, choices, reporter)
    except TemplateStuckError as stuck:
        reporter.note(f"{stuck.stage} does not work in a fork of the first stage: each group starts in a new process")
        return _minimize(runner.with_plan(without_template(runner.setup.plan)), choices, reporter)


def _minimize(runner: SmokeRunner, choices: UserChoices, reporter: Reporter) -> MinimalSet:
    with ThreadPoolExecutor(2) as pool:
        try:
            reporter.began(Step.REFERENCE)
            reference = Reference(runner, pool, reporter)
            try:
                return _make_search(runner, choices, reporter, pool, reference).search()
            except GuessRefuted:
                # Nothing that followed from the guess counts.
                reporter.repeated("the last lock does not show what this one needs")
                return _make_search(runner, replace(choices, guess=None), reporter, pool, reference).search()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make_search(
    runner: SmokeRunner, choices: UserChoices, reporter: Reporter, pool: Executor, reference: Reference
) -> _Search:
    # Nothing asks for what is importable from the start, so no trace can show that a guess about it is right.
    if choices.guess and (runner.setup.plan.first is None or choices.guess.names & runner.initial):
        choices = replace(choices, guess=None)
    verdicts = Verdicts(choices=choices)
    environments = EnvironmentSearch(
        runner=runner,
        reference=reference,
        choices=choices,
        verdicts=verdicts,
        reporter=reporter,
        runs=EnvironmentRuns(runner=runner, pool=pool),
    )
    return _Search(
        runner=runner,
        choices=choices,
        reporter=reporter,
        reference=reference,
        verdicts=verdicts,
        decisions=Decisions(choices=choices, reference=reference, verdicts=verdicts, reporter=reporter),
        environments=environments,
        machine=MachineSearch(runner=runner, choices=choices, reporter=reporter, environments=environments),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The steps of a search; what they find is kept in `verdicts`, `decisions`, `environments` and `machine`."""

    runner: SmokeRunner
    choices: UserChoices
    reporter: Reporter
    reference: Reference
    verdicts: Verdicts
    decisions: Decisions
    environments: EnvironmentSearch
    machine: MachineSearch

    def search(self) -> MinimalSet:
        """Find the set by traces, or by environments alone for groups that no trace passes; prove it."""
        groups, traces, traced = self.runner.setup.plan.groups, list[Observation](), frozenset[NormalizedName]()
        while groups or not traces:
            try:
                traces.append(self.with_groups(groups).find_by_traces())
                traced = self._collect_set(traces[-1])
                break
            except UntraceableError as error:
                traces.append(error.trace)
                self.reporter.note(
                    f"{error.stage} passes in an environment with the whole closure, and fails or differs in a trace "
                    f"({error.why}). minreq now leaves out one distribution at a time; this is slow"
                )
                groups = self._groups_without({error.stage, *error.trace.failed_stages}, groups)
        trace = join_questions(traces[-1], traces[:-1])
        # Where no group is traced, the first stage may be the cause, and any stage may need what it asked for.
        stages = self._stages_outside(groups) if groups else EVERY_STAGE
        untraced = self._collect_set(trace) - traced - self.verdicts.names_that_fail()
        names = self.complete(trace, untraced, dict.fromkeys(untraced, stages))
        return self.build_minimal_set(trace, *self.machine.prove(names))

    def with_groups(self, groups: tuple[Group, ...]) -> _Search:
        """Return a search for what these *groups* of the plan need; what it finds is kept in the same places."""
        return replace(self, runner=self.runner.with_plan(replace(self.runner.setup.plan, groups=groups)))

    def _groups_without(self, stages: Collection[str], groups: tuple[Group, ...]) -> tuple[Group, ...]:
        """Return those of *groups* that have none of *stages*; none if the first stage, which all need, is one."""
        plan = self.runner.setup.plan
        if plan.first is not None and plan.first.stage in stages:
            return ()
        return tuple(group for group in groups if group not in plan.groups_with(stages))

    def _stages_outside(self, groups: Collection[Group]) -> Stages:
        """Return the stages of all groups of the plan but *groups*."""
        plan = self.runner.setup.plan
        return frozenset(script.stage for group in plan.groups if group not in groups for script in group.scripts)

    def find_by_traces(self) -> Observation:
        """Repeat traces until one needs no other; return it. Raises ``UntraceableError``."""
        by_guess = self.trace_by_guess()
        if by_guess is None:
            self.probe_first_stage()
            self.decisions.decide_from_reference(self.runner)
        for _ in range(_MOST_TRACES):
            result, by_guess = by_guess or self.trace(), None
            why = self.update_decisions(result) or self.settle(result.observation)
            if why is None:
                return result.observation
            self.reporter.repeated(why)
        stage = result.observation.behaviour.stages[-1].stage
        raise UntraceableError(result.observation, stage, f"no end after {_MOST_TRACES} traces")

    def trace_by_guess(self) -> _TraceResult | None:
        """Trace with the answers of an earlier lock, beside the reference; ``None`` if there are none.

        Raises ``GuessRefuted`` where this lock does not show that its own traces would have led to these answers.
        """
        result = self.trace() if self.decisions.can_guess(self.runner.closure) else None
        if self.decisions.is_guessing:
            raise GuessRefuted
        return result

    def probe_first_stage(self) -> None:
        """Trace the first stage alone until it passes, beside the reference: it takes less time than whole traces.

        Where a similar lock shows what the first stage needs, nothing has to be found out.
        """
        if self.runner.setup.plan.first is None:
            return
        if self.choices.likely is None:
            self._probe_until_passed()
        self.decisions.first_stage = frozenset(
            name for name, decision in self.decisions.by_name.items() if decision.accepted
        )

    def _probe_until_passed(self) -> None:
        for _ in range(_MOST_TRACES):
            handler = TraceQuestionHandler(self.runner.closure, self.decisions.by_name)
            trace = observe_trace(self.runner, handler, "first-stage", continue_after=lambda _first: False)
            if self._may_be_fixed_by_extra(trace) and handler.extra_added:
                continue
            failed = self.decisions.decide_after_failure(trace)
            # One deviation is enough: whether it is gone, the next trace shows in its first stage, as a probe would.
            why = failed or self.decisions.decide_after_deviation(trace)
            if why is not None:
                self.reporter.repeated(why)
            if failed is None:
                return

    def _may_be_fixed_by_extra(self, trace: Observation) -> bool:
        """Whether *trace* fails, and nothing that it declined is a cause; wait until the reference has its extras."""
        failure = trace.failure
        if failure is None or trace.declined.intersection(failure.declined):
            return False
        self.reference.observation  # noqa: B018 - If the reference fails too, this raises, and explains more.
        return True

    def trace(self) -> _TraceResult:
        """Run a trace with the decisions, and settle what it accepts by forks while it is alive."""
        self.reporter.began(Step.TRACE)
        by_forks = self.choices.settle == "auto"
        handler = TraceQuestionHandler(
            self.runner.closure,
            self.decisions.by_name,
            fork_stages=self._fork_stages() if by_forks else frozenset(),
            settled=frozenset(self.verdicts.evidence),
            report_answer=self.reporter.answered,
        )

        def continue_after(first: StageResult) -> bool:
            return not self.decisions.deviations_of(Behaviour(stages=(first.behaviour,)))

        def settle(run: Run, observation: Observation) -> None:
            if not by_forks:
                return
            if handler.reversed_answers:
                found = settle_by_features(run, handler.reversed_answers.items(), self.runner)
                self.verdicts.record(observation, found)
            elif (
                observation.failure is None
                and not handler.extra_added
                and self._ran_all_stages(observation)
                and self.decisions.does_as_reference(run, handler, observation, self.runner)
            ):
                self._settle_by_forks(run, handler, observation)

        self.verdicts.start_trace()
        observation = observe_trace(self.runner, handler, "trace", continue_after=continue_after, use_run=settle)
        return _TraceResult(
            observation=observation,
            reversed_answers=handler.reversed_answers,
            extra_added=handler.extra_added,
        )

    def _fork_stages(self) -> frozenset[str]:
        """Return the stages whose misses fork at once: those where chance cannot decide which process asks first."""
        plan = self.runner.setup.plan
        alone = plan.groups[0].scripts if len(plan.groups) == 1 else ()
        return frozenset(script.stage for script in (*filter(None, [plan.first]), *alone))

    def _settle_by_forks(self, run: Run, handler: TraceQuestionHandler, observation: Observation) -> None:
        """Settle what a trace accepted by forks of its *run*; start the proof beside that."""
        self.reporter.began(Step.SETTLE)
        names = observation.accepted - self.verdicts.evidence.keys() - self.runner.initial
        candidates = names & self.decisions.accepted_without_decision(observation)
        self.verdicts.record_unconfirmed(observation, passed_first_stage_without(run, handler, candidates))
        for name in sorted(self.verdicts.unconfirmed):
            self.reporter.settled(name, None)
        if not self.verdicts.remain_valid_in(observation):
            names &= run.miss_forks.keys()
        elif names:
            self.machine.start(self._collect_set(observation))
        found = settle_by_forks(
            run,
            handler,
            names - self.verdicts.unconfirmed,
            runner=self.runner,
            comparison=self.decisions.comparison_of_traces,
            report=self.reporter.settled,
            likely_failing_stages=self.decisions.likely_failing_stages,
        )
        self.verdicts.record(observation, {name: verdict for name, verdict in found.items() if verdict is not None})
        self.verdicts.record_unconfirmed(observation, [name for name, verdict in found.items() if verdict is None])

    def update_decisions(self, result: _TraceResult) -> str | None:
        """Decide what a trace shows to be needed; return why another trace is due, ``None`` when none is."""
        return (
            self.decisions.decide_after_reversals(result.reversed_answers, extra_added=result.extra_added)
            or self.decisions.decide_after_failure(result.observation)
            or self.decisions.decide_after_deviation(result.observation)
            or (
                None if self._ran_all_stages(result.observation) else "what the first stage does differs in every trace"
            )
        )

    def _ran_all_stages(self, trace: Observation) -> bool:
        """Whether *trace*, which passed, was not ended after its first stage."""
        plan = self.runner.setup.plan
        first = 0 if plan.first is None else 1
        return len(trace.behaviour.stages) == first + sum(len(group.scripts) for group in plan.groups)

    def settle(self, trace: Observation) -> str | None:
        """Settle by separate runs what has no verdict yet; return why another trace is due, ``None`` when none is."""
        size = self.runner.closure.installed_bytes
        if not self.verdicts.remain_valid_in(trace):
            return self.decisions.drop_unneeded(size)
        self.reporter.began(Step.SETTLE)
        unsettled = (
            trace.accepted - self.runner.initial - self.verdicts.find_settled_names(trace) - self.verdicts.unneeded
        )
        self._settle_by_runs(trace, unsettled)
        if not self.verdicts.remain_valid_in(trace):
            return self.decisions.drop_unneeded(size)
        self.verdicts.confirm_unneeded()
        return None

    def _settle_by_runs(self, trace: Observation, names: frozenset[NormalizedName]) -> None:
        found = settle_by_runs(
            self.runner,
            trace,
            names,
            everywhere=self.choices.settle == "runs",
            comparison=self.decisions.comparison_of_environments,
            report=self.reporter.settled,
        )
        self.verdicts.record(trace, found)

    def complete(
        self, trace: Observation, doubtful: frozenset[NormalizedName], stages_of: Mapping[NormalizedName, Stages]
    ) -> frozenset[NormalizedName]:
        """Run the smoke on exactly the set that *trace* found; return the set on which it behaves as in the reference.

        What the trace did not show is added. Each of *doubtful* is left out once, in the groups of its *stages_of*, and
        so is what was settled before an addition.
        """
        self.reporter.began(Step.PROVE)
        self.reference.check_installable(trace, self.choices.excluded)
        names = self._collect_set(trace)
        likely = self.verdicts.unconfirmed.union(self.verdicts.degraded)
        if trace.failure is None and self._ran_all_stages(trace):
            self.environments.behaviour_of_trace[names] = trace.behaviour
        # Where the machine's own files are hidden, first: often that run is the proof.
        faults = self.machine.find_faults(names)
        seen = faults if self.machine.hides else ()
        complete = self.environments.complete(names, likely, seen) if faults else names
        added = [name for name in self.environments.evidence if name not in names]
        # The last one was found by leaving it out of the whole set.
        doubtful |= frozenset(added[:-1])
        if not trace.accepted.issuperset(added):
            doubtful |= self._collect_set(trace) - self.verdicts.names_that_fail()
        return self.environments.reduce(complete, doubtful - self.runner.initial, stages_of)

    def _collect_set(self, trace: Observation) -> frozenset[NormalizedName]:
        """Return the set that *trace* found: what it needs, and what is importable from the start."""
        return (trace.accepted - self.verdicts.unneeded) | self.runner.initial

    def build_minimal_set(self, trace: Observation, names: frozenset[NormalizedName], proof: Observation) -> MinimalSet:
        """Return the set with its evidence, once *proof*, the run on *names*, was as the reference."""
        by_trace = {name: evidence for name, (_, evidence) in self.verdicts.evidence.items()}
        by_run = self.environments.evidence | self.machine.evidence
        found: dict[NormalizedName, Evidence] = {
            **{name: by_run.get(name) or by_trace[name] for name in names - self.runner.initial},
            **self.choices.requested,
        }
        return MinimalSet(
            evidence={name: found[name] for name in sorted(found)},
            degraded={name: found for name, found in self.verdicts.degraded.items() if name not in names},
            passed_without=frozenset(self.verdicts.passed_without - set(found)),
            trace=trace,
            reference=self.reference.observation,
            reference_names=self.reference.names,
            proof=proof,
            repetitions=self.reference.repetitions,
            with_fast_clock=self.reference.with_fast_clock,
            first_stage=self.decisions.first_stage & found.keys(),
            noise=(*self.reference.known_noise(), *self.environments.occasional_noise),
        )
