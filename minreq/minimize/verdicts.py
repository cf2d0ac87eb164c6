"""Collect the verdicts: why each distribution is kept, and which ones the smoke does not need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.minimize.settle import Verdict
from minreq.minimize.userchoices import UserChoices
from minreq.model import Difference, Evidence, Failure, Question


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """The verdicts so far; `unneeded` and `unconfirmed` are about the current trace."""

    choices: UserChoices
    #: By distribution: the evidence, and the first question that it holds for.
    evidence: dict[NormalizedName, tuple[Question, Evidence]] = field(default_factory=dict)
    #: Left out although the smoke then behaves differently.
    degraded: dict[NormalizedName, Difference] = field(default_factory=dict)
    #: What also differs when all of those are left out; no other distribution explains it.
    other_accepted_differences: list[Difference] = field(default_factory=list)
    #: Left out: the smoke passed and behaved the same.
    passed_without: set[NormalizedName] = field(default_factory=set)
    #: What the current trace has and does not need.
    unneeded: set[NormalizedName] = field(default_factory=set)
    #: Those of them without which only forks passed; and all that were unconfirmed in any trace, since a distribution
    #: is taken for unneeded without confirmation only once.
    unconfirmed: frozenset[NormalizedName] = frozenset()
    ever_unconfirmed: frozenset[NormalizedName] = frozenset()

    def start_trace(self) -> None:
        """Start with a new trace."""
        self.unneeded, self.unconfirmed = set(), frozenset()

    def record(self, trace: Observation, verdicts: Mapping[NormalizedName, Verdict]) -> None:
        """Add *verdicts*, each with the question of *trace* that it holds for."""
        for name, verdict in verdicts.items():
            if isinstance(verdict, Difference) and (self.choices.smallest or name in self.choices.excluded):
                self.degraded[name] = verdict
            elif verdict is not None:
                self.evidence[name] = _without_order(trace.answers[name].question), verdict
                continue
            self.unneeded.add(name)

    def record_unconfirmed(self, trace: Observation, names: Iterable[NormalizedName]) -> None:
        """Take *names* for unneeded because forks passed without each; a later run confirms that or not."""
        unconfirmed = frozenset(names) - self.ever_unconfirmed
        self.unconfirmed |= unconfirmed
        self.ever_unconfirmed |= unconfirmed
        self.record(trace, dict.fromkeys(sorted(unconfirmed)))

    def forget_differences(self) -> None:
        """Drop all differences: something is left out now that may have caused them, so they are looked for again."""
        self.evidence = {name: found for name, found in self.evidence.items() if isinstance(found[1], Failure)}

    def names_that_fail(self) -> frozenset[NormalizedName]:
        """Return the distributions that minreq's own exception showed to be needed, in whatever set."""
        return frozenset(
            name for name, (_, found) in self.evidence.items() if isinstance(found, Failure) and found.method != "run"
        )

    @property
    def accepted_differences(self) -> tuple[Difference, ...]:
        """The differences that keep no distribution."""
        return (*self.degraded.values(), *self.other_accepted_differences)

    def confirm_unneeded(self) -> None:
        """Record as passed without: what the current trace does not need and what makes no difference."""
        self.passed_without |= self.unneeded - set(self.degraded)

    def find_settled_names(self, trace: Observation) -> set[NormalizedName]:
        """Return the distributions whose evidence still holds in *trace*: it asked for them at the same place."""
        return {
            name
            for name, (question, _) in self.evidence.items()
            if name in trace.accepted and _without_order(trace.answers[name].question) == question
        }

    def remain_valid_in(self, trace: Observation) -> bool:
        """Whether all other answers of *trace* hold when its unneeded distributions are left out.

        They hold for a single distribution that asked for nothing else: the run that passed without it was a run on
        exactly the set that remains.
        """
        if not self.unneeded:
            return True
        return len(self.unneeded) == 1 and not any(
            self.unneeded.intersection(filter(None, traced.owners))
            for name in trace.accepted - self.unneeded
            for traced in trace.questions[name]
        )


def _without_order(question: Question) -> Question:
    """Return *question* without its order, which changes when other distributions are left out."""
    return replace(question, order=0)
