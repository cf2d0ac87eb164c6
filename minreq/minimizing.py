"""The fixed point: traces repeated until every yes has its evidence and every no changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal

from packaging.utils import NormalizedName

from minreq.comparing import Deviation, deviations, sentence, without_noise
from minreq.errors import BaselineFailure, ExcludedNeeded, ModuleNotOffered, ProofFailed, SmokeFails, SmokeNeverEnds, SmokeUnsteady
from minreq.model import Difference, Evidence, Request
from minreq.observing import PROOF_SEED, Laboratory, Observation, observe_installed, observe_with
from minreq.reporting import Reporter, Step
from minreq.settling import difference, settle_by_forks, settle_by_runs
from minreq.smoke.running import Run
from minreq.tracing import Decision, Trace

#: More traces than this mean that the smoke does not behave the same twice.
_MOST_TRACES = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user decided beforehand."""

    #: Kept, asked for or not: the evidence is the request.
    requested: Mapping[NormalizedName, Request]
    excluded: frozenset[NormalizedName] = frozenset()
    #: Leave out what makes only a difference.
    smallest: bool = False
    #: ``runs``: settle by runs alone, the reference.
    settle: Literal["auto", "runs"] = "auto"


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


def minimize(laboratory: Laboratory, wishes: Wishes, reporter: Reporter) -> Minimum:
    """Find the smallest set on which the smoke behaves as on the baseline, and prove it (section 2 of the design).

    Raises ``BaselineFailure`` when the smoke fails with nothing left out; ``NegativeAnswer`` when it needs what the user
    excluded, does not behave the same twice, or fails on the set alone; and what index and store raise.
    """
    with ThreadPoolExecutor(2) as pool:
        search = _Search(laboratory, wishes, reporter, pool)
        reporter.began(Step.TRACE)
        for _ in range(_MOST_TRACES):
            trace = search.trace()
            why = search.void(trace) or search.failed(trace) or search.deviates(trace) or search.unneeded(trace)
            if why is None:
                proof = search.prove(trace)
                return search.minimum(trace, proof)
            reporter.repeated(why)
    stage = trace.behaviour.stages[-1]
    raise SmokeUnsteady(stage.stage, f"no end after {_MOST_TRACES} traces")


