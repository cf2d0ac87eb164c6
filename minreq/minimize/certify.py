"""A set checked anew, without what found it: every distribution left out once, and the smoke run in other orders."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.errors import RunsDisagree, SmokeUnsteady
from minreq.minimize import Minimum
from minreq.minimize.compare import Deviation, deviations, sentence, without_noise
from minreq.minimize.observe import PROOF_SEED, Laboratory, Observation, observe_installed, observe_with
from minreq.minimize.settle import difference, misses
from minreq.minimize.trace import Trace
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
from minreq.profiles.planning import without_template
from minreq.reporting import Reporter, Step
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run

#: What is appended to the name of a stage that runs for the second time in one process.
_AGAIN = " again"


def certify(laboratory: Laboratory, minimum: Minimum, subject: str, reporter: Reporter) -> Certificate:
    """Check *minimum* by runs in clean environments alone, and say what they showed; *subject* is what was run.

    Raises ``RunsDisagree`` where a run contradicts the evidence, or the set behaves otherwise than the baseline when
    the features run in another order; ``SmokeUnsteady`` where such a run, made twice, does not say the same twice.
    """
    reporter.began(Step.CERTIFY)
    plan = laboratory.world.plan
    ran = {stage.stage for stage in minimum.proof.behaviour.stages}
    if plan.first is not None and plan.first.stage not in ran:
        laboratory = laboratory.running(without_template(plan))
    return _Certifier(laboratory, minimum, reporter).certificate(subject)


def subject(candidates: Collection[Candidate], inputs: Mapping[str, str]) -> str:
    """Return the digest of what is run: the wheels of *candidates*, and the digests of scripts and profile.

    Of what was built from source the archive counts, since no two builds are the same.
    """
    files = sorted((each.name, str((each.sdist or each.wheel).sha256)) for each in candidates)
    text = json.dumps([files, sorted(inputs.items())], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _baseline(laboratory: Laboratory) -> Observation:
    """Run the smoke with all that the closure has: in another order it may ask for more than it did in the first."""
    return observe_with(laboratory, Trace(laboratory.closure, {}, eager=True), "certify-baseline", seed=PROOF_SEED)


@dataclass(slots=True)
class _Certifier:
    laboratory: Laboratory
    minimum: Minimum
    reporter: Reporter
    #: Sentences.
    disagreements: list[str] = field(default_factory=list)
    #: The stage, and what it did once.
    unsteady: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _noise: tuple[Deviation, ...] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def certificate(self, subject: str) -> Certificate:
        """Do all of it."""
        names = sorted(self.minimum.evidence)
        with ThreadPoolExecutor(self.laboratory.jobs) as pool:
            found = list(pool.map(self.without, names))
        outcomes = [outcome for outcome, _ in found]
        self.disagreements += [why for _, why in found if why is not None]
        orders = tuple(_orders(self.laboratory.world.plan))
        for order, plan in orders:
            self.compare(order, self.laboratory.running(plan))
        if self.disagreements:
            raise RunsDisagree(self.disagreements)
        if self.unsteady:
            raise SmokeUnsteady(*self.unsteady[0])
        return Certificate(
            subject=subject,
            outcomes=tuple(outcomes),
            orders=tuple(order for order, _ in orders),
            notes=tuple(self.notes),
        )

    @property
    def present(self) -> frozenset[NormalizedName]:
        """The set, with what the runtime provides."""
        return frozenset(self.minimum.evidence) | self.laboratory.closure.resolution.provided

    # Every distribution left out once.

    def without(self, name: NormalizedName) -> tuple[Outcome, str | None]:
        """Run the set without *name*; return what that showed, and how it contradicts the evidence."""
        evidence = self.minimum.evidence[name]
        outcome = self.outcome(name)
        why = _contradiction(evidence, outcome)
        if why is not None:
            again = self.outcome(name)
            if _contradiction(evidence, again) is None:
                self.unsteady.append((_stage(outcome) or _stage(again), f"{why}; another such run agrees with it"))
                outcome, why = again, None
        self.reporter.settled(name, outcome.result or evidence)
        return outcome, why

    def outcome(self, name: NormalizedName) -> Outcome:
        """Run the set without *name*, up to the first failure; one that could have another cause is to repeat."""
        results = self.run_without(name)
        if not results[-1].passed and not misses(self.laboratory, results[-1], name):
            results = self.run_without(name)
        last = results[-1].behaviour
        if not results[-1].passed:
            failure = Failure(distribution=name, stage=last.stage, error=last.status, method="run")
            return Outcome(distribution=name, result=failure)
        behaviour = Behaviour(stages=tuple(result.behaviour for result in results))
        return Outcome(distribution=name, result=self.difference(name, behaviour))

    def run_without(self, name: NormalizedName) -> list[StageResult]:
        """Return the stages that ran: the groups come one after the other, since other runs go on beside."""
        world = self.laboratory.world
        with Run(world, f"certify-{name}", paths=self.laboratory.paths(self.present - {name})) as run:
            first = run.first_stage()
            results = [] if first is None else [first]
            for group in world.plan.groups:
                if results and not results[-1].passed:
                    break
                results += run.run(group.scripts)
        return results

    def difference(self, name: NormalizedName, behaviour: Behaviour) -> Difference | None:
        """Return how a run without *name* differs from the proof, the difference that the evidence tells if it can."""
        found = deviations(self.minimum.proof.behaviour, behaviour)
        evidence = self.minimum.evidence[name]
        if isinstance(evidence, Difference):
            for each in found:
                if (each.stage, each.what) == (evidence.stage, evidence.what):
                    return difference(name, each)
        if found:
            found = without_noise(found, self.noise())
        return difference(name, found[0]) if found else None

    def noise(self) -> tuple[Deviation, ...]:
        """Return what differs between two runs of the set; the second is made when it is first asked for."""
        with self._lock:
            if self._noise is None:
                again = observe_installed(self.laboratory, self.present)
                found = deviations(self.minimum.proof.behaviour, again.behaviour)
                self._noise = (*self.minimum.noise, *found)
            return self._noise

    # Other orders.

    def compare(self, order: str, laboratory: Laboratory) -> None:
        """Run the set and the baseline in another *order*: what both do otherwise is the program's own."""
        baseline = _baseline(laboratory)
        if baseline.failure is not None:
            behaviour = baseline.failure.behaviour
            self.notes.append(f"{order}: {behaviour.stage} fails with nothing left out: {behaviour.status}")
        found = self.unexpected(baseline.behaviour, observe_installed(laboratory, self.present).behaviour)
        if not found:
            return
        noise = deviations(baseline.behaviour, _baseline(laboratory).behaviour)
        steady = without_noise(found, noise)
        unsteady = {(each.stage, each.what) for each in noise}
        self.notes += sorted(
            f"{order}: {each.what} of {each.stage} differ from run to run with nothing left out"
            for each in found
            if (each.stage, each.what) in unsteady
        )
        if steady:
            again = self.unexpected(baseline.behaviour, observe_installed(laboratory, self.present).behaviour)
            repeated = {(each.stage, each.what) for each in again}
            for each in steady:
                told = f"{order}: {sentence(each)}"
                if (each.stage, each.what) in repeated:
                    self.disagreements.append(told)
                else:
                    self.unsteady.append((each.stage, f"{told}; another such run does not"))

    def unexpected(self, baseline: Behaviour, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return the deviations that were not accepted (``--smallest``)."""
        accepted = {(each.stage, each.what) for each in self.minimum.degraded.values()}
        return tuple(
            each
            for each in deviations(baseline, behaviour)
            if (each.stage.removesuffix(_AGAIN), each.what) not in accepted
        )


def _contradiction(evidence: Evidence, outcome: Outcome) -> str | None:
    """Tell how *outcome* contradicts *evidence*; what was asked for, or is masked, is kept whatever a run says."""
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


def _orders(plan: Plan) -> Iterator[tuple[str, Plan]]:
    if any(len(group.scripts) > 1 for group in plan.groups):
        yield "features in reverse order", _reversed(plan)
    yield "features twice in one process", _twice(plan)


def _reversed(plan: Plan) -> Plan:
    return replace(plan, groups=tuple(replace(group, scripts=group.scripts[::-1]) for group in plan.groups))


def _twice(plan: Plan) -> Plan:
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
