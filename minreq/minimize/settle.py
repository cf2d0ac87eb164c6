"""Settle what a trace accepted: run the smoke without each distribution.

A fork at the miss is the fastest way, then a fork that runs one feature, then a separate run in a clean environment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation, concerns_order, find_deviations
from minreq.minimize.noise import subtract_noise
from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import TraceQuestionHandler
from minreq.model import Behaviour, Difference, Evidence, Failure, Group, Plan, Script, StageBehaviour
from minreq.smoke.results import StageResult
from minreq.smoke.run import FORK_TIMEOUT, MissFork, Run

#: The evidence that keeps a distribution; ``None`` when the smoke passes without it and behaves the same.
Verdict = Evidence | None

#: Called with each verdict as soon as there is one.
ReportVerdict = Callable[[NormalizedName, Verdict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourComparison:
    """What a run without a distribution is compared with, and what of a deviation counts."""

    expected: Behaviour
    #: Returns those of these deviations that two runs of one set do not have. It may run their groups, so it is called
    #: only when there is a deviation that is not known.
    drop_noise: Callable[[Iterable[Deviation]], tuple[Deviation, ...]]
    #: By distribution: a deviation of a trace without it. When it comes again without it, it is no noise.
    known: Mapping[NormalizedName, Deviation] = field(default_factory=dict)

    def find_difference(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return how a run without *name*, which passed, behaved differently; ``None`` when it did not."""
        known = self.find_known(name, behaviour)
        if known is not None:
            return known
        found = self.deviations_beyond_noise(behaviour)
        return difference_evidence(name, found[0]) if found else None

    def deviations_beyond_noise(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from the expected one in the stages that ran, without noise."""
        found = self.compare(behaviour)
        return self.drop_noise(found) if found else found

    def find_known(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return the known difference without *name*, if *behaviour* shows it again."""
        if name not in self.known:
            return None
        return difference_evidence(name, self.known[name]) if self.known[name] in self.compare(behaviour) else None

    def compare(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from the expected one in the stages that ran."""
        return find_deviations(self.expected.in_stages({each.stage for each in behaviour.stages}), behaviour)


def settle_by_forks(
    run: Run,
    handler: TraceQuestionHandler,
    names: Collection[NormalizedName],
    *,
    runner: SmokeRunner,
    comparison: BehaviourComparison,
    report: ReportVerdict,
    likely_failing_stages: Mapping[NormalizedName, str],
) -> dict[NormalizedName, Verdict]:
    """Return the verdicts on *names* that forks of *run* can reach while it is alive.

    *likely_failing_stages* run first. A failure counts only if its cause is the exception that minreq raises for that
    very distribution. A difference counts only if no file that an earlier run left can be its cause. Everything else
    is left to a separate run. The proof has to confirm a verdict of ``None``.
    """
    forks = _ForkSettler(
        run=run,
        handler=handler,
        plan=runner.setup.plan,
        comparison=comparison,
        likely_failing_stages=likely_failing_stages,
    )
    stage_of = {name: answer.question.stage for name, answer in handler.answers().items()}
    without_fork = {name for name in names if name not in run.miss_forks and stage_of[name] in forks.scripts}

    def settle(name: NormalizedName) -> dict[NormalizedName, Verdict]:
        found = forks.settle(name)
        for verdict in found.values():
            report(name, verdict)
        return found

    with ThreadPoolExecutor(runner.jobs) as pool:
        # One more run of a feature settles all that this feature asks for first, each in a fork at its miss.
        handler.freeze_answers(fork_at=without_fork)
        stages = sorted({stage_of[name] for name in without_fork})
        list(pool.map(lambda stage: run.run_scripts([forks.scripts[stage]]), stages))
        return {name: verdict for found in pool.map(settle, sorted(names)) for name, verdict in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _ForkSettler:
    """Settles by what a trace left: forks at its misses, and the template from which features are forked."""

    run: Run
    handler: TraceQuestionHandler
    plan: Plan
    comparison: BehaviourComparison
    likely_failing_stages: Mapping[NormalizedName, str]
    #: By group: what it did when it ran again.
    _repetitions: dict[str, tuple[StageResult, ...]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def scripts(self) -> dict[str, Script]:
        """The scripts of the groups by stage."""
        return _scripts(self.plan)

    def settle(self, name: NormalizedName) -> dict[NormalizedName, Verdict]:
        """Return the verdict on *name*; empty where no fork gives one."""
        found, passed = self.settle_at_miss(name), True
        # All features that asked run, always in one order, whichever asked first in this trace.
        for stage in sorted({each.question.stage for each in self.handler.questions(name)}):
            if not found and stage in self.scripts:
                result = self.run.run_scripts([self.scripts[stage]], without=name)[0]
                if not result.passed:
                    found, passed = failure_evidence(name, result, "feature"), False
        # A feature that failed for another cause, or hung, would do so again in its group.
        return found or (self.settle_in_groups(name, self.handler.find_noticing_stages(name)) if passed else {})

    def settle_in_groups(self, name: NormalizedName, stages: AbstractSet[str]) -> dict[NormalizedName, Verdict]:
        """Run the groups of *stages* without *name*, in forks of the first stage.

        The other groups never had it nor saw it, so they ran without it already.
        """
        if not self.scripts.keys() >= stages:
            return {}
        passed: list[StageBehaviour] = []
        for group in self.plan.groups_with(stages):
            for result in self.run.run_scripts(group.scripts, without=name):
                if not result.passed:
                    return failure_evidence(name, result, "feature")
                passed.append(result.behaviour)
        return self.settle_after_pass(name, passed)

    def settle_at_miss(self, name: NormalizedName) -> dict[NormalizedName, Verdict]:
        """Return the verdict of the fork at the first miss of *name*; a fork that passed the first stage goes on."""
        miss = self.run.miss_forks.get(name)
        if miss is None:
            return {}
        first = miss.result.result(FORK_TIMEOUT * 2)
        if not first.passed:
            return failure_evidence(name, first, "fork")
        if self.plan.first is None or first.behaviour.stage != self.plan.first.stage:
            return {}
        known = self.comparison.find_known(name, Behaviour(stages=(first.behaviour,)))
        return {name: known} if known else self.continue_fork(name, miss, first)

    def continue_fork(self, name: NormalizedName, miss: MissFork, first: StageResult) -> dict[NormalizedName, Verdict]:
        """Run the rest of the smoke in a fork that passed the first stage without *name*, likely failures first."""
        # Where a distribution that asked for it is likely to be needed, it is likely to be needed too.
        askers = (owner for each in self.handler.questions(name) for owner in each.owners if owner is not None)
        stage = next(filter(None, map(self.likely_failing_stages.get, (name, *askers))), None)
        scripts = [self.scripts[stage]] if stage in self.scripts else []
        likely = self.run.run_scripts(scripts, without=name, template=miss.process) if scripts else ()
        if failed := next((result for result in likely if not result.passed), None):
            return failure_evidence(name, failed, "fork")
        stages = {first.behaviour.stage: first.behaviour}
        for group in self.sort_groups(name):
            results = self.run.run_scripts(group.scripts, without=name, template=miss.process)
            if failed := next((result for result in results if not result.passed), None):
                return failure_evidence(name, failed, "fork")
            stages |= {result.behaviour.stage: result.behaviour for result in results}
            known = self.comparison.find_known(name, Behaviour(stages=tuple(stages.values())))
            # The trace that showed the deviation ran all groups without it, and none failed.
            if known and self.handler.answers_agree_without(name):
                return {name: known}
        order = (first.behaviour.stage, *self.scripts)
        return self.settle_after_pass(name, [stages[stage] for stage in order])

    def sort_groups(self, name: NormalizedName) -> tuple[Group, ...]:
        """Return all groups, first the one in which a trace without *name* deviated: it probably does so again."""
        known = self.comparison.known.get(name)
        first = self.plan.groups_with({known.stage}) if known else ()
        return (*first, *(group for group in self.plan.groups if group not in first))

    def settle_after_pass(
        self, name: NormalizedName, stages: Iterable[StageBehaviour]
    ) -> dict[NormalizedName, Verdict]:
        """Return the verdict on *name* after forks passed *stages* without it."""
        if not self.handler.answers_agree_without(name):
            return {}  # The forks had another set than the trace without this distribution.
        behaviour = Behaviour(stages=tuple(stages))
        known = self.comparison.find_known(name, behaviour)
        found = () if known else self.comparison.deviations_beyond_noise(behaviour)
        if not found:
            return {name: known}
        differing = {each.stage for each in found}
        again = [result for group in self.plan.groups_with(differing) for result in self.repeat_group(group)]
        if not self.scripts.keys() >= differing or not all(result.passed for result in again):
            return {}
        repeated = Behaviour(stages=tuple(result.behaviour for result in again))
        found = subtract_noise(found, self.comparison.compare(repeated))
        if found and concerns_order(found[0].what):
            return {}  # It counts when two separate runs show it.
        return {name: difference_evidence(name, found[0]) if found else None}

    def repeat_group(self, group: Group) -> tuple[StageResult, ...]:
        """Run *group* again, once, with nothing left out: files that its first run left may change what it does."""
        with self._lock:
            if group.name not in self._repetitions:
                self._repetitions[group.name] = self.run.run_scripts(group.scripts)
            return self._repetitions[group.name]


def passed_first_stage_without(
    run: Run, handler: TraceQuestionHandler, names: Iterable[NormalizedName]
) -> frozenset[NormalizedName]:
    """Return those of *names* without which forks of *run*, at their misses, passed the first stage."""
    return frozenset(
        name
        for name in names
        if name in run.miss_forks
        and run.miss_forks[name].result.result(FORK_TIMEOUT * 2).passed
        and handler.answers_agree_without(name)
    )


def _scripts(plan: Plan) -> dict[str, Script]:
    """Return the scripts of the groups by stage."""
    return {script.stage: script for group in plan.groups for script in group.scripts}


def settle_by_features(
    run: Run, questions: Iterable[tuple[NormalizedName, str]], runner: SmokeRunner
) -> dict[NormalizedName, Verdict]:
    """Settle what *run* declined first and then had to accept; *questions* has each with the stage that asked."""
    scripts = _scripts(runner.setup.plan)
    with ThreadPoolExecutor(runner.jobs) as pool:
        found = pool.map(
            lambda question: _settle_by_feature(run, question[0], scripts[question[1]]),
            [question for question in sorted(questions) if question[1] in scripts],
        )
        return {name: verdict for verdicts in found for name, verdict in verdicts.items()}


def _settle_by_feature(run: Run, name: NormalizedName, script: Script) -> dict[NormalizedName, Verdict]:
    """Run one feature without *name*, in a fork of the template; that it passes alone decides nothing."""
    result = run.run_scripts([script], without=name)[0]
    return {} if result.passed else failure_evidence(name, result, "feature")


def failure_evidence(
    name: NormalizedName, result: StageResult, method: Literal["fork", "feature", "trace"]
) -> dict[NormalizedName, Verdict]:
    """Return the failure of *result* as evidence for *name*; empty when it has another cause."""
    if result.ended_by != "itself" or name not in result.declined:
        return {}
    behaviour = result.behaviour
    return {name: Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method=method)}


def settle_by_runs(
    runner: SmokeRunner,
    trace: Observation,
    names: Iterable[NormalizedName],
    *,
    everywhere: bool,
    comparison: BehaviourComparison,
    report: ReportVerdict,
) -> dict[NormalizedName, Verdict]:
    """Settle each of *names* by a separate run, in a clean environment, on all that *trace* accepted but that one.

    A failure that repeats is evidence whatever its cause, and so is another order that repeats. With *everywhere* all
    groups run, otherwise only those that may notice that the distribution is gone.
    """

    def observe(name: NormalizedName, run: str) -> tuple[Observation, Verdict]:
        limited = runner if everywhere else _limit_to_groups(runner, trace.noticing_stages[name])
        observation = observe_environment(limited, (trace.accepted | runner.initial) - {name}, run, seed=0)
        if observation.failure is None:
            return observation, comparison.find_difference(name, observation.behaviour)
        behaviour = observation.failure.behaviour
        return observation, Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="run")

    def settle(name: NormalizedName) -> tuple[NormalizedName, Verdict]:
        observation, verdict = observe(name, f"without-{name}")
        failure = observation.failure
        is_unclear = failure is not None and not names_missing_module(runner, failure, name)
        if is_unclear or (isinstance(verdict, Difference) and concerns_order(verdict.what)):
            _, verdict = observe(name, f"without-{name}-again")
        report(name, verdict)
        return name, verdict

    with ThreadPoolExecutor(runner.jobs) as pool:
        return dict(pool.map(settle, sorted(names)))


def _limit_to_groups(runner: SmokeRunner, stages: AbstractSet[str]) -> SmokeRunner:
    """Return *runner* with only the groups of *stages*, or with all groups if the first stage is one of *stages*.

    The other groups never had the distribution, so they ran without it already.
    """
    plan = runner.setup.plan
    if not _scripts(plan).keys() >= stages:
        return runner
    return runner.with_plan(replace(plan, groups=plan.groups_with(stages)))


def names_missing_module(runner: SmokeRunner, result: StageResult, name: NormalizedName) -> bool:
    """Whether the failure names a module of *name*, the distribution that was left out."""
    import_map = runner.closure.import_map
    return any(import_map.owner(module) == name for module in result.missing_modules)


def difference_evidence(name: NormalizedName, deviation: Deviation) -> Difference:
    """Return *deviation* as the evidence for *name*."""
    return Difference(
        distribution=name,
        stage=deviation.stage,
        what=deviation.what,
        with_it=deviation.first,
        without_it=deviation.second,
    )
