"""The oracle of a run in which each provider has answers of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from packaging.utils import NormalizedName

from minreq.errors import BrokenWheel, HashMismatch, HashMissing, HostileWheel
from minreq.minimize.observe import Laboratory
from minreq.minimize.trace import Asked, Decision, Trace
from minreq.model import Failure, Question
from minreq.smoke.oracle import Listed, Reply
from minreq.smoke.places import Places
from minreq.source.handlers import frames_of_import

#: A distribution, and a place in code that asks for it.
Asking = tuple[NormalizedName, tuple[object, ...]]

#: What can be wrong with a wheel itself; where no wheel can be had, none can for the others either.
_UNUSABLE = (BrokenWheel, HashMismatch, HashMissing, HostileWheel)


class Groups:
    """The oracle of a run in which each group has answers of its own."""

    def __init__(self, laboratory: Laboratory, declined: frozenset[NormalizedName]) -> None:
        self.laboratory = laboratory
        #: What the first stage asked for and does without.
        self.declined = declined
        self._places: Places | None = None
        self._initial: frozenset[NormalizedName] = frozenset()
        self._traces: dict[str, Trace] = {}
        self._first = Trace(laboratory.closure, {name: Decision(accepted=False, reason="") for name in declined})
        #: By group, why a wheel that it asked for is not to be had.
        self.refused: dict[str, str] = {}
        #: Failures for want of a distribution, by the place in code that asked with everything on the stack: where that
        #: is the same and nothing on it catches the absence, another provider fails as this one did.
        self.certified: dict[Asking, Failure] = {}
        #: What was declined and made no difference to a provider, by the place in code up to the function that led to
        #: it: a module is run once, and does the same whoever leads to it first.
        self.harmless: set[Asking] = set()
        self._turns = threading.Condition()
        self._tried: set[NormalizedName] = set()

    @contextmanager
    def turn(self, names: Iterable[NormalizedName]) -> Iterator[NormalizedName]:
        """Wait for one of *names* that no other group tries: what is learned of it may spare the others their runs."""
        with self._turns:
            while not (free := [name for name in names if name not in self._tried]):
                self._turns.wait()
            name = free[0]
            self._tried.add(name)
        try:
            yield name
        finally:
            with self._turns:
                self._tried.remove(name)
                self._turns.notify_all()

    def bind(self, places: Places, initial: frozenset[NormalizedName]) -> None:
        """Take the names of places from the run, in which *initial* is importable from the start."""
        self._places, self._initial = places, initial
        self._first.bind(places, initial)

    def begin(self, group: str, decided: Mapping[NormalizedName, Decision], *, eager: bool = False) -> Trace:
        """Answer *group* anew from now on."""
        trace = Trace(self.laboratory.closure, decided, eager=eager)
        if self._places is not None:
            trace.bind(self._places, self._initial)
        self._traces[group] = trace
        return trace

    def trace(self, group: str) -> Trace:
        """Return what answers *group*."""
        return self._traces[group]

    def go_on(self, group: str, trace: Trace) -> None:
        """Answer *group* with *trace* again."""
        self._traces[group] = trace

    def ask(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        quiet: bool,
    ) -> Reply:
        """Answer as the trace of the group does whose stage asks; a wheel that is refused concerns that group alone."""
        group, oracle = self._answering(question)
        try:
            return oracle.ask(question, owners=owners, without=without, quiet=quiet)
        except _UNUSABLE as error:
            self.refused[group] = str(error)
            return Reply(answer="unknown")

    def enumerate(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[Listed, ...]:
        """List what the trace of the group does whose stage asks."""
        _, oracle = self._answering(question)
        return oracle.enumerate(question, owners=owners, without=without)

    def _answering(self, question: Question) -> tuple[str, Trace]:
        """Return the group whose stage asks, and what answers it."""
        group, slash, _ = question.stage.partition("/")
        return group, self._traces[group] if slash else self._first


def stack(asked: Asked) -> tuple[object, ...]:
    """Where a question was asked, with everything that was on the stack."""
    question = asked.question
    return question.need, question.name, question.frames


def place(asked: Asked) -> tuple[object, ...]:
    """Where a question was asked, up to the first function."""
    question = asked.question
    return question.need, question.name, tuple(frames_of_import(question.frames))
