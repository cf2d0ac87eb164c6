"""The fixed point: traces repeated until every yes has its evidence and every no changes nothing; then the proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from packaging.utils import NormalizedName

from minreq.anticipating import imported_without_handler, loaded_from_a_list
from minreq.comparing import Deviation, deviations, sentence, without_noise
from minreq.errors import (
    BaselineFailure,
    ExcludedNeeded,
    ModuleNotOffered,
    ProofFailed,
    SmokeFails,
    SmokeNeverEnds,
    SmokeUnsteady,
)
from minreq.model import Behaviour, Difference, Evidence, Need, Question, Request
from minreq.observing import PROOF_SEED, Laboratory, Observation, observe_installed, observe_with
from minreq.profiles.planning import without_template
from minreq.reporting import Reporter, Step
from minreq.settling import (
    Judge,
    Verdict,
    certificate,
    passed_at_the_miss,
    settle_by_features,
    settle_by_forks,
    settle_by_runs,
)
from minreq.smoke.running import Run, StageResult
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

    Raises ``BaselineFailure`` when the smoke fails with nothing left out; ``NegativeAnswer`` when it needs what the
    user excluded, does not behave the same twice, or fails on the set alone; and what index and store raise.
    """
    try:
        return _minimize(laboratory, wishes, reporter)
    except _TemplateStuckError as stuck:
        reporter.note(f"{stuck.stage} goes on in no fork of the first stage: every group begins with a run of its own")
        plan = without_template(laboratory.world.plan)
        laboratory = replace(laboratory, world=replace(laboratory.world, plan=plan))
        return _minimize(laboratory, wishes, reporter)


class _TemplateStuckError(Exception):
    """A stage of the baseline hung or died in a fork: what the first stage left (threads, locks) may be why."""

    def __init__(self, stage: str) -> None:
        super().__init__(stage)
        self.stage = stage


def _minimize(laboratory: Laboratory, wishes: Wishes, reporter: Reporter) -> Minimum:
    with ThreadPoolExecutor(2) as pool:
        search = _Search(laboratory, wishes, reporter, pool)
        search.scout()
        search.anticipate()
        for _ in range(_MOST_TRACES):
            trace = search.trace()
            again = search.learn(trace) or search.settle(trace)
            if again is None:
                return search.minimum(*search.prove(trace))
            reporter.repeated(again)
    raise SmokeUnsteady(trace.behaviour.stages[-1].stage, f"no end after {_MOST_TRACES} traces")


