"""Find by runs in environments what no trace shows: what a set lacks, and what it does not need."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from packaging.utils import NormalizedName

from minreq.errors import ExcludedIsNeeded, SmokeNotDeterministic
from minreq.minimize.compare import (
    Deviation,
    concerns_order,
    concerns_varying_lines,
    describe,
    differs_in_numbers,
)
from minreq.minimize.noise import drop_noisy_kinds
from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.reference import Reference
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.settle import Verdict, difference_evidence, names_missing_module
from minreq.minimize.suspects import Suspects, text_of_deviation
from minreq.minimize.userchoices import UserChoices
from minreq.minimize.verdicts import Verdicts
from minreq.minimize.volatiletext import normalize_text
from minreq.model import Behaviour, Difference, Evidence, Failure
from minreq.reporting import Reporter
from minreq.smoke.results import StageResult

#: The stages whose groups run.
Stages = frozenset[str]
EVERY_STAGE: Stages = frozenset()


@dataclass(slots=True, kw_only=True)
class EnvironmentRuns:
    """The runs of one search in environments; each set runs once."""

    runner: SmokeRunner
    pool: Executor
    _runs: dict[tuple[frozenset[NormalizedName], Stages, tuple[str, ...]], Future[Observation]] = field(
        default_factory=dict, init=False
    )
    _count: int = field(default=0, init=False)

    def start(
        self, names: frozenset[NormalizedName], stages: Stages = EVERY_STAGE, *, hidden: tuple[str, ...] = ()
    ) -> Future[Observation]:
        """Return the run on *names*; start it in a thread of the pool if there is none.

        Only the groups of *stages* run. The run does not see the files of the machine of the kinds *hidden*.
        """
        if (names, EVERY_STAGE, hidden) in self._runs or self._have_all_groups(stages):
            stages = EVERY_STAGE
        if (names, stages, hidden) not in self._runs:
            self._runs[names, stages, hidden] = self.repeat(names, stages, hidden=hidden)
        return self._runs[names, stages, hidden]

    def restart(self, names: frozenset[NormalizedName]) -> None:
        """Start another run on *names*; from now on it is the run on them."""
        self._runs[names, EVERY_STAGE, ()] = self.repeat(names)

    def _have_all_groups(self, stages: Stages) -> bool:
        """Whether the groups of *stages* are the whole plan."""
        plan = self.runner.setup.plan
        return plan.groups_with(stages) == plan.groups

    def repeat(
        self, names: frozenset[NormalizedName], stages: Stages = EVERY_STAGE, *, hidden: tuple[str, ...] = ()
    ) -> Future[Observation]:
        """Start another run on *names*."""
        self._count += 1
        runner, plan = self.runner.hiding(hidden), self.runner.setup.plan
        if stages:
            runner = runner.with_plan(replace(plan, groups=plan.groups_with(stages)))
        return self.pool.submit(observe_environment, runner, names, f"proof-{self._count}")


#: In so many more runs on a set another order of lines has to come, and another word beside one that varies.
_CHANCE_REPETITIONS = 3
#: So often may numbers or times of a run on a set not come again before their kind is noise.
_MOST_RESTARTS = 3

_NO_STAGES: Mapping[NormalizedName, Stages] = MappingProxyType({})

#: What a run on a set did otherwise than the reference: a stage failed, or deviated.
Fault = StageResult | Deviation


def _is_often_chance(fault: Fault | None) -> bool:
    """Whether one more run is too few to tell *fault* from chance, which often has but two values to choose from."""
    return isinstance(fault, Deviation) and (concerns_order(fault.what) or concerns_varying_lines(fault.what))


def _stages_of(fault: Fault) -> Stages:
    return frozenset({stage_of(fault)})


def stage_of(fault: Fault) -> str:
    """Return the stage of *fault*."""
    return fault.stage if isinstance(fault, Deviation) else fault.behaviour.stage


def _describe(fault: Fault) -> str:
    return describe(fault) if isinstance(fault, Deviation) else fault.behaviour.status


def _text(fault: Fault) -> str:
    """Return all that a run shows about *fault*."""
    if isinstance(fault, Deviation):
        return text_of_deviation(fault)
    return f"{fault.behaviour.status}\n{fault.traceback}"


def _evidence(name: NormalizedName, fault: Fault, hidden: tuple[str, ...] = ()) -> Failure | Difference:
    """Return *fault* as the evidence for *name*, which a run went without, and without files of these kinds."""
    if isinstance(fault, Deviation):
        return replace(difference_evidence(name, fault), hidden=hidden)
    behaviour = fault.behaviour
    return Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="run", hidden=hidden)


def find_again(fault: Fault, others: Iterable[Fault]) -> Fault | None:
    """Return the one of *others*, the faults of another run, that shows *fault* again or hides it."""
    return next((each for each in others if _shows(each, fault)), None)


def _shows(other: Fault, fault: Fault) -> bool:
    if isinstance(fault, Deviation):
        # A run that fails does not show what it would do otherwise.
        return not isinstance(other, Deviation) or (other.stage, other.what) == (fault.stage, fault.what)
    if isinstance(other, Deviation):
        return False
    first, second = fault.behaviour, other.behaviour
    return (first.stage, normalize_text(first.status)) == (second.stage, normalize_text(second.status))


@dataclass(slots=True, kw_only=True)
class EnvironmentSearch:
    """A search that decides by runs in environments alone; it needs no trace, and takes more runs.

    The reference has all distributions and no fault. So what a set lacks is among the others: it is found by adding
    more and more of them, the likeliest first.
    """

    runner: SmokeRunner
    reference: Reference
    choices: UserChoices
    verdicts: Verdicts
    reporter: Reporter
    runs: EnvironmentRuns
    #: What the search found to be needed.
    evidence: dict[NormalizedName, Evidence] = field(default_factory=dict, init=False)
    #: By set: what the trace did that found it.
    behaviour_of_trace: dict[frozenset[NormalizedName], Behaviour] = field(default_factory=dict, init=False)
    #: What only one of several runs on a set did: lines in another order, other words or numbers.
    occasional_noise: list[Deviation] = field(default_factory=list, init=False)
    #: How often a run on a set was started again.
    _restarts: int = field(default=0, init=False)

    def complete(
        self,
        names: frozenset[NormalizedName],
        likely: Collection[NormalizedName] = (),
        seen: Collection[Fault] = (),
    ) -> frozenset[NormalizedName]:
        """Return *names* with what has to be added so that the smoke behaves as in the reference.

        *likely* are tried before others of the same suspicion. *seen* is what another run on *names* did. Raises
        ``SmokeNotDeterministic`` where two runs of one set differ in more than order, ``ExcludedIsNeeded`` where the
        smoke fails without what the user excluded.
        """
        is_checked = False
        while True:
            faults = self.find_faults(names)
            if not faults:
                return names
            fault = faults[0]
            is_checked = is_checked or find_again(fault, seen) is not None
            candidates = self._order_candidates(names, fault, likely)
            if candidates:
                # Beside the check: it is needed if the check passes.
                self.runs.start(names | {candidates[0]}, _stages_of(fault))
            if not is_checked or _is_often_chance(fault):
                if not self._check_repeats(names, fault):
                    continue
                is_checked = True
            name, last = self._find_needed(names, fault, candidates)
            names = self._keep(names, name, _evidence(name, last))

    def reduce(
        self,
        names: frozenset[NormalizedName],
        doubtful: Collection[NormalizedName],
        stages_of: Mapping[NormalizedName, Stages] = _NO_STAGES,
    ) -> frozenset[NormalizedName]:
        """Leave out each of *doubtful* once; return *names* without those that the smoke does not need.

        *stages_of* has the stages that may need a distribution, where others are known not to.
        """
        waiting = frozenset(doubtful) & names
        while waiting:
            found = self._settle(names, waiting, stages_of)
            kept = {name: verdict for name, verdict in found.items() if verdict is not None and self.keeps(verdict)}
            self.evidence.update(kept)
            gone = waiting - kept.keys()
            for name in gone:
                self.evidence.pop(name, None)
                self._accept_difference(name, found[name])
            if not gone:
                return names
            self.verdicts.passed_without |= {name for name in gone if found[name] is None}
            names = self.complete(names - gone, likely=gone)
            self.verdicts.passed_without -= names
            # What is left out now may have caused a difference that another distribution was kept for.
            waiting = frozenset(
                name for name in names & self.evidence.keys() if isinstance(self.evidence[name], Difference)
            ) - (gone & names)
        return names

    def _settle(
        self,
        names: frozenset[NormalizedName],
        waiting: Collection[NormalizedName],
        stages_of: Mapping[NormalizedName, Stages],
    ) -> dict[NormalizedName, Verdict]:
        """Return the verdict on each of *waiting* by a run on the other *names*."""
        stages = {name: stages_of.get(name, EVERY_STAGE) for name in waiting}
        for name in sorted(waiting):
            self.runs.start(names - {name}, stages[name])
        verdicts: dict[NormalizedName, Verdict] = {}
        for name in sorted(waiting):
            faults = self._faults(names - {name}, self.runs.start(names - {name}, stages[name]).result())
            fault = faults[0] if faults else None
            is_unclear = isinstance(fault, StageResult) and not names_missing_module(self.runner, fault, name)
            if is_unclear or _is_often_chance(fault):
                # A failure of an unknown cause counts when it comes again, and so does another order.
                faults = self._faults(names - {name}, self.runs.repeat(names - {name}, stages[name]).result())
            verdicts[name] = _evidence(name, faults[0]) if faults else None
            self.reporter.settled(name, verdicts[name])
        return verdicts

    def keeps(self, evidence: Evidence) -> bool:
        """Whether *evidence* keeps a distribution."""
        return not (isinstance(evidence, Difference) and self._accepts_difference(evidence.distribution))

    def _accepts_difference(self, name: NormalizedName) -> bool:
        """Whether the smoke may behave differently without *name*."""
        return self.choices.smallest or name in self.choices.excluded

    def _accept_difference(self, name: NormalizedName, difference: Verdict) -> None:
        """Accept *difference* if there is one: from now on it is no fault."""
        if isinstance(difference, Difference):
            if name in self.verdicts.degraded:
                self.verdicts.other_accepted_differences.append(difference)
            else:
                self.verdicts.degraded[name] = difference

    def _keep(
        self, names: frozenset[NormalizedName], name: NormalizedName, evidence: Failure | Difference
    ) -> frozenset[NormalizedName]:
        """Return *names* with *name*, or accept the difference where the user does."""
        if not self.keeps(evidence):
            self._accept_difference(name, evidence)
            return names
        if name in self.choices.excluded and isinstance(evidence, Failure):
            raise ExcludedIsNeeded(name, evidence.stage, evidence.error)
        self.verdicts.degraded.pop(name, None)
        self.evidence[name] = evidence
        self.reporter.settled(name, evidence)
        return names | {name}

    def find_faults(
        self, names: frozenset[NormalizedName], stages: Stages = EVERY_STAGE, *, hidden: tuple[str, ...] = ()
    ) -> tuple[Fault, ...]:
        """Return what the run on *names* did otherwise than the reference, see `EnvironmentRuns.start`."""
        return self._faults(names, self.runs.start(names, stages, hidden=hidden).result())

    def repeats(self, fault: Fault, names: frozenset[NormalizedName], hidden: tuple[str, ...] = ()) -> bool:
        """Whether *fault* comes in another run on *names*, too."""
        again = self._faults(names, self.runs.repeat(names, _stages_of(fault), hidden=hidden).result())
        return find_again(fault, again) is not None

    def find_supplier(
        self, names: frozenset[NormalizedName], fault: Fault, hidden: tuple[str, ...]
    ) -> Failure | Difference | None:
        """Return the evidence for a distribution without which *names* have *fault*, if a run hides files of a machine.

        ``None`` where the whole closure has the *fault* then, too.
        """
        if find_again(fault, self.find_faults(self.reference.names, _stages_of(fault), hidden=hidden)) is not None:
            return None
        name, last = self._find_needed(names, fault, self._order_candidates(names, fault, ()), hidden)
        return _evidence(name, last, hidden)

    def _faults(self, names: frozenset[NormalizedName], run: Observation) -> tuple[Fault, ...]:
        """Return what *run*, on *names*, did otherwise than the reference; of a failed run only the failure counts."""
        if run.failure is not None:
            return (run.failure,)
        accepted = self.verdicts.accepted_differences
        found = self.reference.compare_environment(run.behaviour, accepted)
        return drop_noisy_kinds(found, self.occasional_noise) or self.reference.compare_volatile_text(
            run.behaviour, self.behaviour_of_trace.get(names), accepted
        )

    def _check_repeats(self, names: frozenset[NormalizedName], fault: Fault) -> bool:
        """Whether *fault* comes in another run on *names*, too.

        Another order, and other words beside one that varies, have to come in several runs; else they are noise from
        now on. Other numbers and times that do not come again are noise of this run: there is another one then. Raises
        ``SmokeNotDeterministic`` where any other fault does not come again.
        """
        is_often_chance = _is_often_chance(fault)
        for _ in range(_CHANCE_REPETITIONS if is_often_chance else 1):
            if self.repeats(fault, names):
                continue
            if not isinstance(fault, Deviation) or not (is_often_chance or differs_in_numbers(fault)):
                raise SmokeNotDeterministic(stage_of(fault), f"two runs of one set: {_describe(fault)}")
            if is_often_chance or self._restarts == _MOST_RESTARTS:
                self.occasional_noise.append(fault)
            else:
                self._restarts += 1
                self.runs.restart(names)
            return False
        return True

    def _order_candidates(
        self, names: frozenset[NormalizedName], fault: Fault, likely: Collection[NormalizedName]
    ) -> list[NormalizedName]:
        """Return what *names* lack, the likeliest first; what the user excluded is the last resort."""
        absent = self.reference.names - names
        missing = () if isinstance(fault, Deviation) else fault.missing_modules
        suspects = Suspects(self.runner, names, likely)
        return [
            *suspects.order(absent - self.choices.excluded, _text(fault), missing),
            *sorted(absent & self.choices.excluded),
        ]

    def _find_needed(
        self,
        names: frozenset[NormalizedName],
        fault: Fault,
        candidates: Sequence[NormalizedName],
        hidden: tuple[str, ...] = (),
    ) -> tuple[NormalizedName, Fault]:
        """Return the one of *candidates* that *fault* comes without, and the fault in a run that lacks no other one.

        With all of them there is no fault: that is the reference.
        """
        if not candidates:
            raise SmokeNotDeterministic(stage_of(fault), _describe(fault))
        low, high, last = 0, 1, fault
        while high < len(candidates) and (seen := self._observe_again(fault, names, candidates[:high], hidden)):
            low, high, last = high, min(high * 2, len(candidates)), seen
        while high - low > 1:
            middle = (low + high) // 2
            seen = self._observe_again(fault, names, candidates[:middle], hidden)
            if seen:
                low, last = middle, seen
            else:
                high = middle
        return candidates[high - 1], last

    def _observe_again(
        self, fault: Fault, names: frozenset[NormalizedName], more: Sequence[NormalizedName], hidden: tuple[str, ...]
    ) -> Fault | None:
        """Return *fault* as a run on *names* and *more* shows it; ``None`` where it does not."""
        return find_again(fault, self.find_faults(names.union(more), _stages_of(fault), hidden=hidden))
