"""Answer the questions of a trace: one answer for each distribution, given at its first question and then kept."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Answer, FarHandler, Frame, Question, QuestionKind
from minreq.smoke.answers import ListedDistribution, Reply
from minreq.smoke.paths import PathMap
from minreq.source.optionalimports import find_optional_reason
from minreq.wheels.closure import Closure

_GROUP = re.compile(r"^\[([^\]\n]+)\]", re.MULTILINE)
_COMMANDS = frozenset({"console_scripts", "gui_scripts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedQuestion:
    """A question as the trace records it, with the owners of the files on its stack."""

    question: Question
    #: The distribution that owns the file of each frame, ``None`` for the smoke and the standard library.
    owners: tuple[NormalizedName | None, ...]
    #: Why the program seems to do without it, ``None`` where nothing catches the failure.
    why_optional: str | None
    #: Without *why_optional*: the frames of the question as on this machine.
    local_frames: tuple[Frame, ...] = ()
    #: For what is left out: the handlers that caught the failure farther up the stack, sorted.
    far_handlers: tuple[FarHandler, ...] = ()

    @property
    def owner(self) -> NormalizedName | None:
        """The distribution whose file asked, ``None`` for the smoke and the standard library."""
        return self.owners[0] if self.owners else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer that is decided before the question comes, and why."""

    accepted: bool
    reason: str


