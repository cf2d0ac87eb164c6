"""Answer the questions of a run so that no provider's answers change another's."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from packaging.utils import NormalizedName

from minreq.errors import BrokenWheel, HashMismatch, HashMissing, HostileWheel
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import Decision, TracedQuestion, TraceQuestionHandler
from minreq.model import Failure, Question
from minreq.smoke.answers import ListedDistribution, Reply
from minreq.smoke.paths import PathMap
from minreq.source.optionalimports import frames_of_import

#: A distribution, and a place in code that asks for it.
QuestionKey = tuple[NormalizedName, tuple[object, ...]]

#: What can be wrong with one wheel; any other error concerns all wheels.
UNUSABLE = (BrokenWheel, HashMismatch, HashMissing, HostileWheel)


class GroupQuestionHandler:
    """Give each group of a run a `TraceQuestionHandler` of its own, and share what holds for all groups."""

    def __init__(self, runner: SmokeRunner, declined: frozenset[NormalizedName]) -> None:
        self.runner = runner
        #: What the first stage asked for and does without.
        self.declined = declined
        self._path_map: PathMap | None = None
        self._initial: frozenset[NormalizedName] = frozenset()
        self._handlers: dict[str, TraceQuestionHandler] = {}
        self._first_stage = TraceQuestionHandler(
            runner.closure, {name: Decision(accepted=False, reason="") for name in declined}
        )
        #: By group: why minreq refused a wheel that the group asked for.
        self.refused_wheels: dict[str, str] = {}
        #: Failures that a missing distribution caused, by the place in code that asked and its whole stack. Where the
        #: stack of another provider is the same, and nothing on it catches the failure, that provider fails too.
        self.known_failures: dict[QuestionKey, Failure] = {}
        #: What was declined without a difference to a provider, by the place in code up to the function that led to
        #: it: Python runs a module once, and it does the same whichever provider imports it first.
        self.known_harmless: set[QuestionKey] = set()
        self._reservations = threading.Condition()
        self._reserved: set[NormalizedName] = set()

    @contextmanager
    def reserve_one(self, names: Iterable[NormalizedName]) -> Iterator[NormalizedName]:
        """Wait for one of *names* that no other group tries: its result may spare the other groups their runs."""
        with self._reservations:
            while not (free := [name for name in names if name not in self._reserved]):
                self._reservations.wait()
            name = free[0]
            self._reserved.add(name)
        try:
            yield name
        finally:
            with self._reservations:
                self._reserved.remove(name)
                self._reservations.notify_all()

    def bind(self, path_map: PathMap, initial: frozenset[NormalizedName]) -> None:
        """Name files as *path_map* of the run does; *initial* is importable from the start of the run."""
        self._path_map, self._initial = path_map, initial
        self._first_stage.bind(path_map, initial)

    def start(
        self, group: str, decisions: Mapping[NormalizedName, Decision], *, accept_all: bool = False
    ) -> TraceQuestionHandler:
        """Give *group* a new handler, and return it."""
        handler = TraceQuestionHandler(self.runner.closure, decisions, accept_all=accept_all)
        if self._path_map is not None:
            handler.bind(self._path_map, self._initial)
        self._handlers[group] = handler
        return handler

    def handler_of(self, group: str) -> TraceQuestionHandler:
        """Return the handler of *group*."""
        return self._handlers[group]

    def restore(self, group: str, handler: TraceQuestionHandler) -> None:
        """Give *group* an earlier *handler* again."""
        self._handlers[group] = handler

    def answer(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        can_fork: bool,
    ) -> Reply:
        """Answer as the handler of the asking group does; a refused wheel concerns that group alone."""
        group, handler = self._asking_group(question)
        try:
            return handler.answer(question, owners=owners, without=without, can_fork=can_fork)
        except UNUSABLE as error:
            self.refused_wheels[group] = str(error)
            return Reply(answer="unknown")

    def list_distributions(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[ListedDistribution, ...]:
        """List what the handler of the asking group lists."""
        _, handler = self._asking_group(question)
        return handler.list_distributions(question, owners=owners, without=without)

    def _asking_group(self, question: Question) -> tuple[str, TraceQuestionHandler]:
        """Return the group whose stage asks, and its handler."""
        group, slash, _ = question.stage.partition("/")
        return group, self._handlers[group] if slash else self._first_stage


def key_of_stack(traced: TracedQuestion) -> tuple[object, ...]:
    """Return what was asked for, and where, with the whole stack."""
    question = traced.question
    return question.need, question.name, question.frames


def key_up_to_function(traced: TracedQuestion) -> tuple[object, ...]:
    """Return what was asked for, and where, with the stack up to the first function."""
    question = traced.question
    return question.need, question.name, tuple(frames_of_import(question.frames))