@dataclass(slots=True)
class _Search:
    """What is known between two traces."""

    laboratory: Laboratory
    wishes: Wishes
    reporter: Reporter
    pool: ThreadPoolExecutor
    #: Answers for the next trace.
    decided: dict[NormalizedName, Decision] = field(default_factory=dict)
    #: Verdicts by distribution, each with the first question it holds for.
    verdicts: dict[NormalizedName, tuple[Question, Evidence]] = field(default_factory=dict)
    degraded: dict[NormalizedName, Difference] = field(default_factory=dict)
    spared: set[NormalizedName] = field(default_factory=set)
    #: What the forks of the trace at hand found to be of no need.
    unneeded: set[NormalizedName] = field(default_factory=set)
    #: Those of them without which only one stage passed, and all that were such before: nobody hopes twice.
    hoped: frozenset[NormalizedName] = frozenset()
    hoped_once: frozenset[NormalizedName] = frozenset()
    #: The stage that will most likely fail without a distribution, where code of the baseline says so.
    foretold: dict[NormalizedName, str] = field(default_factory=dict)
    #: A set, and its proof that runs already.
    proof_to_be: tuple[frozenset[NormalizedName], Future[Observation]] | None = None
    proofs: int = 0
    #: What the trace at hand declined first and then had to give, and where.
    changed: Mapping[NormalizedName, str] = field(default_factory=dict)
    outgrown: bool = False
    #: The distribution that the trace at hand brings back to see whether it makes the difference.
    suspect: NormalizedName | None = None
    #: The difference each suspect is tried for.
    seen: dict[NormalizedName, Deviation] = field(default_factory=dict)
    innocent: set[tuple[NormalizedName, str, str]] = field(default_factory=set)
    #: What the trace at hand leaves out together for the first time.
    batch: tuple[NormalizedName, ...] = ()
    #: How many of the latest declines are taken back when a failure names nobody.
    guesses: int = 1
    baseline_to_be: Future[Observation] = field(init=False)
    #: What the baseline did in the first stage, known before the rest.
    first_to_be: Future[Behaviour] = field(default_factory=Future)
    again: Future[Observation] | None = None

    def __post_init__(self) -> None:
        self.decided = {name: Decision(accepted=False, reason="excluded") for name in self.wishes.excluded}
        self.reporter.began(Step.BASELINE)
        self.baseline_to_be = self.pool.submit(self.observe_baseline, "baseline")

    @property
    def baseline(self) -> Observation:
        """The baseline, waited for."""
        return self.baseline_to_be.result()

    @property
    def judge(self) -> Judge:
        """What a run without something is judged by."""
        return Judge(expected=self.baseline.behaviour, noise=self.noise, seen=self.seen)

    def anticipate(self) -> None:
        """Begin with a yes for what code of the baseline imports without a handler."""
        places = self.laboratory.world.places(self.laboratory.scratch)
        for name, place in imported_without_handler(
            self.baseline, self.laboratory.closure.import_map, places.owner
        ).items():
            if name not in self.decided:
                reason = f"{places.name(place.file)}:{place.line} imports it without a handler"
                self.foretold[name] = self.baseline.loaded_in[place.file]
                self.decided[name] = Decision(accepted=True, reason=reason)

        for name, question in loaded_from_a_list(self.baseline).items():
            if name not in self.decided:
                self.foretold[name] = question.stage
                self.decided[name] = Decision(accepted=True, reason=f"{question.name} was found in a list and loaded")

    def observe_baseline(self, name: str, seed: int = 0) -> Observation:
        """Run the smoke with all that the closure has."""

        def tell(first: StageResult) -> bool:
            if not self.first_to_be.done():
                self.first_to_be.set_result(Behaviour(stages=(first.behaviour,)))
            return True

        oracle = Trace(self.laboratory.closure, {}, eager=True)
        observation = observe_with(self.laboratory, oracle, name, seed=seed, go_on=tell)
        if observation.failure is not None:
            stage = observation.failure.behaviour.stage
            first = self.laboratory.world.plan.first
            if first is not None and stage != first.stage and observation.failure.ended in {"timeout", "death"}:
                raise _TemplateStuckError(stage)
            raise _baseline_failure(observation, observation.failure, self.laboratory.world.limit)
        return observation

    def listen_for_noise(self) -> Future[Observation]:
        """Start a second baseline beside whatever runs next."""
        if self.again is None:
            self.again = self.pool.submit(self.observe_baseline, "baseline-again", PROOF_SEED)
        return self.again

    def noise(self) -> tuple[Deviation, ...]:
        """Return what differs between two baselines; the second is run when it is first asked for."""
        return deviations(self.baseline.behaviour, self.listen_for_noise().result().behaviour)

    def deviations_of(self, behaviour: Behaviour) -> tuple[Deviation, ...]:
        """Return how *behaviour* differs from the baseline in the stages that ran, accepted differences aside."""
        accepted = {(evidence.stage, evidence.what) for evidence in self.degraded.values()}
        found = deviations(self.expected(behaviour), behaviour)
        if found and self.again is not None:
            found = without_noise(found, self.noise())
        return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in accepted)

    def expected(self, behaviour: Behaviour) -> Behaviour:
        """Return what the baseline did in the stages of *behaviour*; waits for no more of it than it needs."""
        ran = {stage.stage for stage in behaviour.stages}
        first = self.laboratory.world.plan.first
        if first is not None and ran == {first.stage}:
            either: list[Future[Any]] = [self.first_to_be, self.baseline_to_be]
            wait(either, return_when=FIRST_COMPLETED)
            if self.first_to_be.done():
                return self.first_to_be.result()
        return Behaviour(stages=tuple(stage for stage in self.baseline.behaviour.stages if stage.stage in ran))

    def scout(self) -> None:
        """Learn from first stages alone, beside the baseline: what they teach need not be learnt by whole traces."""
        if self.laboratory.world.plan.first is None:
            return
        for _ in range(_MOST_TRACES):
            oracle = Trace(self.laboratory.closure, self.decided)
            trace = observe_with(self.laboratory, oracle, "scout", go_on=lambda _first: False)
            failed = self.failed(trace)
            # Whether a difference is gone, the trace tells by its first stage as soon as another scout would.
            again = failed or self.deviates(trace)
            if again is not None:
                self.reporter.repeated(again)
            if failed is None:
                return

    # A trace, and what forks of it settle while it is alive.

    def trace(self) -> Observation:
        """Run a trace with what is decided, and settle by forks what it accepts."""
        self.reporter.began(Step.TRACE)
        by_forks = self.wishes.settle == "auto"
        closure = self.laboratory.closure
        certain = frozenset(self.verdicts)
        oracle = Trace(
            closure,
            self.decided,
            fork_stages=self.fork_stages() if by_forks else frozenset(),
            certain=certain,
            answered=self.reporter.answered,
        )

        def go_on(first: StageResult) -> bool:
            return not self.deviations_of(Behaviour(stages=(first.behaviour,)))

        def settle(run: Run, observation: Observation) -> None:
            if not by_forks:
                return
            if oracle.changed:
                self.record(observation, settle_by_features(run, oracle.changed.items(), self.laboratory))
            elif observation.failure is None and not oracle.outgrown and not self.deviations_of(observation.behaviour):
                self.reporter.began(Step.SETTLE)
                names = observation.accepted - certain - self.laboratory.initial
                told = self.reporter.settled
                self.hope(observation, passed_at_the_miss(run, oracle, names & self.hopeful(observation)))
                if not self.stands(observation):
                    names &= run.forks.keys()
                elif names:
                    self.begin_proof(self.wanted(observation))
                names -= self.hoped
                judge = self.judge
                self.record(
                    observation,
                    settle_by_forks(
                        run, oracle, names, laboratory=self.laboratory, judge=judge, told=told, foretold=self.foretold
                    ),
                )

        self.unneeded, self.hoped = set(), frozenset()
        observation = observe_with(self.laboratory, oracle, "trace", go_on=go_on, then=settle)
        self.changed, self.outgrown = oracle.changed, oracle.outgrown
        return observation

    def hopeful(self, trace: Observation) -> set[NormalizedName]:
        """Return what nothing but its own import in *trace* spoke for; what asked for it is no better off."""
        assumed = self.decided.keys() - self.verdicts.keys()
        return {
            name
            for name in trace.accepted - assumed - self.verdicts.keys() - self.hoped_once
            if not any(assumed & set(asked.owners) for asked in trace.asked[name])
        }

    def hope(self, observation: Observation, names: Iterable[NormalizedName]) -> None:
        """Take *names* for unneeded, since the stage that asks passed without each: what comes next tells."""
        self.hoped = frozenset(names)
        self.hoped_once |= self.hoped
        self.record(observation, dict.fromkeys(sorted(self.hoped)))
        for name in sorted(self.hoped):
            self.reporter.settled(name, None)

    def fork_stages(self) -> frozenset[str]:
        """Return the stages whose misses fork at once: where it cannot depend on chance which process asks first."""
        plan = self.laboratory.world.plan
        alone = plan.groups[0].scripts if len(plan.groups) == 1 else ()
        return frozenset(script.stage for script in (*filter(None, [plan.first]), *alone))

    def record(self, observation: Observation, verdicts: Mapping[NormalizedName, Verdict]) -> None:
        """Keep *verdicts* with the question each is for."""
        for name, verdict in verdicts.items():
            if isinstance(verdict, Difference) and (self.wishes.smallest or name in self.wishes.excluded):
                self.degraded[name] = verdict
            elif verdict is not None:
                self.verdicts[name] = observation.answers[name].question, verdict
                continue
            self.unneeded.add(name)

    # What a trace teaches: each lesson is a sentence on why another trace is due.

    def learn(self, trace: Observation) -> str | None:
        """Return why the answers of *trace* cannot stay, ``None`` when they can.

        A void trace teaches nothing else: its failure may come of an answer that changed on the way.
        """
        return self.void() or self.failed(trace) or self.deviates(trace)

    def void(self) -> str | None:
        """A declined distribution is needed, or an extra was taken in: the answers stood on a wrong footing."""
        for name in self.changed:
            self.decided[name] = Decision(accepted=True, reason="needed after all")
        why = _sentence(self.changed, "is needed after all", "are needed after all")
        return why or ("an extra was taken in" if self.outgrown else None)

    def failed(self, trace: Observation) -> str | None:
        """The trace fails and the baseline does not: some no was wrong."""
        if trace.failure is None:
            self.batch, self.guesses = (), 1
            return None
        if self.batch:
            # Each of them can be left out, not all together.
            first, *rest = self.batch
            self.batch = ()
            for name in rest:
                self.decided[name] = Decision(accepted=True, reason=f"needed without {first}")
            return _sentence(rest, f"is needed without {first}", f"are needed without {first}")
        blamed = self.blamed(trace)
        for name in blamed:
            self.decided[name] = Decision(accepted=True, reason="the smoke fails without it")
        return _sentence(blamed, "is needed", "may be needed")

    def blamed(self, trace: Observation) -> list[NormalizedName]:
        """Return the declines that the failures name, or else the latest ones, twice as many each time."""
        blamed = []
        for failure in trace.failures:
            declined = [name for name in failure.declined if name in trace.declined][:1]
            for name in self.wishes.excluded.intersection(declined):
                raise ExcludedNeeded(name, failure.behaviour.stage, failure.behaviour.status)
            if self.wishes.settle == "auto":
                for name in declined:
                    self.record(trace, certificate(name, failure, "trace"))
            blamed += declined
        if blamed:
            return blamed
        self.baseline  # noqa: B018 - where the baseline fails too, that explains more
        latest = sorted(
            trace.declined - self.wishes.excluded, key=lambda name: trace.answers[name].question.order, reverse=True
        )
        if not latest:
            behaviour = trace.failures[0].behaviour
            raise SmokeUnsteady(behaviour.stage, behaviour.status)
        self.guesses *= 2
        return latest[: self.guesses // 2]

    def deviates(self, trace: Observation) -> str | None:
        """The trace behaves differently: bring back the distribution that may make the difference."""
        if trace.failure is not None:
            return None
        found = self.deviations_of(trace.behaviour)
        if self.suspect is not None:
            name, self.suspect = self.suspect, None
            stage, what = self.seen[name].stage, self.seen[name].what
            if (stage, what) in {(each.stage, each.what) for each in found}:
                self.innocent.add((name, stage, what))
                self.take_back(name)
        if not found:
            return None
        self.reporter.began(Step.COMPARE)
        deviation = found[0]
        suspects = self.suspects(trace, deviation)
        if not suspects:
            return self.deviates_jointly(trace, deviation)
        self.suspect = suspects[0]
        self.seen[self.suspect] = deviation
        self.decided[suspects[0]] = Decision(
            accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ without it"
        )
        return f"{deviation.what} of {deviation.stage} differs, {suspects[0]} is tried"

    def deviates_jointly(self, trace: Observation, deviation: Deviation) -> str:
        """No single distribution makes the difference: bring back all of them; settling tells which were needed."""
        if not without_noise([deviation], self.noise()):
            return f"{deviation.what} of {deviation.stage} differs from run to run"
        together = trace.declined - set(self.degraded)
        if not together:
            raise SmokeUnsteady(deviation.stage, sentence(deviation))
        for name in together:
            self.seen[name] = deviation
            self.decided[name] = Decision(accepted=True, reason=f"{deviation.what} of {deviation.stage} may differ")
        return f"{deviation.what} of {deviation.stage} differs, {', '.join(sorted(together))} are tried together"

    def take_back(self, name: NormalizedName) -> None:
        """Let *name* be as if it had never been suspected."""
        del self.seen[name], self.decided[name]
        if name in self.wishes.excluded:
            self.decided[name] = Decision(accepted=False, reason="excluded")

    def suspects(self, trace: Observation, deviation: Deviation) -> list[NormalizedName]:
        """Return the declined distributions that could make *deviation*, the likeliest first.

        Likely is what the text names, then what a file named in the text asked for, then what was declined late.
        """
        text = f"{deviation.first}\n{deviation.second}".lower().replace("-", "_")

        def likelihood(name: NormalizedName) -> tuple[bool, bool, bool, int, str]:
            question = trace.answers[name].question
            asker = question.frames[0].file.partition("/")[0].lower() if question.frames else ""
            named = name.replace("-", "_") in text or question.name.lower() in text
            return not named, question.need is Need.LIST, not asker or asker not in text, -question.order, name

        candidates = trace.declined - set(self.degraded)
        return sorted(
            (name for name in candidates if (name, deviation.stage, deviation.what) not in self.innocent),
            key=likelihood,
        )

    # What forks did not settle, and the end.

    def settle(self, trace: Observation) -> str | None:
        """Try in runs of their own what has no verdict yet; return why another trace is due, ``None`` at the end."""
        if not self.stands(trace):
            return self.leave_out()
        self.reporter.began(Step.SETTLE)
        unsettled = trace.accepted - self.laboratory.initial - self.settled(trace) - self.unneeded
        self.record(trace, settle_by_runs(self.laboratory, trace, unsettled, self.judge, self.reporter.settled))
        if not self.stands(trace):
            return self.leave_out()
        self.spared |= self.unneeded - set(self.degraded)
        return None

    def leave_out(self) -> str | None:
        """Decide what is unneeded as no."""
        self.spared |= self.unneeded - set(self.degraded)
        # What frees most comes first: it stays out when not all of them can.
        size = self.laboratory.closure.bytes
        self.batch = tuple(sorted(self.unneeded, key=lambda name: (-size(name), name)))
        for name in self.batch:
            reason = "excluded" if name in self.wishes.excluded else "the smoke passes without it"
            self.decided[name] = Decision(accepted=False, reason=reason)
        return _sentence(self.batch, "can be left out", "can be left out")

    def settled(self, trace: Observation) -> set[NormalizedName]:
        """Return what has a verdict that still holds: it was asked for in the same place."""
        return {
            name
            for name, (question, _) in self.verdicts.items()
            if name in trace.accepted and trace.answers[name].question == question
        }

    def stands(self, trace: Observation) -> bool:
        """Whether all other answers of *trace* stand when what it did not need is taken away.

        That is so for a single distribution through which nothing else was asked for: the run that passed without it
        was one on the very set that remains.
        """
        if not self.unneeded:
            return True
        return len(self.unneeded) == 1 and not any(
            self.unneeded.intersection(filter(None, asked.owners))
            for name in trace.accepted - self.unneeded
            for asked in trace.asked[name]
        )

    def prove(self, trace: Observation) -> tuple[Observation, Observation]:
        """Run the smoke on the set alone; return *trace* and the proof.

        Raises ``ProofFailed`` unless the smoke behaves as on the baseline, ``SmokeUnsteady`` where another run of the
        set does otherwise.
        """
        self.reporter.began(Step.PROVE)
        wanted = self.wanted(trace)
        names, begun = self.proof_to_be or (wanted, None)
        if begun is None or names != wanted:
            begun = self.begin_proof(wanted)
        proof = begun.result()
        wrong = self.wrong(proof)
        if wrong and self.hoped:
            # Nothing but hope said that these can be left out.
            doubtful, self.hoped = self.hoped, frozenset()
            self.unneeded -= doubtful
            told = self.reporter.settled
            self.record(trace, settle_by_runs(self.laboratory, trace, doubtful, self.judge, told))
            return self.prove(trace)
        if wrong:
            for deviation in deviations(proof.behaviour, self.begin_proof(wanted).result().behaviour):
                if without_noise([deviation], self.noise()):
                    raise SmokeUnsteady(deviation.stage, f"two runs of one set: {sentence(deviation)}")
            raise ProofFailed("the lock", wrong)
        return trace, proof

    def wanted(self, trace: Observation) -> frozenset[NormalizedName]:
        """Return the set that *trace* stands for."""
        return (trace.accepted - self.unneeded) | self.laboratory.initial

    def begin_proof(self, wanted: frozenset[NormalizedName]) -> Future[Observation]:
        """Begin a run on *wanted* alone: beside the settling, which seldom finds that it should be another set."""
        self.proofs += 1
        begun = self.pool.submit(observe_installed, self.laboratory, wanted, f"proof-{self.proofs}")
        self.proof_to_be = wanted, begun
        return begun

    def wrong(self, proof: Observation) -> list[str]:
        """Return how *proof* is not as the baseline was, a sentence each."""
        if proof.failure is not None:
            behaviour = proof.failure.behaviour
            return [f"{behaviour.stage} fails: {behaviour.status}"]
        found = self.deviations_of(proof.behaviour)
        return list(map(sentence, without_noise(found, self.noise()))) if found else []

    def minimum(self, trace: Observation, proof: Observation) -> Minimum:
        """Put together what was found."""
        found: dict[NormalizedName, Evidence] = {
            **{name: self.verdicts[name][1] for name in self.settled(trace) - self.unneeded},
            **self.wishes.requested,
        }
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


def _baseline_failure(observation: Observation, failure: StageResult, limit: float) -> BaselineFailure:
    stage = failure.behaviour.stage
    for asked in observation.unanswered:
        if asked.question.name in failure.missing:
            frame = asked.question.frames[0] if asked.question.frames else None
            importer = f"{frame.file}:{frame.line}" if frame else "the smoke"
            return ModuleNotOffered(asked.question.name, importer, stage)
    if failure.ended == "timeout":
        return SmokeNeverEnds(stage, limit)
    return SmokeFails(stage, failure.behaviour.status, failure.traceback)