class TraceQuestionHandler:
    """Answers the questions of a trace or, with *accept_all*, of the control; see `QuestionHandler`.

    With *accept_all* it accepts all that the closure has. Otherwise it follows *decisions*; where they have no answer
    it declines an optional import and accepts any other. The first miss of a distribution in one of *fork_stages*
    forks where that is safe, unless the distribution is *settled*.
    """

    def __init__(
        self,
        closure: Closure,
        decisions: Mapping[NormalizedName, Decision],
        *,
        accept_all: bool = False,
        fork_stages: frozenset[str] = frozenset(),
        settled: frozenset[NormalizedName] = frozenset(),
        report_answer: Callable[[Answer], None] = lambda _answer: None,
    ) -> None:
        self._closure = closure
        self._decisions = decisions
        self._accept_all = accept_all
        self._fork_stages = fork_stages
        self._forked = set(settled)
        #: After `freeze_answers`: the distributions whose next miss forks; ``None`` while the trace runs.
        self._frozen_forks: frozenset[NormalizedName] | None = None
        self._report_answer = report_answer
        self._lock = threading.Lock()
        self._answers: dict[NormalizedName, Answer] = {}
        self._questions: dict[NormalizedName, list[TracedQuestion]] = {}
        self._unanswered: list[TracedQuestion] = []
        #: By distribution: the questions for a list of all installed distributions that has it, or would have it.
        self._listed: dict[NormalizedName, list[TracedQuestion]] = {}
        #: By distribution: the stages that got a namespace package of which it holds a part.
        self._namespaces: dict[NormalizedName, set[str]] = {}
        #: By distribution: the questions about it of processes that ran without it.
        self._questions_without: dict[NormalizedName, list[TracedQuestion]] = {}
        #: By distribution: the answers about others that processes without it got.
        self._answers_without: dict[NormalizedName, dict[NormalizedName, bool]] = {}
        self._path_map: PathMap | None = None
        self._initial: frozenset[NormalizedName] = frozenset()
        #: Distributions that were declined and then asked for where nothing catches the failure, with the stage that
        #: asked. The handler then accepts them, so that the rest of the stage runs, but the trace is void. In the first
        #: stage they stay declined: the failure comes soon and is evidence.
        self.reversed_answers: dict[NormalizedName, str] = {}
        self._resolution_at_start = closure.resolution

    def answer(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        can_fork: bool,
    ) -> Reply:
        """Answer *question*; see `minreq.smoke.answers.QuestionHandler`."""
        why_optional = self._why_optional(question, owners)
        traced = TracedQuestion(
            question=self._make_portable(question),
            owners=owners,
            why_optional=why_optional,
            local_frames=() if why_optional else question.frames,
        )
        names = self._find_owners(traced)
        if not names:
            with self._lock:
                self._unanswered.append(traced)
        declined: list[NormalizedName] = []
        if without in names:
            with self._lock:
                self._questions_without.setdefault(without, []).append(traced)
        for name in names:
            if name != without and self._accepts(name, traced, without):
                fork = can_fork and without is None and self._claim_fork(name, question.stage)
                return Reply(
                    answer="yes",
                    distribution=name,
                    path=self._closure.unpack(name),
                    shared=tuple(sorted(self._closure.import_map.shared)),
                    fork=fork,
                )
            declined.append(name)
        return self._decline(question, declined, without)

    def list_distributions(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[ListedDistribution, ...]:
        """List what has entry points of the group in question; see `minreq.smoke.answers.QuestionHandler`.

        The control lists all of them, a trace only those that are accepted already: so the smoke sees the list that it
        would see on the set alone.
        """
        why_optional = find_optional_reason(question)
        traced = TracedQuestion(question=self._make_portable(question), owners=owners, why_optional=why_optional)
        found = []
        for name, (dist_info, text) in self._closure.entry_points().items():
            if name == without or name in self._initial or not has_group(text, question.name):
                continue
            with self._lock:
                if without is None and self._frozen_forks is None:
                    self._listed.setdefault(name, []).append(traced)
                answer = self._answers.get(name) or self._decisions.get(name)
            if self._accept_all or (answer is not None and answer.accepted):
                version = str(self._closure.candidate(name).version)
                found.append(
                    ListedDistribution(distribution=name, version=version, dist_info=dist_info, entry_points=text)
                )
        return tuple(found)

    def _decline(self, question: Question, declined: list[NormalizedName], without: NormalizedName | None) -> Reply:
        """Decline *question*; where another distribution holds its folder, the package is a namespace (PEP 420)."""
        import_map = self._closure.import_map
        is_module = question.need is not QuestionKind.METADATA
        holders = import_map.shared.get(question.name, frozenset()) if is_module else frozenset()
        gone = {name for name in holders if name == without or name in declined or self._is_declined(name)}
        if holders - gone:
            if without is None and self._frozen_forks is None:
                with self._lock:
                    for name in holders - gone:
                        self._namespaces.setdefault(name, set()).add(question.stage)
            return Reply(answer="namespace", shared=tuple(sorted(import_map.shared)))
        missed = [*declined, *([without] if without in gone else []), *sorted(gone)]
        return Reply(answer="no", distribution=missed[0]) if missed else Reply(answer="unknown")

    def _may_change(self, name: NormalizedName, answer: Answer) -> bool:
        return name in self.reversed_answers or not (answer.accepted or self._accept_all or name in self._decisions)

    @property
    def extra_added(self) -> bool:
        """Whether the closure got an extra after the start: it may have what was unknown before."""
        return self._closure.resolution is not self._resolution_at_start

    def _is_declined(self, name: NormalizedName) -> bool:
        decision = self._answers.get(name) or self._decisions.get(name)
        return decision is not None and not decision.accepted

    def bind(self, path_map: PathMap, initial: frozenset[NormalizedName] = frozenset()) -> None:
        """Name files as *path_map* of the run does; *initial* is importable from the start of the run."""
        self._path_map, self._initial = path_map, initial

    def answers(self) -> Mapping[NormalizedName, Answer]:
        """Return the answers by name, each with its reason and with its first question in the order of the plan."""
        answers = {}
        for name, answer in sorted((self._answers | self._answers_from_listings()).items()):
            first = self._first_question(name)
            decision = self._decide(name, None if self._accept_all else first.why_optional)
            reason = decision.reason if decision.accepted is answer.accepted else answer.reason
            answers[name] = replace(answer, question=first.question, reason=reason)
        return answers

    def _answers_from_listings(self) -> dict[NormalizedName, Answer]:
        """Return answers about what only a list of installed distributions had; the control has them all."""
        if self._accept_all:
            return {}
        found = {}
        for name in self._listed.keys() - self._answers.keys():
            first = self._first_question(name)
            decision = self._decide(name, first.why_optional)
            found[name] = Answer(
                distribution=name, accepted=decision.accepted, question=first.question, reason=decision.reason
            )
        return found

    @property
    def listed(self) -> frozenset[NormalizedName]:
        """The distributions that a list of all installed ones had, or would have had."""
        return frozenset(self._listed)

    def questions(self, name: NormalizedName) -> tuple[TracedQuestion, ...]:
        """Return all questions about *name*; those for a list only where there are no others."""
        return tuple(self._questions.get(name, ()) or self._listed.get(name, ()))

    def questions_without(self) -> Mapping[NormalizedName, tuple[TracedQuestion, ...]]:
        """Return by distribution the questions about it of processes that ran without it."""
        return {name: tuple(questions) for name, questions in self._questions_without.items()}

    def find_noticing_stages(self, name: NormalizedName) -> frozenset[str]:
        """Return the stages that may notice that *name* is gone: they asked for it, or saw it or its folder."""
        questions = (*self._questions.get(name, ()), *self._listed.get(name, ()))
        return frozenset(each.question.stage for each in questions) | self._namespaces.get(name, set())

    def answers_agree_without(self, name: NormalizedName) -> bool:
        """Whether processes without *name* got the same answers about all others as the trace did in the end."""
        return all(
            accepted == (other in self._answers and self._answers[other].accepted)
            for other, accepted in self._answers_without.get(name, {}).items()
        )

    def names_asked_without(self, name: NormalizedName) -> frozenset[NormalizedName]:
        """Return the other distributions that processes without *name* asked for."""
        return frozenset(self._answers_without.get(name, ()))

    @property
    def unanswered(self) -> tuple[TracedQuestion, ...]:
        """The questions about names that no distribution of the closure owned at that moment."""
        return tuple(self._unanswered)

    def _first_question(self, name: NormalizedName) -> TracedQuestion:
        """Return the first question, in an order that does not depend on which process was faster."""
        return min(
            self.questions(name),
            key=lambda each: (each.question.stage != "import", each.question.stage, each.question.order),
        )

    def _find_owners(self, traced: TracedQuestion) -> tuple[NormalizedName, ...]:
        """Return the distributions that can satisfy the question, the preferred one first."""
        question = traced.question
        if question.need is QuestionKind.METADATA:
            name = canonicalize_name(question.name)
            return (name,) if name in self._closure.resolution.pins else ()
        # No extra is looked into: an install answers an import the same way, whatever handles the failure.
        return self._closure.import_map.owners.get(question.name, ())

    def _why_optional(self, question: Question, owners: tuple[NormalizedName | None, ...]) -> str | None:
        """Return why the program seems to do without what it asks for, ``None`` where nothing catches the failure.

        A distribution that is decided to be accepted must load: a handler around its import does not make optional
        what it asks for.
        """
        frames = question.frames
        for position, (inner, outer) in enumerate(pairwise(owners), start=1):
            if inner is not None and inner != outer and inner in self._decisions and self._decisions[inner].accepted:
                frames = frames[:position]
                break
        reason = find_optional_reason(replace(question, frames=frames))
        return reason if reason is None or self._path_map is None else self._path_map.make_portable(reason)

    def _make_portable(self, question: Question) -> Question:
        if self._path_map is None:
            return question
        portable = self._path_map.make_portable
        return replace(question, frames=tuple(replace(frame, file=portable(frame.file)) for frame in question.frames))

    def _accepts(self, name: NormalizedName, traced: TracedQuestion, without: NormalizedName | None) -> bool:
        """Return whether *name* is accepted.

        A question of a process that runs *without* a distribution decides nothing for the other processes, nor does a
        question after `freeze_answers`.
        """
        why_optional = None if self._accept_all else traced.why_optional
        with self._lock:
            answer = self._answers.get(name)
            if without is not None:
                accepted = (answer or self._decide(name, why_optional)).accepted
                self._answers_without.setdefault(without, {})[name] = accepted
                return accepted
            if self._frozen_forks is not None:
                return answer is not None and answer.accepted
            self._questions.setdefault(name, []).append(traced)
            if answer is None:
                decision = self._decide(name, why_optional)
                answer = Answer(
                    distribution=name, accepted=decision.accepted, question=traced.question, reason=decision.reason
                )
            elif why_optional is None and "/" in traced.question.stage and self._may_change(name, answer):
                stage = traced.question.stage
                self.reversed_answers[name] = min(stage, self.reversed_answers.get(name, stage))
                answer = replace(answer, accepted=True, reason="needed after all")
            else:
                return answer.accepted
            self._answers[name] = answer
        self._report_answer(answer)
        return answer.accepted

    def _decide(self, name: NormalizedName, why_optional: str | None) -> Decision:
        """Return the answer to the first question about *name*."""
        if name in self._decisions:
            return self._decisions[name]
        if self._accept_all:
            return Decision(accepted=True, reason="the closure has it")
        if why_optional is None:
            return Decision(accepted=True, reason="nothing catches its absence")
        return Decision(accepted=False, reason=f"optional: {why_optional}")

    def _claim_fork(self, name: NormalizedName, stage: str) -> bool:
        """Return whether the miss of *name* is to fork; it is to fork once."""
        with self._lock:
            due = stage in self._fork_stages if self._frozen_forks is None else name in self._frozen_forks
            if not due or name in self._forked:
                return False
            self._forked.add(name)
            return True

    def freeze_answers(self, fork_at: Iterable[NormalizedName]) -> None:
        """End the trace: what runs from now on changes no answer, and the next miss of each of *fork_at* forks."""
        self._frozen_forks = frozenset(fork_at)


def has_group(text: str, group: str) -> bool:
    """Whether *text*, an ``entry_points.txt``, has *group*; if that is "", any group but those of commands."""
    groups = set(_GROUP.findall(text))
    return group in groups if group else bool(groups - _COMMANDS)
