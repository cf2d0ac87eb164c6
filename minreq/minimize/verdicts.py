"""The verdicts that have fallen: what each yes of a trace is kept for, and what it turned out not to need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation
from minreq.minimize.settle import Verdict
from minreq.minimize.wishes import Wishes
from minreq.model import Difference, Evidence, Failure, Question


@dataclass(slots=True, kw_only=True)
class Verdicts:
    """What is known of each distribution; the last three are about the trace at hand."""

    wishes: Wishes
    #: By distribution, each with the first question it holds for.
    evidence: dict[NormalizedName, tuple[Question, Evidence]] = field(default_factory=dict)
    #: Left out although the smoke then behaves differently.
    degraded: dict[NormalizedName, Difference] = field(default_factory=dict)
    #: What else differs once all of those are left out, and nothing else explains.
    tolerated: list[Difference] = field(default_factory=list)
    #: Left out: the smoke passed, and behaved the same.
    spared: set[NormalizedName] = field(default_factory=set)
    #: What the trace at hand has, and does not need.
    unneeded: set[NormalizedName] = field(default_factory=set)
    #: Those of them without which nothing but forks passed, and all that were such before: nobody hopes twice.
    hoped: frozenset[NormalizedName] = frozenset()
    hoped_once: frozenset[NormalizedName] = frozenset()

    def begin(self) -> None:
        """Begin with another trace."""
        self.unneeded, self.hoped = set(), frozenset()

    def record(self, trace: Observation, verdicts: Mapping[NormalizedName, Verdict]) -> None:
        """Keep *verdicts* with the question of *trace* that each is for."""
        for name, verdict in verdicts.items():
            if isinstance(verdict, Difference) and (self.wishes.smallest or name in self.wishes.excluded):
                self.degraded[name] = verdict
            elif verdict is not None:
                self.evidence[name] = _place(trace.answers[name].question), verdict
                continue
            self.unneeded.add(name)

    def hope(self, trace: Observation, names: Iterable[NormalizedName]) -> None:
        """Take *names* for unneeded, since forks passed without each: what comes next tells. Nobody hopes twice."""
        hoped = frozenset(names) - self.hoped_once
        self.hoped |= hoped
        self.hoped_once |= hoped
        self.record(trace, dict.fromkeys(sorted(hoped)))

    def doubt(self) -> frozenset[NormalizedName]:
        """Take back all that was only hoped; return it."""
        doubtful, self.hoped = self.hoped, frozenset()
        self.unneeded -= doubtful
        return doubtful

    def forget_differences(self) -> None:
        """Let each be looked for again, since something is left out: it may have differed only beside that."""
        self.evidence = {name: found for name, found in self.evidence.items() if isinstance(found[1], Failure)}

    @property
    def accepted(self) -> tuple[Difference, ...]:
        """The differences that are no reason to keep anything."""
        return (*self.degraded.values(), *self.tolerated)

    def spare(self) -> None:
        """Note what the trace at hand does not need, and nobody would miss."""
        self.spared |= self.unneeded - set(self.degraded)

    def settled(self, trace: Observation) -> set[NormalizedName]:
        """Return what has a verdict that still holds in *trace*: it was asked for in the same place."""
        return {
            name
            for name, (question, _) in self.evidence.items()
            if name in trace.accepted and _place(trace.answers[name].question) == question
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


def _place(question: Question) -> Question:
    """Return what was asked for and where; not when, as less is asked for before it once something is left out."""
    return replace(question, order=0)
