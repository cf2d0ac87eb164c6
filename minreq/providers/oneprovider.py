"""Find what one provider needs: run its group, learn from the run, and run it again until every answer has evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set as AbstractSet
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.errors import SmokeFailed
from minreq.minimize.compare import describe, find_deviations
from minreq.minimize.extras import add_missing_extras
from minreq.minimize.noise import drop_noisy_kinds, subtract_noise
from minreq.minimize.settle import difference_evidence
from minreq.minimize.trace import Decision, TraceQuestionHandler
from minreq.model import Behaviour, Evidence, Failure, Group, QuestionKind
from minreq.providers.grouphandler import GroupQuestionHandler, QuestionKey, key_of_stack, key_up_to_function
from minreq.providers.reference import ReferenceRun
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run

#: A provider that takes more runs than this does not behave the same twice.
_MOST_RUNS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEvidence:
    """What one provider needs beyond the import of the root, and why."""

    provider: str
    #: The evidence for each distribution, sorted by name.
    evidence: Mapping[NormalizedName, Evidence]
    #: The features that ran, in the order of the plan.
    features: tuple[str, ...]
    #: The stages that asked for what the first stage asked for too, and does without.
    stages_to_repeat: tuple[str, ...] = ()
    #: Why there is no evidence: the smoke fails although nothing is left out. "": it passed.
    failure: str = ""
    #: Whether it behaves as in an environment with the whole closure. If not, a trace does not show what it needs.
    is_as_reference: bool = True


@dataclass(slots=True)
class ProviderSearch:
    """The search for what one group needs, in runs of that group."""

    handlers: GroupQuestionHandler
    run: Run
    group: Group
    reference_run: ReferenceRun
    decisions: dict[NormalizedName, Decision] = field(default_factory=dict)
    verdicts: dict[NormalizedName, Evidence] = field(default_factory=dict)
    #: What the group does in the reference run, ``None`` where it fails there; it runs when it is first needed.
    _expected: Behaviour | None = None
    _has_expected: bool = False
    #: What the group does in a trace that accepts everything; `run_control_once` runs it when it is first needed.
    _control: Behaviour | None = None
    #: By stage: what it did in two runs of it alone.
    _single_stages: dict[str, tuple[Behaviour, Behaviour]] = field(default_factory=dict)

    def search(self) -> ProviderEvidence:
        """Run the group until all that it accepted has evidence and all that it was declined makes no difference."""
        for _ in range(_MOST_RUNS):
            handler = self.handlers.start(self.group.name, self.decisions)
            # A wheel that was refused in a run without decisions does not matter if the group does without it.
            self.handlers.refused_wheels.pop(self.group.name, None)
            results = self.run.run_scripts(self.group.scripts)
            if refused := self.handlers.refused_wheels.get(self.group.name):
                return self._result(failure=refused)
            try:
                if not (self.update_decisions(handler, results) or self.settle(handler, results)):
                    return self._result_of(handler, _behaviour(results))
            except SmokeFailed as failure:
                return self._result(failure=f"{failure.stage}: {failure.status}")
        return self._result(failure=f"it does not behave the same each time, in {_MOST_RUNS} runs")

    def _result_of(self, handler: TraceQuestionHandler, behaviour: Behaviour) -> ProviderEvidence:
        """Return the evidence for what *handler* accepted; *behaviour* is that of the group with it."""
        accepted = sorted(name for name, answer in handler.answers().items() if answer.accepted)
        asked_twice = self.handlers.declined & set(accepted)
        stages = {each.question.stage for name in asked_twice for each in handler.questions(name)}
        found = self._result({name: self.verdicts[name] for name in accepted}, stages=tuple(sorted(stages)))
        return replace(found, is_as_reference=self.is_as_reference(behaviour))

    def _result(
        self,
        evidence: Mapping[NormalizedName, Evidence] | None = None,
        *,
        stages: tuple[str, ...] = (),
        failure: str = "",
    ) -> ProviderEvidence:
        return ProviderEvidence(
            provider=self.group.name,
            evidence=evidence or {},
            features=tuple(script.stage.partition("/")[2] for script in self.group.scripts),
            stages_to_repeat=stages,
            failure=failure,
        )

    def update_decisions(self, handler: TraceQuestionHandler, results: tuple[StageResult, ...]) -> bool:
        """Accept what the run shows to be needed; return whether another run is due."""
        before = dict(self.decisions)
        for name in handler.reversed_answers:
            self.decisions[name] = Decision(accepted=True, reason="needed after all")
        if before == self.decisions and self.extra_added(handler):
            return True
        declined = {name for name, answer in handler.answers().items() if not answer.accepted}
        failed = next((result for result in results if not result.passed), None)
        if before == self.decisions and failed is not None:
            suspects = [name for name in failed.declined if name in declined][:1]
            if not suspects:
                self.run_control_once()
                if self.extra_added(handler):
                    return True
                suspects = sorted(declined)
            if not suspects:
                raise SmokeFailed(failed.behaviour.stage, failed.behaviour.status, failed.traceback)
            for name in suspects:
                self.decisions[name] = Decision(accepted=True, reason="the smoke fails without it")
        elif before == self.decisions:
            new = declined - self.decisions.keys()
            keys = {(name, key_up_to_function(each)) for name in new for each in handler.questions(name)}
            self.compare(keys - self.handlers.known_harmless, _behaviour(results))
        return before != self.decisions

    def extra_added(self, handler: TraceQuestionHandler) -> bool:
        """Whether the closure got an extra during the run, with something that the group had asked for before."""
        import_map = self.handlers.runner.closure.import_map
        questions = (each.question for each in handler.unanswered)
        return any(
            each.need is not QuestionKind.METADATA and import_map.owner(each.name) is not None for each in questions
        )

    def compare(self, declined: AbstractSet[QuestionKey], behaviour: Behaviour) -> None:
        """Accept what was *declined* for the first time at these places if *behaviour* differs from the control."""
        if not declined:
            return
        found = () if self.equals_reference(behaviour) else find_deviations(self.run_control_once(), behaviour)
        if found and drop_noisy_kinds(found, find_deviations(self.run_control_once(), self.run_with_all())):
            for name, _ in declined:
                self.decisions[name] = Decision(accepted=True, reason=describe(found[0]))
        else:
            self.handlers.known_harmless |= declined

    def observe_reference_once(self) -> Behaviour | None:
        """Return what the group does in the reference run, ``None`` where it fails there."""
        if not self._has_expected:
            self._expected, self._has_expected = self.reference_run.observe(self.group), True
        return self._expected

    def equals_reference(self, behaviour: Behaviour) -> bool:
        """Whether *behaviour* is that of the reference run; nothing that was declined then makes a difference."""
        expected = self.observe_reference_once()
        return expected is not None and not find_deviations(expected, behaviour)

    def is_as_reference(self, behaviour: Behaviour) -> bool:
        """Whether *behaviour* differs from the reference run only as the control does: by the layout, or by noise."""
        expected = self.observe_reference_once()
        found = () if expected is None else find_deviations(expected, behaviour)
        if expected is None or not found:
            return True
        return not subtract_noise(found, find_deviations(expected, self.run_control_once()))

    def run_control_once(self) -> Behaviour:
        """Return what the group does when nothing is left out; raises ``SmokeFailed`` where it fails all the same."""
        if self._control is None:
            self._control = self.run_with_all()
        return self._control

    def run_with_all(self) -> Behaviour:
        """Run the group with everything that the closure has, and with the extras that it fails without.

        Give the group its handler back afterwards.
        """
        before, closure = self.handlers.handler_of(self.group.name), self.handlers.runner.closure
        while True:
            handler = self.handlers.start(self.group.name, {}, accept_all=True)
            results = self.run.run_scripts(self.group.scripts)
            failures = [result for result in results if not result.passed]
            if not add_missing_extras(failures, handler.unanswered, closure, self.run.path_map):
                break
        self.handlers.restore(self.group.name, before)
        for result in results:
            if not result.passed:
                raise SmokeFailed(result.behaviour.stage, result.behaviour.status, result.traceback)
        return _behaviour(results)

    def settle(self, handler: TraceQuestionHandler, results: tuple[StageResult, ...]) -> bool:
        """Try the group without each distribution that *handler* accepted; return whether one is not needed."""
        waiting = [name for name, answer in handler.answers().items() if answer.accepted and name not in self.verdicts]
        unneeded = []
        self._single_stages.clear()
        while waiting:
            with self.handlers.reserve_one(waiting) as name:
                waiting.remove(name)
                verdict = self.settle_one(handler, name, _behaviour(results))
            if verdict is None:
                unneeded.append(name)
            else:
                self.verdicts[name] = verdict
        for name in unneeded:
            self.decisions[name] = Decision(accepted=False, reason="the smoke passes without it")
        return bool(unneeded)

    def settle_one(self, handler: TraceQuestionHandler, name: NormalizedName, expected: Behaviour) -> Evidence | None:
        """Return why *name* is needed, ``None`` where the group passes without it and behaves as *expected*."""
        questions = handler.questions(name)
        for each in questions:
            known = self.handlers.known_failures.get((name, key_of_stack(each)))
            if known is not None:
                return replace(known, stage=each.question.stage)
        for stage in dict.fromkeys(each.question.stage for each in questions):
            evidence = self.settle_in_stage(name, stage)
            if evidence is not None:
                if isinstance(evidence, Failure):
                    uncaught = [
                        each for each in questions if each.question.stage == stage and each.why_optional is None
                    ]
                    self.handlers.known_failures.update({(name, key_of_stack(each)): evidence for each in uncaught})
                return evidence
        return self.settle_in_group(name, expected)

    def settle_in_stage(self, name: NormalizedName, stage: str) -> Evidence | None:
        """Run one stage alone without *name*; return its failure for that reason, or how it behaves differently."""
        script = next(script for script in self.group.scripts if script.stage == stage)
        (result,) = self.run.run_scripts([script], without=name)
        if not result.passed:
            if result.ended_by == "itself" and name in result.declined:
                return Failure(distribution=name, stage=stage, error=result.behaviour.status, method="feature")
            return None
        if stage not in self._single_stages:
            # Twice: what differs between the two is noise.
            self._single_stages[stage] = (
                _behaviour(self.run.run_scripts([script])),
                _behaviour(self.run.run_scripts([script])),
            )
        with_it, again = self._single_stages[stage]
        found = drop_noisy_kinds(find_deviations(with_it, _behaviour([result])), find_deviations(with_it, again))
        return difference_evidence(name, found[0]) if found and _passed(with_it) and _passed(again) else None

    def settle_in_group(self, name: NormalizedName, expected: Behaviour) -> Evidence | None:
        """Run the whole group without *name*; a failure of another cause counts when it comes twice."""
        results = self.run.run_scripts(self.group.scripts, without=name)
        if any(not result.passed for result in results):
            results = self.run.run_scripts(self.group.scripts, without=name)
        for result in results:
            if not result.passed:
                behaviour = result.behaviour
                return Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="feature")
        found = find_deviations(expected, _behaviour(results))
        if found:
            found = drop_noisy_kinds(
                found, find_deviations(expected, _behaviour(self.run.run_scripts(self.group.scripts)))
            )
        return difference_evidence(name, found[0]) if found else None


def _behaviour(results: Iterable[StageResult]) -> Behaviour:
    return Behaviour(stages=tuple(result.behaviour for result in results))


def _passed(behaviour: Behaviour) -> bool:
    return all(stage.status == "passed" for stage in behaviour.stages)
