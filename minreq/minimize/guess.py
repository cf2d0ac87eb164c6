"""Guess from an earlier lock what the traces of the next one would find out, and check the guess.

A guess decides only what the first trace accepts. It counts if that trace, its forks and the reference show that the
traces that it saves would have led to the same answers; else everything that followed from it is dropped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation, find_deviations, split_numbers
from minreq.minimize.observe import Observation
from minreq.minimize.settle import failure_evidence
from minreq.minimize.suspects import normalize_spelling, text_of_deviation
from minreq.minimize.trace import TracedQuestion, TraceQuestionHandler
from minreq.model import Behaviour, Difference, Failure, Kept, LeftOut, Lock, Selection
from minreq.smoke.results import StageResult
from minreq.smoke.run import FORK_TIMEOUT, Run

#: The reason that a lock has for what a run passed without.
_PASSED = "passed without it"


class GuessRefuted(Exception):
    """The first trace does not show what was guessed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What a trace should accept although the code seems to do without it."""

    #: Without them the first stage fails.
    failing: frozenset[NormalizedName] = frozenset()
    #: Without them the first stage behaves differently, and how.
    differing: Mapping[NormalizedName, Deviation] = field(default_factory=dict)
    #: Code that the reference loads imports them without a handler.
    hinted: frozenset[NormalizedName] = frozenset()
    #: The extras that the reference needs: ``litellm[mcp]``.
    extras: frozenset[str] = frozenset()

    @property
    def names(self) -> frozenset[NormalizedName]:
        """All of them."""
        return self.failing | self.differing.keys() | self.hinted


def read_guess(lock: Lock) -> Guess | None:
    """Return what the evidence of *lock* lets expect of the next one; ``None`` where noise would hide it."""
    found = None if lock.noise else guess_from(lock.selection, lock.stages[0])
    return found and replace(found, extras=frozenset(lock.resolution.extras.values()))


def guess_from(selection: Selection, first_stage: str) -> Guess | None:
    """Return what *selection* lets expect of the next one, if the smoke begins with *first_stage*.

    ``None`` where no first trace could show it: a difference is in a feature, or names nothing.
    """
    failing, hinted, differing = set(), set(), {}
    members: tuple[Kept | LeftOut, ...] = (*selection.kept, *selection.left_out)
    for each in members:
        if not _was_optional(each):
            continue
        name = each.candidate.name
        match each.evidence if isinstance(each, Kept) else None:
            case Failure(method="trace"):
                failing.add(name)
            case Difference() as found:
                differing[name] = Deviation(
                    stage=found.stage, what=found.what, first=found.with_it, second=found.without_it
                )
            case Failure():
                hinted.add(name)
            case None if isinstance(each, LeftOut) and each.reason == _PASSED:
                hinted.add(name)
    for name, deviation in differing.items():
        # Only numbers differ: runs with other clocks would have told whether that is noise.
        is_of_numbers = split_numbers(deviation)[0] is not None
        if deviation.stage != first_stage or is_of_numbers or not _names(name, deviation):
            return None
    return Guess(failing=frozenset(failing), differing=differing, hinted=frozenset(hinted))


def _was_optional(member: Kept | LeftOut) -> bool:
    """Whether the code that asked first for *member* seemed to do without it."""
    question = member.question
    return question is not None and any(
        asker.why_optional is not None
        and (asker.need, asker.name) == (question.need, question.name)
        and asker.frame in question.frames
        for asker in member.askers
    )


def _names(name: NormalizedName, deviation: Deviation) -> bool:
    return normalize_spelling(name) in normalize_spelling(text_of_deviation(deviation))


@dataclass(frozen=True, slots=True)
class GuessCheck:
    """What the first trace shows of a guess. The forks at its misses stand for the traces that it saves."""

    guess: Guess
    _: KW_ONLY
    run: Run
    handler: TraceQuestionHandler
    trace: Observation
    #: What the reference does.
    expected: Behaviour

    def confirms(self, decided: Collection[NormalizedName]) -> bool:
        """Whether the guess is right.

        *decided* is what would be decided after the first stage and the reference: what fails, what differs, and the
        hints. What nothing asked for is no part of an answer.
        """
        for fork in self.run.miss_forks.values():
            fork.result.result(FORK_TIMEOUT * 2)
        asked = frozenset(self.trace.answers)
        by_forks = asked.union(*map(self.handler.names_asked_without, asked)) - asked
        guessed, more = self.guess.names & asked, set(decided) - self.guess.names
        return (
            not find_deviations(self.expected, self.trace.behaviour)
            and guessed <= set(decided)
            and by_forks.isdisjoint(more)
            and not (by_forks and more & asked)
            and all(self._would_change_nothing(name) for name in sorted(more & asked))
            and all(self._holds(name) for name in sorted(guessed))
        )

    def failures(self) -> Iterator[tuple[NormalizedName, Failure]]:
        """Yield the evidence for what the first stage fails without: a trace that declines it is what the fork was."""
        for name in sorted(self.guess.failing & self.trace.answers.keys()):
            for verdict in failure_evidence(name, self._fork(name), "trace").values():
                if isinstance(verdict, Failure):
                    yield name, verdict

    def _holds(self, name: NormalizedName) -> bool:
        """Whether *name* is what the guess says: a trace would decline it first, and then do as its fork did."""
        first = self._first_question(name)
        if first.why_optional is None:
            return False
        if first.question.stage != self.expected.stages[0].stage:
            return name in self.guess.hinted
        if name not in self.run.miss_forks or not self.handler.answers_agree_without(name):
            return False
        result = self._fork(name)
        expected = self.expected.in_stages({result.behaviour.stage})
        deviations = find_deviations(expected, Behaviour(stages=(result.behaviour,)))
        others = self.handler.names_asked_without(name)
        if name in self.guess.failing:
            # The first cause is what a trace would blame. Other guesses would not have been accepted yet.
            is_blamed = result.declined[:1] == (name,) and result.ended_by == "itself"
            return is_blamed and others.isdisjoint(self.guess.names)
        if name in self.guess.differing:
            known = self.guess.differing[name]
            is_only = not any(_names(other, known) for other in (others | self.trace.declined) - {name})
            return deviations[:1] == (known,) and is_only and others <= self.trace.answers.keys()
        return not deviations

    def _would_change_nothing(self, name: NormalizedName) -> bool:
        """Whether the trace would have been the same if *name*, which it accepted, had been decided to be accepted.

        A handler around its import then makes nothing optional that it asks for.
        """
        traced = (each for questions in self.trace.questions.values() for each in questions)
        is_handled = any(each.why_optional is not None and name in each.owners for each in traced)
        return self._first_question(name).why_optional is None and not is_handled

    def _first_question(self, name: NormalizedName) -> TracedQuestion:
        question = self.trace.answers[name].question
        return next(each for each in self.trace.questions[name] if each.question == question)

    def _fork(self, name: NormalizedName) -> StageResult:
        return self.run.miss_forks[name].result.result(FORK_TIMEOUT * 2)
