"""Test a set again without shortcuts: without each distribution, in other orders, and in a plain interpreter."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.errors import RunsDisagree, SmokeNotDeterministic
from minreq.minimize import MinimalSet
from minreq.minimize.compare import (
    Deviation,
    concerns_order,
    concerns_varying_lines,
    describe,
    find_deviations,
    find_deviations_in_volatile_text,
)
from minreq.minimize.noise import drop_noisy_kinds, subtract_noise
from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.plain import PlainComparison
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.settle import difference_evidence, names_missing_module
from minreq.model import (
    Behaviour,
    Candidate,
    Certificate,
    Difference,
    Evidence,
    Failure,
    Masked,
    Outcome,
    Plan,
    Request,
)
from minreq.profiles.planner import without_template
from minreq.reporting import Reporter, Step
from minreq.smoke.results import StageResult
from minreq.smoke.run import Run

#: The hash seeds of the reference and of the set in another order; no earlier run had one of them.
_REFERENCE_SEED, _SET_SEED = 20260301, 20260302
#: The end of the name of a stage that runs for the second time in one process.
_AGAIN = " again"


def certify(runner: SmokeRunner, minimal_set: MinimalSet, subject: str, reporter: Reporter) -> Certificate:
    """Test *minimal_set* by runs in clean environments, and return what they show; *subject* is the digest of it all.

    Raises ``RunsDisagree`` where a run contradicts the evidence, or where the set differs from the reference when the
    features run in another order or without minreq's hook. Raises ``SmokeNotDeterministic`` where such a run, repeated,
    has another result.
    """
    reporter.began(Step.CERTIFY)
    plan = runner.setup.plan
    ran = {stage.stage for stage in minimal_set.proof.behaviour.stages}
    if plan.first is not None and plan.first.stage not in ran:
        runner = runner.with_plan(without_template(plan))
    return _CertifyRuns(runner, minimal_set, reporter).certify(subject)


def subject_digest(candidates: Collection[Candidate], inputs: Mapping[str, str]) -> str:
    """Return the digest of what runs: the wheels of *candidates*, and the digests of scripts and profile.

    For a wheel that was built from source it has the source archive, since each build makes other bytes.
    """
    files = sorted((each.name, str((each.sdist or each.wheel).sha256)) for each in candidates)
    text = json.dumps([files, sorted(inputs.items())], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _CertifyRuns:
    """The runs that certify one set, and what they showed so far."""

    runner: SmokeRunner
    minimal_set: MinimalSet
    reporter: Reporter
    #: Sentences on runs that contradict the evidence.
    disagreements: list[str] = field(default_factory=list)
    #: Stages whose repetition had another result, each with a sentence.
    nondeterministic: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _noise: tuple[Deviation, ...] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def certify(self, subject: str) -> Certificate:
        """Do all runs; return what they showed."""
        names = sorted(self.minimal_set.evidence)
        with ThreadPoolExecutor(self.runner.jobs) as pool:
            found = list(pool.map(self.check_without, names))
        outcomes = [outcome for outcome, _ in found]
        self.disagreements += [why for _, why in found if why is not None]
        orders = tuple(_plans_in_other_orders(self.runner.setup.plan))
        for order, plan in orders:
            self.compare_order(order, self.runner.with_plan(plan))
        plain = PlainComparison(runner=self.runner, minimal_set=self.minimal_set, present=self.present)
        plain.compare()
        self.disagreements += plain.disagreements
        self.nondeterministic += plain.nondeterministic
        if self.disagreements:
            raise RunsDisagree(self.disagreements)
        if self.nondeterministic:
            raise SmokeNotDeterministic(*self.nondeterministic[0])
        return Certificate(
            subject=subject,
            outcomes=tuple(outcomes),
            orders=tuple(order for order, _ in orders),
            plain_stages=plain.stages,
            notes=(*self.notes, *plain.notes),
        )

    @property
    def present(self) -> frozenset[NormalizedName]:
        """The set, and what the runtime provides."""
        return frozenset(self.minimal_set.evidence) | self.runner.closure.resolution.provided

    # Each distribution left out once.

    def check_without(self, name: NormalizedName) -> tuple[Outcome, str | None]:
        """Run the set without *name*; return the outcome, and how it contradicts the evidence, if it does."""
        evidence = self.minimal_set.evidence[name]
        outcome = self.test_without(name)
        why = _describe_contradiction(evidence, outcome)
        if why is not None:
            again = self.test_without(name)
            if _describe_contradiction(evidence, again) is None:
                self.nondeterministic.append(
                    (_stage(outcome) or _stage(again), f"{why}; another such run agrees with it")
                )
                outcome, why = again, None
        self.reporter.settled(name, outcome.result or evidence)
        return outcome, why

    def test_without(self, name: NormalizedName) -> Outcome:
        """Run the set without *name*, up to the first failure; repeat the run if another cause is possible."""
        results = self.run_without(name)
        if not results[-1].passed and not names_missing_module(self.runner, results[-1], name):
            results = self.run_without(name)
        last = results[-1].behaviour
        if not results[-1].passed:
            failure = Failure(distribution=name, stage=last.stage, error=last.status, method="run")
            return Outcome(distribution=name, result=failure)
        behaviour = Behaviour(stages=tuple(result.behaviour for result in results))
        return Outcome(distribution=name, result=self.find_difference(name, behaviour))

    def run_without(self, name: NormalizedName) -> list[StageResult]:
        """Return the results of all stages that ran, group after group: other runs go on at the same time."""
        evidence = self.minimal_set.evidence[name]
        hidden = evidence.hidden if isinstance(evidence, Failure | Difference) else ()
        setup = self.runner.hiding(hidden).setup
        installed = self.runner.installed(self.present - {name})
        with Run(setup, f"certify-{name}", installed=installed) as run:
            first = run.wait_for_first_stage()
            results = [] if first is None else [first]
            for group in setup.plan.groups:
                if results and not results[-1].passed:
                    break
                results += run.run_scripts(group.scripts)
        return results

    def find_difference(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return how a run without *name* differs from the proof; preferably as the evidence says."""
        found = (*find_deviations(self.minimal_set.proof.behaviour, behaviour), *self.find_beside_noise(behaviour))
        evidence = self.minimal_set.evidence[name]
        if isinstance(evidence, Difference):
            for each in found:
                if (each.stage, each.what) == (evidence.stage, evidence.what):
                    return difference_evidence(name, each)
        if found:
            found = drop_noisy_kinds(found, self.find_noise())
        return difference_evidence(name, found[0]) if found else None

    def find_beside_noise(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs in lines of which another part is new in each run of the reference."""
        found = self.minimal_set
        reference, again = found.reference.behaviour, found.repetitions
        by_word = subtract_noise(find_deviations(reference, behaviour), found.noise, by_word=True)
        # Where no clock went faster, two runs may have the same time by chance.
        proven = reference.in_stages({stage.stage for each in found.with_fast_clock for stage in each.stages})
        return (
            *(each for each in by_word if concerns_varying_lines(each.what)),
            *find_deviations_in_volatile_text([proven, found.proof.behaviour, *again], [behaviour], time.time()),
        )

    def find_noise(self) -> tuple[Deviation, ...]:
        """Return the noise between two runs of the set; the first call makes the second run."""
        with self._lock:
            if self._noise is None:
                again = observe_environment(self.runner, self.present, "certify-again")
                found = find_deviations(self.minimal_set.proof.behaviour, again.behaviour)
                self._noise = (*self.minimal_set.noise, *found)
            return self._noise

    # Other orders.

    def compare_order(self, order: str, runner: SmokeRunner) -> None:
        """Run the set and the reference in another *order*; what both do differently is not a fault of the set.

        Each has a hash seed of its own. Where they differ, the reference runs again with the seed of the set.
        """
        reference = self.run_reference(runner, _REFERENCE_SEED)
        if reference.failure is not None:
            behaviour = reference.failure.behaviour
            self.notes.append(f"{order}: {behaviour.stage} fails with nothing left out: {behaviour.status}")
        observation = self.run_set(runner)
        found = self.unexpected_deviations(reference.behaviour, observation.behaviour)
        if not found:
            return
        noise = find_deviations(reference.behaviour, self.run_reference(runner, _SET_SEED).behaviour)
        beyond = drop_noisy_kinds(found, noise)
        noisy = {(each.stage, each.what) for each in noise}
        self.notes += sorted(
            f"{order}: {each.what} of {each.stage} differ from run to run with nothing left out"
            for each in found
            if (each.stage, each.what) in noisy
        )
        if beyond:
            again = self.unexpected_deviations(reference.behaviour, self.run_set(runner).behaviour)
            repeated = {(each.stage, each.what) for each in again}
            for each in beyond:
                sentence = f"{order}: {describe(each)}"
                if (each.stage, each.what) in repeated:
                    self.disagreements.append(sentence)
                elif concerns_order(each.what):
                    self.notes.append(f"{order}: {each.what} of {each.stage} differs now and then")
                else:
                    self.nondeterministic.append((each.stage, f"{sentence}; another such run does not"))

    def run_set(self, runner: SmokeRunner) -> Observation:
        """Run the smoke on the set alone."""
        return observe_environment(runner, self.present, "certify-order", seed=_SET_SEED)

    def run_reference(self, runner: SmokeRunner, seed: int) -> Observation:
        """Run the smoke in an environment with the whole closure; in another order it may need more of it."""
        return observe_environment(runner, self.minimal_set.reference_names, "certify-reference", seed=seed)

    def unexpected_deviations(self, reference: Behaviour, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* deviates beyond the accepted differences (``--smallest``)."""
        accepted = {(each.stage, each.what) for each in self.minimal_set.degraded.values()}
        return tuple(
            each
            for each in find_deviations(reference, behaviour)
            if (each.stage.removesuffix(_AGAIN), each.what) not in accepted
        )


def _describe_contradiction(evidence: Evidence, outcome: Outcome) -> str | None:
    """Return how *outcome* contradicts *evidence*; what is requested or masked is kept whatever a run shows."""
    name, result = evidence.distribution, outcome.result
    if isinstance(evidence, Request | Masked) or (isinstance(evidence, Failure) and isinstance(result, Failure)):
        return None
    if isinstance(evidence, Failure):
        expected = f"{evidence.stage} fails ({evidence.error}), as a {evidence.method} showed"
    else:
        if isinstance(result, Difference) and (result.stage, result.what) == (evidence.stage, evidence.what):
            return None
        expected = f"{evidence.what} of {evidence.stage} differ"
    match result:
        case None:
            seen = "the smoke passes and behaves the same"
        case Failure(stage=stage, error=error):
            seen = f"{stage} fails: {error}"
        case Difference(stage=stage, what=what):
            seen = f"the smoke passes, and {what} of {stage} differ"
    return f"{name}: the evidence says that without it {expected}; in a clean environment without it {seen}"


def _stage(outcome: Outcome) -> str:
    return outcome.result.stage if outcome.result else ""


def _plans_in_other_orders(plan: Plan) -> Iterator[tuple[str, Plan]]:
    if any(len(group.scripts) > 1 for group in plan.groups):
        yield "features in reverse order", _reverse_scripts(plan)
    yield "features twice in one process", _repeat_scripts(plan)


def _reverse_scripts(plan: Plan) -> Plan:
    return replace(plan, groups=tuple(replace(group, scripts=group.scripts[::-1]) for group in plan.groups))


def _repeat_scripts(plan: Plan) -> Plan:
    return replace(
        plan,
        groups=tuple(
            replace(
                group,
                scripts=(*group.scripts, *(replace(each, stage=each.stage + _AGAIN) for each in group.scripts)),
            )
            for group in plan.groups
        ),
    )
