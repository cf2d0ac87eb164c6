"""Compare a set with the reference in plain interpreters, without the hook of minreq."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.minimize import MinimalSet
from minreq.minimize.compare import Deviation, describe, find_deviations
from minreq.minimize.noise import drop_noisy_kinds
from minreq.minimize.observe import PROOF_SEED
from minreq.minimize.runner import SmokeRunner
from minreq.model import Behaviour, Script, StageBehaviour
from minreq.smoke.plainrun import run_plainly

#: Goes before each sentence about such runs.
_WITHOUT_HOOK = "without minreq's hook"


@dataclass(slots=True, kw_only=True)
class PlainComparison:
    """What plain runs show: of the set, and of the reference where the set does not behave as in its proof.

    A stage that calls the emulator is left out: only the hook lets the stage trust its certificate.
    """

    runner: SmokeRunner
    minimal_set: MinimalSet
    #: What a run on the set has.
    present: frozenset[NormalizedName]
    #: The stages that ran.
    stages: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    #: Sentences on what the set does otherwise than the reference.
    disagreements: list[str] = field(default_factory=list)
    #: Stages that behave differently in two runs of the set, each with a sentence.
    nondeterministic: list[tuple[str, str]] = field(default_factory=list)

    def compare(self) -> None:
        """Do the runs: one where nothing differs."""
        if not self.runner.setup.isolation.kernel:
            self.notes.append(f"nothing ran {_WITHOUT_HOOK}: here only the hook isolates")
            return
        proof = self.minimal_set.proof.behaviour
        scripts = tuple(self._select_scripts(proof))
        self.stages = tuple(script.stage for script in scripts)
        if not scripts:
            return
        seen = self._run_set(scripts)
        found = drop_noisy_kinds(compare_with_hooked(proof, seen), self.minimal_set.noise)
        if not found:
            return
        stages = {each.stage for each in found}
        scripts = tuple(script for script in scripts if script.stage in stages)
        reference = self._run_reference(scripts)
        beyond = self._find_unexpected(reference, seen.in_stages(stages))
        if beyond:
            beyond = drop_noisy_kinds(beyond, find_deviations(reference, self._run_reference(scripts)))
        if beyond:
            self._repeat(scripts, reference, beyond)
        explained = {each.stage for each in beyond}
        self.notes += [
            f"{_WITHOUT_HOOK}: {describe(each)}; with nothing left out, too"
            for each in found
            if each.stage not in explained
        ]

    def _repeat(self, scripts: tuple[Script, ...], reference: Behaviour, beyond: Iterable[Deviation]) -> None:
        """Run the set again; a deviation that comes twice is a disagreement."""
        again = self._find_unexpected(reference, self._run_set(scripts))
        repeated = {(each.stage, each.what) for each in again}
        for each in beyond:
            sentence = f"{_WITHOUT_HOOK}: {describe(each)}"
            if (each.stage, each.what) in repeated:
                self.disagreements.append(sentence)
            else:
                self.nondeterministic.append((each.stage, f"{sentence}; another such run does not"))

    def _select_scripts(self, proof: Behaviour) -> Iterator[Script]:
        plan = self.runner.setup.plan
        comparable = {stage.stage for stage in proof.stages if not stage.requests}
        first = () if plan.first is None else (plan.first,)
        for script in (*first, *(script for group in plan.groups for script in group.scripts)):
            if script.stage in comparable:
                yield script

    def _run_set(self, scripts: Iterable[Script]) -> Behaviour:
        return self._run(self.present, scripts)

    def _run_reference(self, scripts: Iterable[Script]) -> Behaviour:
        return self._run(self.minimal_set.reference_names, scripts)

    def _run(self, names: frozenset[NormalizedName], scripts: Iterable[Script]) -> Behaviour:
        # With the hash seed of the proof: only the hook shall make a difference.
        return run_plainly(self.runner.setup, "certify-plain", self.runner.installed(names), scripts, seed=PROOF_SEED)

    def _find_unexpected(self, reference: Behaviour, seen: Behaviour) -> tuple[Deviation, ...]:
        """Return how *seen* deviates from *reference*; a stage with an accepted difference has only to end alike."""
        accepted = {each.stage for each in self.minimal_set.degraded.values()}
        found = find_deviations(reference, seen)
        return tuple(each for each in found if each.what == "status" or each.stage not in accepted)


def compare_with_hooked(hooked: Behaviour, plain: Behaviour) -> tuple[Deviation, ...]:
    """Return how a *plain* run deviates from the *hooked* one, in what both show: how it ends, stdout and stderr.

    A stage that begins in a fork of the first one goes on after what that has printed. Where a stage warns or logs,
    the hooked run does not have the lines on stderr that show it, so stderr is not compared there.
    """
    first = hooked.stages[0] if hooked.stages else None
    expected = {stage.stage: stage for stage in hooked.stages}
    found: list[Deviation] = []
    for stage in plain.stages:
        alone, seen = _what_is_comparable(expected[stage.stage], stage)
        deviations = _compare_stage(alone, seen)
        if deviations and first is not None and first.stage != stage.stage:
            both = replace(alone, output=first.output + alone.output, errors=first.errors + alone.errors)
            after_first, seen = _what_is_comparable(both, stage, first)
            deviations = min(deviations, _compare_stage(after_first, seen), key=len)
        found += deviations
    return tuple(found)


def _compare_stage(first: StageBehaviour, second: StageBehaviour) -> tuple[Deviation, ...]:
    return find_deviations(Behaviour(stages=(first,)), Behaviour(stages=(second,)))


def _what_is_comparable(
    hooked: StageBehaviour, plain: StageBehaviour, *others: StageBehaviour
) -> tuple[StageBehaviour, StageBehaviour]:
    """Return what of both can be compared, if *others* ran in the same process before."""
    shows_more = any(stage.warnings or stage.logs for stage in (hooked, *others))
    expected, seen = (
        StageBehaviour(
            stage=stage.stage, status=stage.status, output=stage.output, errors=() if shows_more else stage.errors
        )
        for stage in (hooked, plain)
    )
    return expected, seen