@dataclass(slots=True)
class _Search:
    """What is known between two traces; each step returns why another trace is due, ``None`` to go on."""

    laboratory: Laboratory
    wishes: Wishes
    reporter: Reporter
    pool: ThreadPoolExecutor
    #: Answers for the next trace.
    decided: dict[NormalizedName, Decision] = field(default_factory=dict)
    differences: dict[NormalizedName, Difference] = field(default_factory=dict)
    degraded: dict[NormalizedName, Difference] = field(default_factory=dict)
    spared: set[NormalizedName] = field(default_factory=set)
    #: What the forks of the trace at hand proved.
    certificates: dict[NormalizedName, Evidence] = field(default_factory=dict)
    #: The distribution that the trace at hand brought back to see whether it makes the difference.
    suspect: tuple[NormalizedName, Deviation] | None = None
    innocent: set[tuple[NormalizedName, str, str]] = field(default_factory=set)
    #: What the trace at hand declined first and then had to give.
    changed: dict[NormalizedName, Decision] = field(default_factory=dict)
    #: What the last step tried to leave out together.
    batch: tuple[NormalizedName, ...] = ()
    #: How many of the latest declines are taken back when a failure names nobody.
    guesses: int = 1
    baseline_to_be: Future[Observation] = field(init=False)
    again: Future[Observation] | None = None

    def __post_init__(self) -> None:
        self.decided = {name: Decision(accepted=False, reason="excluded") for name in self.wishes.excluded}
        self.baseline_to_be = self.pool.submit(self.observe_baseline, "baseline")

    def observe_baseline(self, name: str, seed: int = 0) -> Observation:
        """Run the smoke with all that the closure has."""
        oracle = Trace(self.laboratory.closure, {}, eager=True)
        observation = observe_with(self.laboratory, oracle, name, seed=seed)
        if observation.failure is not None:
            raise _baseline_failure(observation, self.laboratory.world.limit)
        return observation

    @property
    def baseline(self) -> Observation:
        """The baseline, waited for."""
        return self.baseline_to_be.result()

    def noise(self) -> tuple[Deviation, ...]:
        """Return what differs between two baselines; the second is run when it is first asked for."""
        self.listen_for_noise()
        assert self.again is not None  # noqa: S101 - the line above made it
        return deviations(self.baseline.behaviour, self.again.result().behaviour)

    def trace(self) -> Observation:
        """Run a trace with what is decided, and settle by forks what it accepts."""
        by_forks = self.wishes.settle == "auto"
        certain = frozenset(self.differences) | {name for name, _ in filter(None, [self.suspect])}
        oracle = Trace(
            self.laboratory.closure, self.decided, forks=by_forks, certain=certain, answered=self.reporter.answered
        )
        self.certificates = {}

        def settle(run: Run, observation: Observation) -> None:
            final = observation.failure is None and not oracle.changed and not self.deviations_of(observation)
            if by_forks and final:
                self.reporter.began(Step.SETTLE)
                names = observation.accepted - certain
                told = self.reporter.settled
                self.certificates.update(settle_by_forks(run, observation, names, self.laboratory, told))

        observation = observe_with(self.laboratory, oracle, "trace", then=settle)
        self.changed = dict(oracle.changed)
        return observation

    def void(self, _trace: Observation) -> str | None:
        """A declined distribution is needed after all: the answers before that were given on a wrong footing."""
        self.decided.update(self.changed)
        return _sentence(self.changed, "is needed after all", "are needed after all")

    def failed(self, trace: Observation) -> str | None:
        """The trace fails and the baseline does not: some no was wrong."""
        if trace.failure is None:
            self.batch, self.guesses = (), 1
            return None
        failure = trace.failure
        self.baseline  # noqa: B018 - a baseline that fails explains more
        if self.batch:
            # Each could be left out, not all together: one at a time then.
            first, *rest = self.batch
            self.batch = ()
            for name in rest:
                self.decided[name] = Decision(accepted=True, reason=f"needed without {first}")
            return _sentence(rest, f"is needed without {first}", f"are needed without {first}")
        blamed = [name for name in failure.declined if name in trace.declined][:1]
        if not blamed:
            latest = sorted(
                trace.declined - self.wishes.excluded, key=lambda name: trace.answers[name].question.order, reverse=True
            )
            blamed = latest[: self.guesses]
            self.guesses *= 2
        excluded = self.wishes.excluded.intersection(failure.declined)
        if excluded:
            raise ExcludedNeeded(min(excluded), failure.behaviour.stage, failure.behaviour.status)
        if not blamed:
            raise SmokeUnsteady(failure.behaviour.stage, failure.behaviour.status)
        for name in blamed:
            self.decided[name] = Decision(accepted=True, reason="the smoke fails without it")
        return _sentence(blamed, "is needed", "may be needed")

    def deviates(self, trace: Observation) -> str | None:
        """The trace passes and behaves differently: find the distribution that makes the difference."""
        found = self.deviations_of(trace)
        if self.suspect is not None:
            name, deviation = self.suspect
            self.suspect = None
            keys = {(other.stage, other.what) for other in found}
            if (deviation.stage, deviation.what) in keys:
                self.innocent.add((name, deviation.stage, deviation.what))
                del self.decided[name]
            elif without_noise([deviation], self.noise()):
                return self.guilty(name, deviation)
            else:
                del self.decided[name]
                return f"{deviation.what} of {deviation.stage} differs from run to run"
        if not found:
            return None
        if self.again is not None:
            found = without_noise(found, self.noise())
        if not found:
            return None
        self.listen_for_noise()
        self.reporter.began(Step.COMPARE)
        deviation = found[0]
        suspects = self.suspects(trace, deviation)
        if not suspects:
            raise SmokeUnsteady(deviation.stage, f"{deviation.what}: {deviation.second or deviation.first}")
        self.suspect = suspects[0], deviation
        self.decided[suspects[0]] = Decision(accepted=True, reason=f"tried for a difference in {deviation.what}")
        return f"{deviation.what} of {deviation.stage} differs: {suspects[0]} is tried"

    def guilty(self, name: NormalizedName, deviation: Deviation) -> str | None:
        """Keep *name* for the difference it makes, or leave it out all the same where the user wants that."""
        evidence = difference(name, deviation)
        if self.wishes.smallest or name in self.wishes.excluded:
            self.degraded[name] = evidence
            reason = "excluded" if name in self.wishes.excluded else "degraded"
            self.decided[name] = Decision(accepted=False, reason=reason)
            return f"{name} is left out, although {deviation.what} of {deviation.stage} differs"
        self.decided[name] = Decision(accepted=True, reason=f"{deviation.what} of {deviation.stage} differs without it")
        self.differences[name] = evidence
        self.reporter.settled(name, evidence)
        return f"{name} makes the difference"

    def suspects(self, trace: Observation, deviation: Deviation) -> list[NormalizedName]:
        """Return the declined distributions that could make *deviation*, the likeliest first.

        Likely is what the text names, then what was declined in the same stage, then what was declined late.
        """
        text = f"{deviation.first}\n{deviation.second}".lower().replace("-", "_")
        accepted_before = self.baseline.accepted

        def likelihood(name: NormalizedName) -> tuple[bool, bool, int, str]:
            question = trace.answers[name].question
            asker = question.frames[0].file.partition("/")[0] if question.frames else ""
            named = name.replace("-", "_") in text or question.name.lower() in text
            return not named, not asker or asker.lower() not in text, -question.order, name

        candidates = (trace.declined & accepted_before) - set(self.degraded)
        return sorted(
            (name for name in candidates if (name, deviation.stage, deviation.what) not in self.innocent),
            key=likelihood,
        )

    def unneeded(self, trace: Observation) -> str | None:
        """Try in runs of their own what the forks did not settle; leave out what the smoke passes without."""
        self.reporter.began(Step.SETTLE)
        initial = self.laboratory.initial
        open_questions = trace.accepted - initial - set(self.certificates) - set(self.differences)
        found = settle_by_runs(
            self.laboratory,
            trace,
            open_questions,
            self.baseline.behaviour,
            self.noise,
            self.reporter.settled,
        )
        passed = []
        for name, evidence in sorted(found.items()):
            if isinstance(evidence, Difference) and self.wishes.smallest:
                self.degraded[name] = evidence
            elif evidence is not None:
                self.certificates[name] = evidence
                continue
            passed.append(name)
        if not passed:
            return None
        # What frees most comes first: it stays out when not all of them can.
        self.batch = tuple(sorted(passed, key=lambda name: (-self.laboratory.closure.bytes(name), name)))
        for name in passed:
            self.spared.add(name)
            self.decided[name] = Decision(accepted=False, reason="the smoke passes without it")
        return _sentence(passed, "can be left out", "can be left out")

    def deviations_of(self, observation: Observation) -> tuple[Deviation, ...]:
        """Return how *observation* differs from the baseline, what the user accepted aside."""
        accepted = {(evidence.stage, evidence.what) for evidence in self.degraded.values()}
        found = deviations(self.baseline.behaviour, observation.behaviour)
        return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in accepted)

    def listen_for_noise(self) -> None:
        """Start a second baseline beside whatever runs next."""
        if self.again is None:
            self.again = self.pool.submit(self.observe_baseline, "baseline-again", PROOF_SEED)

    def prove(self, trace: Observation) -> Observation:
        """Run the smoke on the set alone; raises ``ProofFailed`` unless it behaves as the baseline did."""
        self.reporter.began(Step.PROVE)
        observation = observe_installed(self.laboratory, trace.accepted | self.laboratory.initial)
        if observation.failure is not None:
            behaviour = observation.failure.behaviour
            raise ProofFailed("the lock", [f"{behaviour.stage} fails: {behaviour.status}"])
        found = self.deviations_of(observation)
        if found:
            found = without_noise(found, self.noise())
        if found:
            raise ProofFailed("the lock", list(map(sentence, found)))
        return observation

    def minimum(self, trace: Observation, proof: Observation) -> Minimum:
        """Put together what was found."""
        found: dict[NormalizedName, Evidence] = {**self.certificates, **self.differences, **self.wishes.requested}
        return Minimum(
            evidence={name: found[name] for name in sorted(found)},
            degraded=self.degraded,
            spared=frozenset(self.spared - set(found)),
            trace=trace,
            baseline=self.baseline,
            proof=proof,
            noise=self.noise() if self.again is not None else (),
        )


def _sentence(names: Iterable[NormalizedName], one: str, many: str) -> str | None:
    """Return ``a, b VERB``, ``None`` without names."""
    found = sorted(names)
    return f"{', '.join(found)} {one if len(found) == 1 else many}" if found else None


def _baseline_failure(observation: Observation, limit: float) -> BaselineFailure:
    failure = observation.failure
    assert failure is not None  # noqa: S101 - the caller looked
    stage = failure.behaviour.stage
    for asked in observation.unowned:
        if asked.question.name in failure.missing:
            frame = asked.question.frames[0] if asked.question.frames else None
            importer = f"{frame.file}:{frame.line}" if frame else "the smoke"
            return ModuleNotOffered(asked.question.name, importer, stage)
    if failure.ended == "timeout":
        return SmokeNeverEnds(stage, limit)
    return SmokeFails(stage, failure.behaviour.status, failure.traceback)
