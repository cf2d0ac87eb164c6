"""The search for what one provider needs: run, learn, run again, until every answer has its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.errors import SmokeFails
from minreq.minimize.compare import deviations, sentence, without_noise
from minreq.minimize.settle import difference
from minreq.minimize.trace import Decision, Trace
from minreq.model import Behaviour, Evidence, Failure, Group, Need
from minreq.providers.groups import Asking, Groups, place, stack
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run

#: More runs of one provider than this mean that it does not behave the same twice.
_MOST_RUNS = 30


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


@dataclass(slots=True)
class Search:
    """What is known of one group between two runs of it."""

    groups: Groups
    run: Run
    group: Group
    decided: dict[NormalizedName, Decision] = field(default_factory=dict)
    verdicts: dict[NormalizedName, Evidence] = field(default_factory=dict)
    #: What the group does when nothing is left out; it is run when it is first asked for.
    expected: Behaviour | None = None
    #: What single stages do by themselves, twice.
    apart: dict[str, tuple[Behaviour, Behaviour]] = field(default_factory=dict)

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
            places = {(name, place(each)) for name in declined - self.decided.keys() for each in trace.asked(name)}
            self.compare(places - self.groups.harmless, _behaviour(results))
        return before != self.decided

    def outgrown(self, trace: Trace) -> bool:
        """Whether an extra was taken in while the group ran, with something that it had asked for before."""
        known = self.groups.laboratory.closure.import_map
        asked = (each.question for each in trace.unanswered)
        return any(each.need is not Need.METADATA and known.owner(each.name) is not None for each in asked)

    def compare(self, declined: AbstractSet[Asking], behaviour: Behaviour) -> None:
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
        waiting = [name for name, answer in trace.answers().items() if answer.accepted and name not in self.verdicts]
        unneeded = []
        self.apart.clear()
        while waiting:
            with self.groups.turn(waiting) as name:
                waiting.remove(name)
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
        asked = trace.asked(name)
        for each in asked:
            alike = self.groups.certified.get((name, stack(each)))
            if alike is not None:
                return replace(alike, stage=each.question.stage)
        for stage in dict.fromkeys(each.question.stage for each in asked):
            evidence = self.verdict_of_stage(name, stage)
            if evidence is not None:
                if isinstance(evidence, Failure):
                    here = [each for each in asked if each.question.stage == stage and each.why_optional is None]
                    self.groups.certified.update({(name, stack(each)): evidence for each in here})
                return evidence
        return self.verdict_of_all(name, expected)

    def verdict_of_stage(self, name: NormalizedName, stage: str) -> Evidence | None:
        """Return why one stage needs *name*, run by itself: it fails for want of it, or behaves differently."""
        script = next(script for script in self.group.scripts if script.stage == stage)
        (result,) = self.run.run([script], without=name)
        if not result.passed:
            if result.ended == "itself" and name in result.declined:
                return Failure(distribution=name, stage=stage, error=result.behaviour.status, method="feature")
            return None
        if stage not in self.apart:
            # Twice: what differs between them is noise.
            self.apart[stage] = _behaviour(self.run.run([script])), _behaviour(self.run.run([script]))
        with_it, again = self.apart[stage]
        found = without_noise(deviations(with_it, _behaviour([result])), deviations(with_it, again))
        return difference(name, found[0]) if found and _passed(with_it) and _passed(again) else None

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


def _behaviour(results: Iterable[StageResult]) -> Behaviour:
    return Behaviour(stages=tuple(result.behaviour for result in results))


def _passed(behaviour: Behaviour) -> bool:
    return all(stage.status == "passed" for stage in behaviour.stages)
