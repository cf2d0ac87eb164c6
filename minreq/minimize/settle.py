"""Every yes of a trace tried as no: by a fork at the miss, by a fork that runs one feature, by a run of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation, beyond_noise, deviations
from minreq.minimize.observe import Laboratory, Observation, observe_alone
from minreq.minimize.trace import Trace
from minreq.model import Behaviour, Difference, Evidence, Failure, Group, Plan, Script, StageBehaviour
from minreq.smoke.results import StageResult
from minreq.smoke.running import FORK_LIMIT, Miss, Run

#: The evidence that keeps a distribution; ``None`` when the smoke passes without it and behaves the same.
Verdict = Evidence | None

#: Told of each verdict as it falls.
Told = Callable[[NormalizedName, Verdict], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """What a behaviour is judged by."""

    expected: Behaviour
    #: What differs between two runs of one set where these deviations were found; only asked for when something differs
    #: that was not seen before.
    noise: Callable[[Iterable[Deviation]], tuple[Deviation, ...]]
    #: What a trace without the distribution showed: seen again without it, and never with it, it is no noise.
    seen: Mapping[NormalizedName, Deviation] = field(default_factory=dict)

    def verdict(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return how a run without *name* that passed its stages behaved differently, ``None`` when it did not."""
        seen = self.seen_again(name, behaviour)
        if seen is not None:
            return seen
        found = self.differing(behaviour)
        return difference(name, found[0]) if found else None

    def differing(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from what was expected of its stages, noise aside."""
        found = self.deviations(behaviour)
        return beyond_noise(found, self.noise(found)) if found else found

    def seen_again(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return the difference that was seen without *name*, if *behaviour* shows it again."""
        if name not in self.seen:
            return None
        return difference(name, self.seen[name]) if self.seen[name] in self.deviations(behaviour) else None

    def deviations(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from what was expected of the stages that ran."""
        return deviations(self.expected.of({each.stage for each in behaviour.stages}), behaviour)


def settle_by_forks(
    run: Run,
    oracle: Trace,
    names: Collection[NormalizedName],
    *,
    laboratory: Laboratory,
    judge: Judge,
    told: Told,
    foretold: Mapping[NormalizedName, str],
) -> dict[NormalizedName, Verdict]:
    """Return the verdict on each of *names* that a fork of *run* reaches, while it is alive.

    *foretold* are stages that will fail without a distribution, if any does. A failure counts only if its cause is our
    own exception for that very distribution, a difference only if no file makes it that an earlier run left; all else
    is for a run of its own. ``None`` is a hope that the proof has to confirm.
    """
    forks = _Forks(run=run, oracle=oracle, plan=laboratory.world.plan, judge=judge, foretold=foretold)
    stage_of = {name: answer.question.stage for name, answer in oracle.answers().items()}
    rehearsed = {name for name in names if name not in run.forks and stage_of[name] in forks.scripts}

    def settle(name: NormalizedName) -> dict[NormalizedName, Verdict]:
        found = forks.settle(name)
        for verdict in found.values():
            told(name, verdict)
        return found

    with ThreadPoolExecutor(laboratory.jobs) as pool:
        # One run of a feature settles all that it asks for first, each in a fork at its miss.
        oracle.rehearse(rehearsed)
        list(pool.map(lambda stage: run.run([forks.scripts[stage]]), sorted({stage_of[name] for name in rehearsed})))
        return {name: verdict for found in pool.map(settle, sorted(names)) for name, verdict in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forks:
    """What a trace left: forks at its misses, and a template to fork features from."""

    run: Run
    oracle: Trace
    plan: Plan
    judge: Judge
    foretold: Mapping[NormalizedName, str]
    #: What groups did again, by name.
    _again: dict[str, tuple[StageResult, ...]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def scripts(self) -> dict[str, Script]:
        """The scripts of the groups by stage."""
        return _scripts(self.plan)

    def settle(self, name: NormalizedName) -> dict[NormalizedName, Verdict]:
        """Return the verdict on *name*; nothing where no fork tells."""
        found, passed = self.at_the_miss(name), True
        # Whichever feature asked first in this trace, all that asked are tried, in one order.
        for stage in sorted({asked.question.stage for asked in self.oracle.asked(name)}):
            if not found and stage in self.scripts:
                result = self.run.run([self.scripts[stage]], without=name)[0]
                if not result.passed:
                    found, passed = certificate(name, result, "feature"), False
        # What fails for no reason that tells, or hangs, would do so again.
        return found or (self.where_it_is_noticed(name, self.oracle.stages(name)) if passed else {})

    def where_it_is_noticed(self, name: NormalizedName, stages: AbstractSet[str]) -> dict[NormalizedName, Verdict]:
        """Let forks of the first stage go through the groups of *stages* without *name*.

        No other process had it or saw it, so what the others did, they did without it.
        """
        if not self.scripts.keys() >= stages:
            return {}
        passed: list[StageBehaviour] = []
        for group in self.plan.groups_of(stages):
            for result in self.run.run(group.scripts, without=name):
                if not result.passed:
                    return certificate(name, result, "feature")
                passed.append(result.behaviour)
        return self.passed(name, passed)

    def at_the_miss(self, name: NormalizedName) -> dict[NormalizedName, Verdict]:
        """Return what the fork at the first miss of *name* told, or tells now that it goes on."""
        miss = self.run.forks.get(name)
        if miss is None:
            return {}
        first = miss.result.result(FORK_LIMIT * 2)
        if not first.passed:
            return certificate(name, first, "fork")
        if self.plan.first is None or first.behaviour.stage != self.plan.first.stage:
            return {}
        seen = self.judge.seen_again(name, Behaviour(stages=(first.behaviour,)))
        return {name: seen} if seen else self.rest(name, miss, first)

    def rest(self, name: NormalizedName, miss: Miss, first: StageResult) -> dict[NormalizedName, Verdict]:
        """Let a fork that does without *name* so far go through the rest of the smoke, the likeliest failure first."""
        stages = [first.behaviour]
        # What asked for it, and is foretold to be needed, needs it there.
        askers = (owner for asked in self.oracle.asked(name) for owner in asked.owners if owner is not None)
        foretold = next((self.foretold[each] for each in (name, *askers) if each in self.foretold), None)
        likely = [self.scripts[foretold]] if foretold in self.scripts else []
        for scripts in filter(None, [likely, *(group.scripts for group in self.plan.groups)]):
            for result in self.run.run(scripts, without=name, template=miss.process):
                if not result.passed:
                    return certificate(name, result, "fork")
                if scripts is not likely:
                    stages.append(result.behaviour)
        return self.passed(name, stages)

    def passed(self, name: NormalizedName, stages: Iterable[StageBehaviour]) -> dict[NormalizedName, Verdict]:
        """Return the verdict on *name* of forks that passed *stages* without it."""
        if not self.oracle.agrees_without(name):
            return {}  # It was another set than the trace's less this one.
        behaviour = Behaviour(stages=tuple(stages))
        seen = self.judge.seen_again(name, behaviour)
        found = () if seen else self.judge.differing(behaviour)
        if not found:
            return {name: seen}
        differing = {each.stage for each in found}
        again = [result for group in self.plan.groups_of(differing) for result in self.again(group)]
        if not self.scripts.keys() >= differing or not all(result.passed for result in again):
            return {}
        repeated = Behaviour(stages=tuple(result.behaviour for result in again))
        found = beyond_noise(found, self.judge.deviations(repeated))
        return {name: difference(name, found[0]) if found else None}

    def again(self, group: Group) -> tuple[StageResult, ...]:
        """Return what *group* does when it runs again with nothing left out: it finds what it left in its folders."""
        with self._lock:
            if group.name not in self._again:
                self._again[group.name] = self.run.run(group.scripts)
            return self._again[group.name]


def passed_at_the_miss(run: Run, oracle: Trace, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
    """Return those of *names* without which the first stage passed, as forks of *run* at their misses found."""
    return frozenset(
        name
        for name in names
        if name in run.forks and run.forks[name].result.result(FORK_LIMIT * 2).passed and oracle.agrees_without(name)
    )


def _scripts(plan: Plan) -> dict[str, Script]:
    """Return the scripts of the groups by stage."""
    return {script.stage: script for group in plan.groups for script in group.scripts}


def settle_by_features(
    run: Run, questions: Iterable[tuple[NormalizedName, str]], laboratory: Laboratory
) -> dict[NormalizedName, Verdict]:
    """Return the verdicts on distributions that *run* declined first and had to give at the stage named with each."""
    scripts = _scripts(laboratory.world.plan)
    with ThreadPoolExecutor(laboratory.jobs) as pool:
        found = pool.map(
            lambda asked: _in_a_feature(run, asked[0], scripts[asked[1]]),
            [asked for asked in sorted(questions) if asked[1] in scripts],
        )
        return {name: verdict for verdicts in found for name, verdict in verdicts.items()}


def _in_a_feature(run: Run, name: NormalizedName, script: Script) -> dict[NormalizedName, Verdict]:
    """Run one feature without *name*, in a fork of what the first stage left; a pass alone says nothing."""
    result = run.run([script], without=name)[0]
    return {} if result.passed else certificate(name, result, "feature")


def certificate(
    name: NormalizedName, result: StageResult, method: Literal["fork", "feature", "trace"]
) -> dict[NormalizedName, Verdict]:
    """Return the failure of *result* as evidence for *name*, nothing when its cause is another."""
    if result.ended != "itself" or name not in result.declined:
        return {}
    behaviour = result.behaviour
    return {name: Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method=method)}


def settle_by_runs(
    laboratory: Laboratory,
    trace: Observation,
    names: Iterable[NormalizedName],
    *,
    everywhere: bool,
    judge: Judge,
    told: Told,
) -> dict[NormalizedName, Verdict]:
    """Run the smoke on what *trace* accepted less each of *names*, each in a clean environment.

    A failure that repeats is evidence whatever its cause. Unless *everywhere*, only the groups run that may notice that
    it is gone.
    """

    def settle(name: NormalizedName) -> tuple[NormalizedName, Verdict]:
        where = laboratory if everywhere else _where_it_is_noticed(laboratory, trace.noticed[name])
        rest = (trace.accepted | laboratory.initial) - {name}
        observation = observe_alone(where, rest, f"without-{name}")
        if observation.failure is not None and not misses(laboratory, observation.failure, name):
            observation = observe_alone(where, rest, f"without-{name}-again")
        if observation.failure is None:
            verdict: Verdict = judge.verdict(name, observation.behaviour)
        else:
            behaviour = observation.failure.behaviour
            verdict = Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="run")
        told(name, verdict)
        return name, verdict

    with ThreadPoolExecutor(laboratory.jobs) as pool:
        return dict(pool.map(settle, sorted(names)))


def _where_it_is_noticed(laboratory: Laboratory, stages: AbstractSet[str]) -> Laboratory:
    """Return *laboratory* with the groups of *stages* alone, with all if the first stage is among them.

    The others never had what is left out, so what they did, they did without it.
    """
    plan = laboratory.world.plan
    if not _scripts(plan).keys() >= stages:
        return laboratory
    return laboratory.running(replace(plan, groups=plan.groups_of(stages)))


def misses(laboratory: Laboratory, result: StageResult, name: NormalizedName) -> bool:
    """Whether the failure names a module of the very distribution that was left out."""
    import_map = laboratory.closure.import_map
    return any(import_map.owner(module) == name for module in result.missing)


def difference(name: NormalizedName, deviation: Deviation) -> Difference:
    """Return *deviation* as the evidence for *name*."""
    return Difference(
        distribution=name,
        stage=deviation.stage,
        what=deviation.what,
        with_it=deviation.first,
        without_it=deviation.second,
    )
