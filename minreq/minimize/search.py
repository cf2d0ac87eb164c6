"""The fixed point: traces repeated until every yes has its evidence and every no changes nothing; then the proof."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.errors import ProofFailed, SmokeUnsteady
from minreq.minimize.baseline import Baseline, TemplateStuckError
from minreq.minimize.compare import Deviation, beyond_noise, deviations, sentence, without_noise
from minreq.minimize.lessons import Lessons
from minreq.minimize.observe import Laboratory, Observation, observe_with
from minreq.minimize.proofs import Proofs
from minreq.minimize.settle import passed_at_the_miss, settle_by_features, settle_by_forks, settle_by_runs
from minreq.minimize.trace import Trace
from minreq.minimize.verdicts import Verdicts
from minreq.minimize.wishes import Wishes
from minreq.model import Behaviour, Difference, Evidence
from minreq.profiles.planning import without_template
from minreq.reporting import Reporter, Step
from minreq.smoke.results import StageResult
from minreq.smoke.running import Run

#: More traces than this mean that the smoke does not behave the same twice.
_MOST_TRACES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """The set, with the evidence for each of its distributions."""

    evidence: Mapping[NormalizedName, Evidence]
    #: Left out although the smoke then behaves differently.
    degraded: Mapping[NormalizedName, Difference]
    #: Tried as no: the smoke passed, and behaved the same.
    spared: frozenset[NormalizedName]
    #: The last trace: who asked for what.
    trace: Observation
    baseline: Observation
    #: The run on the set alone.
    proof: Observation
    #: What differs between two runs of one set.
    noise: tuple[Deviation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Traced:
    """A trace, and whether its answers stayed as they were."""

    observation: Observation
    #: What it declined first and then had to give, and the stage that asked.
    changed: Mapping[NormalizedName, str]
    #: An extra was taken in on the way.
    outgrown: bool


def minimize(laboratory: Laboratory, wishes: Wishes, reporter: Reporter) -> Minimum:
    """Find the smallest set on which the smoke behaves as on the baseline, and prove it (section 2 of the design).

    Raises ``BaselineFailure`` when the smoke fails with nothing left out; ``NegativeAnswer`` when it needs what the
    user excluded, does not behave the same twice, or fails on the set alone; and what index and store raise.
    """
    try:
        return _minimize(laboratory, wishes, reporter)
    except TemplateStuckError as stuck:
        reporter.note(f"{stuck.stage} goes on in no fork of the first stage: every group begins with a run of its own")
        return _minimize(laboratory.running(without_template(laboratory.world.plan)), wishes, reporter)


def _minimize(laboratory: Laboratory, wishes: Wishes, reporter: Reporter) -> Minimum:
    with ThreadPoolExecutor(2) as pool:
        reporter.began(Step.BASELINE)
        baseline = Baseline(laboratory, pool)
        verdicts = Verdicts(wishes=wishes)
        lessons = Lessons(wishes=wishes, baseline=baseline, verdicts=verdicts, reporter=reporter)
        search = _Search(
            laboratory=laboratory,
            wishes=wishes,
            reporter=reporter,
            baseline=baseline,
            verdicts=verdicts,
            lessons=lessons,
            proofs=Proofs(laboratory=laboratory, pool=pool),
        )
        search.scout()
        lessons.anticipate(laboratory)
        for _ in range(_MOST_TRACES):
            traced = search.trace()
            again = search.learn(traced) or search.settle(traced.observation)
            if again is None:
                return search.minimum(traced.observation, search.prove(traced.observation))
            reporter.repeated(again)
    raise SmokeUnsteady(traced.observation.behaviour.stages[-1].stage, f"no end after {_MOST_TRACES} traces")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The steps between two traces; what they learn is in the parts."""

    laboratory: Laboratory
    wishes: Wishes
    reporter: Reporter
    baseline: Baseline
    verdicts: Verdicts
    lessons: Lessons
    proofs: Proofs

    def scout(self) -> None:
        """Learn from first stages alone, beside the baseline: what they teach need not be learnt by whole traces."""
        if self.laboratory.world.plan.first is None:
            return
        for _ in range(_MOST_TRACES):
            oracle = Trace(self.laboratory.closure, self.lessons.decided)
            trace = observe_with(self.laboratory, oracle, "scout", go_on=lambda _first: False)
            failed = self.lessons.failed(trace)
            # Whether a difference is gone, the trace tells by its first stage as soon as another scout would.
            again = failed or self.lessons.deviates(trace)
            if again is not None:
                self.reporter.repeated(again)
            if failed is None:
                return

    def trace(self) -> _Traced:
        """Run a trace with what is decided, and settle by forks what it accepts, while it is alive."""
        self.reporter.began(Step.TRACE)
        by_forks = self.wishes.settle == "auto"
        certain = frozenset(self.verdicts.evidence)
        oracle = Trace(
            self.laboratory.closure,
            self.lessons.decided,
            fork_stages=self._fork_stages() if by_forks else frozenset(),
            certain=certain,
            answered=self.reporter.answered,
        )

        def go_on(first: StageResult) -> bool:
            behaviour = Behaviour(stages=(first.behaviour,))
            return not self.baseline.deviations_of(behaviour, self.verdicts.accepted)

        def settle(run: Run, observation: Observation) -> None:
            if not by_forks:
                return
            if oracle.changed:
                found = settle_by_features(run, oracle.changed.items(), self.laboratory)
                self.verdicts.record(observation, found)
            elif observation.failure is None and not oracle.outgrown and not self.lessons.deviations_of(observation):
                self._settle_by_forks(run, oracle, observation, observation.accepted - certain)

        self.verdicts.begin()
        observation = observe_with(self.laboratory, oracle, "trace", go_on=go_on, then=settle)
        return _Traced(observation=observation, changed=oracle.changed, outgrown=oracle.outgrown)

    def _fork_stages(self) -> frozenset[str]:
        """Return the stages whose misses fork at once: where it cannot depend on chance which process asks first."""
        plan = self.laboratory.world.plan
        alone = plan.groups[0].scripts if len(plan.groups) == 1 else ()
        return frozenset(script.stage for script in (*filter(None, [plan.first]), *alone))

    def _settle_by_forks(
        self, run: Run, oracle: Trace, observation: Observation, uncertain: frozenset[NormalizedName]
    ) -> None:
        """Settle by forks of *run* what its trace accepted and nobody is certain of; begin the proof beside that."""
        self.reporter.began(Step.SETTLE)
        names = uncertain - self.laboratory.initial
        hopeful = names & self.lessons.hopeful(observation)
        self.verdicts.hope(observation, passed_at_the_miss(run, oracle, hopeful))
        for name in sorted(self.verdicts.hoped):
            self.reporter.settled(name, None)
        if not self.verdicts.stands(observation):
            names &= run.forks.keys()
        elif names:
            self.proofs.begin(self._wanted(observation))
        found = settle_by_forks(
            run,
            oracle,
            names - self.verdicts.hoped,
            laboratory=self.laboratory,
            judge=self.lessons.judge,
            told=self.reporter.settled,
            foretold=self.lessons.foretold,
        )
        self.verdicts.record(observation, {name: verdict for name, verdict in found.items() if verdict is not None})
        self.verdicts.hope(observation, [name for name, verdict in found.items() if verdict is None])

    def learn(self, traced: _Traced) -> str | None:
        """Return why the answers of a trace cannot stay, ``None`` when they can."""
        return (
            self.lessons.void(traced.changed, outgrown=traced.outgrown)
            or self.lessons.failed(traced.observation)
            or self.lessons.deviates(traced.observation)
        )

    def settle(self, trace: Observation) -> str | None:
        """Try in runs of their own what has no verdict yet; return why another trace is due, ``None`` at the end."""
        size = self.laboratory.closure.bytes
        if not self.verdicts.stands(trace):
            return self.lessons.leave_out(size)
        self.reporter.began(Step.SETTLE)
        unsettled = trace.accepted - self.laboratory.initial - self.verdicts.settled(trace) - self.verdicts.unneeded
        self._settle_by_runs(trace, unsettled)
        if not self.verdicts.stands(trace):
            return self.lessons.leave_out(size)
        self.verdicts.spare()
        return None

    def _settle_by_runs(self, trace: Observation, names: frozenset[NormalizedName]) -> None:
        found = settle_by_runs(
            self.laboratory,
            trace,
            names,
            everywhere=self.wishes.settle == "runs",
            judge=self.lessons.judge,
            told=self.reporter.settled,
        )
        self.verdicts.record(trace, found)

    def prove(self, trace: Observation) -> Observation:
        """Run the smoke on the set alone that *trace* stands for.

        Raises ``ProofFailed`` unless the smoke behaves as on the baseline, what is degraded aside; ``SmokeUnsteady``
        where another run of the set does otherwise.
        """
        self.reporter.began(Step.PROVE)
        wanted = self._wanted(trace)
        proof = self.proofs.of(wanted)
        wrong = self._wrong(proof)
        if wrong and self.verdicts.hoped:
            # Nothing but hope said that these can be left out.
            self._settle_by_runs(trace, self.verdicts.doubt())
            return self.prove(trace)
        if wrong:
            again = self.proofs.begin(wanted).result()
            found = deviations(proof.behaviour, again.behaviour)
            for deviation in without_noise(found, self.baseline.noise(found)):
                raise SmokeUnsteady(deviation.stage, f"two runs of one set: {sentence(deviation)}")
            # With what is degraded the trace did not differ: it may show in more than one way.
            if proof.failure is not None or not self.verdicts.unneeded & self.verdicts.degraded.keys():
                raise ProofFailed("the lock", wrong)
        return proof

    def _wanted(self, trace: Observation) -> frozenset[NormalizedName]:
        """Return the set that *trace* stands for."""
        return (trace.accepted - self.verdicts.unneeded) | self.laboratory.initial

    def _wrong(self, proof: Observation) -> list[str]:
        """Return how *proof* is not as the baseline was, a sentence each."""
        if proof.failure is not None:
            behaviour = proof.failure.behaviour
            return [f"{behaviour.stage} fails: {behaviour.status}"]
        found = self.lessons.deviations_of(proof)
        return list(map(sentence, beyond_noise(found, self.baseline.noise(found)))) if found else []

    def minimum(self, trace: Observation, proof: Observation) -> Minimum:
        """Put together what was found."""
        kept = self.verdicts.settled(trace) - self.verdicts.unneeded
        found: dict[NormalizedName, Evidence] = {
            **{name: self.verdicts.evidence[name][1] for name in kept},
            **self.wishes.requested,
        }
        return Minimum(
            evidence={name: found[name] for name in sorted(found)},
            degraded=self.verdicts.degraded,
            spared=frozenset(self.verdicts.spared - set(found)),
            trace=trace,
            baseline=self.baseline.observation,
            proof=proof,
            noise=self.baseline.known_noise(),
        )
