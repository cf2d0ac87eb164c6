"""What each provider needs beyond the import of the root, found in forks of one first stage.

A lock answers each question once for all providers. Here each provider has answers of its own, so that what one asks
for is never put on the account of another, and all of them still share the import, which is most of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from packaging.utils import NormalizedName

from minreq.comparing import deviations, sentence, without_noise
from minreq.errors import HostileWheel, MinreqError, SmokeFails
from minreq.minimizing import Wishes, minimize
from minreq.model import Behaviour, Evidence, Failure, Group, Need, Question
from minreq.observing import Laboratory
from minreq.reporting import Reporter
from minreq.settling import difference
from minreq.smoke.oracle import Listed, Reply
from minreq.smoke.places import Places
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run
from minreq.tracing import Asked, Decision, Trace

#: More runs of one provider than this mean that it does not behave the same twice.
_MOST_RUNS = 30

#: A distribution, and a place in code that asks for it with everything on the stack.
_Asking = tuple[NormalizedName, tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """What one provider needs beyond the import of the root."""

    provider: str
    #: The evidence for each distribution, sorted by name.
    needs: Mapping[NormalizedName, Evidence]
    #: The features that ran, in the order of the plan.
    features: tuple[str, ...]
    #: The stages that asked for what the first stage asked for too, and does without.
    again: tuple[str, ...] = ()
    #: Why there are no needs: its smoke fails though nothing is left out. "": it passed.
    failure: str = ""


def provisions(
    laboratory: Laboratory, base: frozenset[NormalizedName], declined: frozenset[NormalizedName]
) -> tuple[Provision, ...]:
    """Return what each group of the plan needs beside *base*, on which the first stage passes; sorted by provider.

    *declined* is what the first stage asked for and does without. Where a provider needs that, the first stage would
    have had it too: it is run with it, and then the stages that asked. What does not pass so, or fails though nothing
    is left out, is minimized as a lock of that provider alone would be. Raises ``SmokeFails`` where the first stage
    does not pass.
    """
    groups = _Groups(laboratory, declined)
    plan = laboratory.world.plan
    with _template(laboratory, "providers", base, groups) as run, ThreadPoolExecutor(laboratory.jobs + 1) as pool:
        # One more than there are processors, since stages wait too: for what they try again, and for the emulator.
        found = list(pool.map(lambda group: _Search(groups, run, group).provision(), plan.groups))
    stands = _standing(laboratory, base, declined, found)
    return tuple(each if each.provider in stands else _alone(laboratory, base, each) for each in found)


@contextmanager
def _template(laboratory: Laboratory, name: str, paths: frozenset[NormalizedName], groups: _Groups) -> Iterator[Run]:
    """Run the first stage with *paths*, and keep what it left for groups to begin with."""
    shared = sorted(laboratory.closure.import_map.shared)
    run = Run(
        laboratory.world,
        name,
        paths=laboratory.paths(paths),
        oracle=groups,
        shared=shared,
        forks=laboratory.jobs,
    )
    groups.bind(run.places, paths)
    with run:
        first = run.first_stage()
        if first is not None and not first.passed:
            raise SmokeFails(first.behaviour.stage, first.behaviour.status, first.traceback)
        yield run


class _Groups:
    """The oracle of a run in which each group has answers of its own."""

    def __init__(self, laboratory: Laboratory, declined: frozenset[NormalizedName]) -> None:
        self.laboratory = laboratory
        #: What the first stage asked for and does without.
        self.declined = declined
        self._places: Places | None = None
        self._initial: frozenset[NormalizedName] = frozenset()
        self._traces: dict[str, Trace] = {}
        self._first = Trace(laboratory.closure, {name: Decision(accepted=False, reason="") for name in declined})
        #: By group, why a wheel that it asked for is not to be had.
        self.refused: dict[str, str] = {}
        #: Failures for want of a distribution, by the place in code that asked: where the stack is the same and
        #: nothing on it catches the absence, another provider fails as this one did.
        self.certified: dict[_Asking, Failure] = {}
        #: The same of what was declined and made no difference to a provider.
        self.harmless: set[_Asking] = set()

    def bind(self, places: Places, initial: frozenset[NormalizedName]) -> None:
        """Take the names of places from the run, in which *initial* is importable from the start."""
        self._places, self._initial = places, initial
        self._first.bind(places, initial)

    def begin(self, group: str, decided: Mapping[NormalizedName, Decision], *, eager: bool = False) -> Trace:
        """Answer *group* anew from now on."""
        trace = Trace(self.laboratory.closure, decided, eager=eager)
        if self._places is not None:
            trace.bind(self._places, self._initial)
        self._traces[group] = trace
        return trace

    def trace(self, group: str) -> Trace:
        """Return what answers *group*."""
        return self._traces[group]

    def go_on(self, group: str, trace: Trace) -> None:
        """Answer *group* with *trace* again."""
        self._traces[group] = trace

    def ask(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        quiet: bool,
    ) -> Reply:
        """Answer as the trace of the group does whose stage asks; a wheel that is refused concerns that group alone."""
        group, oracle = self._answering(question)
        try:
            return oracle.ask(question, owners=owners, without=without, quiet=quiet)
        except HostileWheel as error:
            self.refused[group] = str(error)
            return Reply(answer="unknown")

    def enumerate(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[Listed, ...]:
        """List what the trace of the group does whose stage asks."""
        _, oracle = self._answering(question)
        return oracle.enumerate(question, owners=owners, without=without)

    def _answering(self, question: Question) -> tuple[str, Trace]:
        """Return the group whose stage asks, and what answers it."""
        group, slash, _ = question.stage.partition("/")
        return group, self._traces[group] if slash else self._first


@dataclass(slots=True)
class _Search:
    """What is known of one group between two runs of it."""

    groups: _Groups
    run: Run
    group: Group
    decided: dict[NormalizedName, Decision] = field(default_factory=dict)
    verdicts: dict[NormalizedName, Evidence] = field(default_factory=dict)
    #: What the group does when nothing is left out; it is run when it is first asked for.
    expected: Behaviour | None = None

    def provision(self) -> Provision:
        """Run the group until every yes has its evidence and every no changes nothing."""
        features = tuple(script.stage.partition("/")[2] for script in self.group.scripts)
        for _ in range(_MOST_RUNS):
            trace = self.groups.begin(self.group.name, self.decided)
            # What is refused when nothing is left out is no matter as long as the group does without.
            self.groups.refused.pop(self.group.name, None)
            results = self.run.run(self.group.scripts)
            if refused := self.groups.refused.get(self.group.name):
                return Provision(provider=self.group.name, needs={}, features=features, failure=refused)
            try:
                if not (self.learn(trace, results) or self.settle(trace, results)):
                    accepted = sorted(name for name, answer in trace.answers().items() if answer.accepted)
                    needs = {name: self.verdicts[name] for name in accepted}
                    doubtful = self.groups.declined & set(accepted)
                    again = {each.question.stage for name in doubtful for each in trace.asked(name)}
                    return Provision(
                        provider=self.group.name, needs=needs, features=features, again=tuple(sorted(again))
                    )
            except SmokeFails as failure:
                told = f"{failure.stage}: {failure.status}"
                return Provision(provider=self.group.name, needs={}, features=features, failure=told)
        told = f"it does not behave the same each time, in {_MOST_RUNS} runs"
        return Provision(provider=self.group.name, needs={}, features=features, failure=told)

    def learn(self, trace: Trace, results: tuple[StageResult, ...]) -> bool:
        """Decide what the run showed to be needed; return whether there is anything."""
        before = dict(self.decided)
        for name in trace.changed:
            self.decided[name] = Decision(accepted=True, reason="needed after all")
        if before == self.decided and self.outgrown(trace):
            return True
        declined = {name for name, answer in trace.answers().items() if not answer.accepted}
        failed = next((result for result in results if not result.passed), None)
        if before == self.decided and failed is not None:
            blamed = [name for name in failed.declined if name in declined][:1]
            if not blamed:
                self.baseline()
                blamed = sorted(declined)
            if not blamed:
                raise SmokeFails(failed.behaviour.stage, failed.behaviour.status, failed.traceback)
            for name in blamed:
                self.decided[name] = Decision(accepted=True, reason="the smoke fails without it")
        elif before == self.decided:
            places = {(name, _place(each)) for name in declined - self.decided.keys() for each in trace.asked(name)}
            self.compare(places - self.groups.harmless, _behaviour(results))
        return before != self.decided

    def outgrown(self, trace: Trace) -> bool:
        """Whether an extra was taken in while the group ran, with something that it had asked for before."""
        known = self.groups.laboratory.closure.import_map
        asked = (each.question for each in trace.unanswered)
        return any(each.need is not Need.METADATA and known.owner(each.name) is not None for each in asked)

    def compare(self, declined: AbstractSet[_Asking], behaviour: Behaviour) -> None:
        """Decide to give what was *declined* for the first time in these places, if the group behaves differently."""
        if not declined:
            return
        found = deviations(self.baseline(), behaviour)
        if found and without_noise(found, deviations(self.baseline(), self.eager())):
            for name, _ in declined:
                self.decided[name] = Decision(accepted=True, reason=sentence(found[0]))
        else:
            self.groups.harmless |= declined

    def baseline(self) -> Behaviour:
        """Return what the group does when nothing is left out; raises ``SmokeFails`` where it fails all the same."""
        if self.expected is None:
            self.expected = self.eager()
        return self.expected

    def eager(self) -> Behaviour:
        """Run the group with everything the closure has; what answers it then goes on."""
        before = self.groups.trace(self.group.name)
        self.groups.begin(self.group.name, {}, eager=True)
        results = self.run.run(self.group.scripts)
        self.groups.go_on(self.group.name, before)
        for result in results:
            if not result.passed:
                raise SmokeFails(result.behaviour.stage, result.behaviour.status, result.traceback)
        return _behaviour(results)

    def settle(self, trace: Trace, results: tuple[StageResult, ...]) -> bool:
        """Try each yes of *trace* as no; return whether one of them became a no."""
        unneeded = []
        for name, answer in trace.answers().items():
            if not answer.accepted or name in self.verdicts:
                continue
            verdict = self.verdict(trace, name, _behaviour(results))
            if verdict is None:
                unneeded.append(name)
            else:
                self.verdicts[name] = verdict
        for name in unneeded:
            self.decided[name] = Decision(accepted=False, reason="the smoke passes without it")
        return bool(unneeded)

    def verdict(self, trace: Trace, name: NormalizedName, expected: Behaviour) -> Evidence | None:
        """Return why *name* is needed, ``None`` where the group passes without it and behaves as *expected*."""
        scripts = {script.stage: script for script in self.group.scripts}
        asked = trace.asked(name)
        for each in asked:
            alike = self.groups.certified.get((name, _place(each)))
            if alike is not None:
                return replace(alike, stage=each.question.stage)
        for stage in dict.fromkeys(each.question.stage for each in asked):
            result = self.run.run([scripts[stage]], without=name)[0]
            if not result.passed and result.ended == "itself" and name in result.declined:
                failure = Failure(distribution=name, stage=stage, error=result.behaviour.status, method="feature")
                self.groups.certified.update(
                    {
                        (name, _place(each)): failure
                        for each in asked
                        if each.question.stage == stage and each.why_optional is None
                    }
                )
                return failure
        return self.verdict_of_all(name, expected)

    def verdict_of_all(self, name: NormalizedName, expected: Behaviour) -> Evidence | None:
        """Run all of the group without *name*; a failure of another kind counts when it comes twice."""
        results = self.run.run(self.group.scripts, without=name)
        if any(not result.passed for result in results):
            results = self.run.run(self.group.scripts, without=name)
        for result in results:
            if not result.passed:
                behaviour = result.behaviour
                return Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="feature")
        found = deviations(expected, _behaviour(results))
        if found:
            found = without_noise(found, deviations(expected, _behaviour(self.run.run(self.group.scripts))))
        return difference(name, found[0]) if found else None


def _standing(
    laboratory: Laboratory,
    base: frozenset[NormalizedName],
    declined: frozenset[NormalizedName],
    found: Iterable[Provision],
) -> frozenset[str]:
    """Return the providers whose needs stand, where the first stage is given those of them that it asked for."""
    stands = {each.provider for each in found if not each.failure and declined.isdisjoint(each.needs)}
    together: dict[frozenset[NormalizedName], list[Provision]] = {}
    for each in found:
        if not each.failure and each.provider not in stands:
            together.setdefault(declined.intersection(each.needs), []).append(each)
    for number, given in enumerate(sorted(together, key=sorted), 1):
        groups = _Groups(laboratory, declined - given)
        with (
            suppress(SmokeFails),
            _template(laboratory, f"providers-again-{number}", base | given, groups) as run,
            ThreadPoolExecutor(laboratory.jobs + 1) as pool,
        ):
            passed = pool.map(partial(_passes, laboratory, groups, run), together[given])
            stands |= {each.provider for each, is_so in zip(together[given], passed, strict=True) if is_so}
    return frozenset(stands)


def _passes(laboratory: Laboratory, groups: _Groups, run: Run, found: Provision) -> bool:
    """Whether the stages that asked for what the first stage does without pass with its needs and nothing else."""
    (group,) = (each for each in laboratory.world.plan.groups if each.name == found.provider)
    trace = groups.begin(group.name, {name: Decision(accepted=True, reason="needed") for name in found.needs})
    results = run.run([script for script in group.scripts if script.stage in found.again])
    accepted = {name for name, answer in trace.answers().items() if answer.accepted}
    return all(result.passed for result in results) and accepted <= found.needs.keys()


def _alone(laboratory: Laboratory, base: frozenset[NormalizedName], found: Provision) -> Provision:
    """Return what a lock of the provider of *found* alone keeps beside *base*."""
    plan = laboratory.world.plan
    groups = tuple(group for group in plan.groups if group.name == found.provider)
    own = replace(laboratory, world=replace(laboratory.world, plan=replace(plan, groups=groups)))
    try:
        minimum = minimize(own, Wishes(requested={}), Reporter())
    except MinreqError as error:
        return replace(found, needs={}, failure=found.failure or str(error).splitlines()[0])
    needs = {name: why for name, why in minimum.evidence.items() if name not in base}
    return replace(found, needs=needs, failure="")


def _behaviour(results: Iterable[StageResult]) -> Behaviour:
    return Behaviour(stages=tuple(result.behaviour for result in results))


def _place(asked: Asked) -> tuple[object, ...]:
    """Where a question was asked, with everything that was on the stack."""
    question = asked.question
    return question.need, question.name, question.frames
