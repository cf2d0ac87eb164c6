"""The answers of a trace: one per distribution, decided at its first question, the same until the trace ends."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Answer, Need, Question
from minreq.smoke.oracle import Listed, Reply
from minreq.smoke.places import STANDARD_LIBRARY, Places
from minreq.source.handlers import optional_because
from minreq.wheels.closure import Closure

_GROUP = re.compile(r"^\[([^\]\n]+)\]", re.MULTILINE)
_COMMANDS = frozenset({"console_scripts", "gui_scripts"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question about a distribution, and whose file asked it (``None``: the smoke's)."""

    question: Question
    #: Whose file each frame is, ``None`` for the smoke's and the standard library's.
    owners: tuple[NormalizedName | None, ...]
    #: Why the program seems to do without, ``None`` where nothing catches the absence.
    why_optional: str | None

    @property
    def by_standard_library(self) -> bool:
        """Whether Python itself asked: for a module of another platform, which no distribution has."""
        return bool(self.question.frames) and self.question.frames[0].file.startswith((STANDARD_LIBRARY, "<frozen "))

    @property
    def owner(self) -> NormalizedName | None:
        """The distribution whose file asked."""
        return self.owners[0] if self.owners else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An answer given before any question, and why."""

    accepted: bool
    reason: str


class Trace:
    """The oracle of a run.

    With *eager* it says yes to all that the closure has: that is the baseline. Otherwise it says no first where an
    import is optional. *decided* are answers from before. A miss in one of *fork_stages* forks where that is safe,
    except for distributions that are *certain*.
    """

    def __init__(
        self,
        closure: Closure,
        decided: Mapping[NormalizedName, Decision],
        *,
        eager: bool = False,
        fork_stages: frozenset[str] = frozenset(),
        certain: frozenset[NormalizedName] = frozenset(),
        answered: Callable[[Answer], None] = lambda _answer: None,
    ) -> None:
        self._closure = closure
        self._decided = decided
        self._eager = eager
        self._fork_stages = fork_stages
        self._forked = set(certain)
        self._rehearsing: frozenset[NormalizedName] | None = None
        self._answered = answered
        self._lock = threading.Lock()
        self._answers: dict[NormalizedName, Answer] = {}
        self._asked: dict[NormalizedName, list[Asked]] = {}
        self._unanswered: list[Asked] = []
        #: Where a list of what is installed would have had it, by distribution.
        self._listed: dict[NormalizedName, list[Asked]] = {}
        #: The stages that were given a namespace which, among others, a distribution holds.
        self._namespaces: dict[NormalizedName, set[str]] = {}
        #: What processes that go without a distribution were told of others.
        self._answered_aside: dict[NormalizedName, dict[NormalizedName, bool]] = {}
        self._places: Places | None = None
        self._initial: frozenset[NormalizedName] = frozenset()
        #: Distributions that were declined and then asked for without a handler, and the stage that did: given all the
        #: same, so that the rest of the stage is seen, but the trace is void. In the first stage they stay declined,
        #: since the failure that follows comes soon and is evidence.
        self.changed: dict[NormalizedName, str] = {}
        self._closure_at_start = closure.resolution

    def ask(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        quiet: bool,
    ) -> Reply:
        """Answer *question*; see `minreq.smoke.oracle.Oracle`."""
        why_optional = self._optional_because(question, owners)
        asked = Asked(question=self._neutral(question), owners=owners, why_optional=why_optional)
        names = self._distributions(asked)
        if not names:
            with self._lock:
                self._unanswered.append(asked)
        declined: list[NormalizedName] = []
        for name in names:
            if name != without and self._decide(name, asked, without):
                fork = quiet and without is None and self._forks_at(name, question.stage)
                return Reply(
                    answer="yes",
                    distribution=name,
                    path=self._closure.unpacked(name),
                    shared=tuple(sorted(self._closure.import_map.shared)),
                    fork=fork,
                )
            declined.append(name)
        return self._without(question, declined, without)

    def enumerate(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[Listed, ...]:
        """List what has entry points of the group in question; see `minreq.smoke.oracle.Oracle`.

        On the baseline all of them are there, in a trace those that are known to be given: what asks for no other is
        shown no other, as on the set alone.
        """
        asked = Asked(question=self._neutral(question), owners=owners, why_optional=optional_because(question))
        found = []
        for name, (folder, text) in self._closure.entry_points().items():
            if name == without or name in self._initial or not has_group(text, question.name):
                continue
            with self._lock:
                if without is None and self._rehearsing is None:
                    self._listed.setdefault(name, []).append(asked)
                given = self._answers.get(name) or self._decided.get(name)
            if self._eager or (given is not None and given.accepted):
                version = str(self._closure.candidate(name).version)
                found.append(Listed(distribution=name, version=version, folder=folder, entry_points=text))
        return tuple(found)

    def _without(self, question: Question, declined: list[NormalizedName], without: NormalizedName | None) -> Reply:
        """Answer what is not given: others may hold the folder of a package, which then is a namespace (PEP 420)."""
        import_map = self._closure.import_map
        holders = (
            import_map.shared.get(question.name, frozenset()) if question.need is not Need.METADATA else frozenset()
        )
        gone = {name for name in holders if name == without or name in declined or self._answered_no(name)}
        if holders - gone:
            if without is None and self._rehearsing is None:
                with self._lock:
                    for name in holders - gone:
                        self._namespaces.setdefault(name, set()).add(question.stage)
            return Reply(answer="namespace", shared=tuple(sorted(import_map.shared)))
        missed = [*declined, *([without] if without in gone else []), *sorted(gone)]
        return Reply(answer="no", distribution=missed[0]) if missed else Reply(answer="unknown")

    def _may_change(self, name: NormalizedName, answer: Answer) -> bool:
        return name in self.changed or not (answer.accepted or self._eager or name in self._decided)

    @property
    def outgrown(self) -> bool:
        """Whether an extra was taken in after the first question: what was unknown then may be known now."""
        return self._closure.resolution is not self._closure_at_start

    def _answered_no(self, name: NormalizedName) -> bool:
        decision = self._answers.get(name) or self._decided.get(name)
        return decision is not None and not decision.accepted

    def bind(self, places: Places, initial: frozenset[NormalizedName] = frozenset()) -> None:
        """Take the names of places from the run that will ask, in which *initial* is importable from the start."""
        self._places, self._initial = places, initial

    def answers(self) -> Mapping[NormalizedName, Answer]:
        """Return the answers by name, each with its first question, in the order of the plan, and its reason."""
        answers = {}
        for name, answer in sorted((self._answers | self._listed_alone()).items()):
            first = self._first(name)
            decision = self._decision(name, None if self._eager else first.why_optional)
            reason = decision.reason if decision.accepted is answer.accepted else answer.reason
            answers[name] = replace(answer, question=first.question, reason=reason)
        return answers

    def _listed_alone(self) -> dict[NormalizedName, Answer]:
        """What was in a list, or would have been, and not asked for otherwise; on the baseline that says nothing."""
        if self._eager:
            return {}
        found = {}
        for name in self._listed.keys() - self._answers.keys():
            question, decision = self._first(name).question, self._decision(name, self._first(name).why_optional)
            found[name] = Answer(
                distribution=name, accepted=decision.accepted, question=question, reason=decision.reason
            )
        return found

    @property
    def listed(self) -> frozenset[NormalizedName]:
        """The distributions that a list of what is installed had, or would have had."""
        return frozenset(self._listed)

    def asked(self, name: NormalizedName) -> tuple[Asked, ...]:
        """Return every question about *name*; that a list has it counts only where there is no other."""
        return tuple(self._asked.get(name, ()) or self._listed.get(name, ()))

    def stages(self, name: NormalizedName) -> frozenset[str]:
        """Return the stages that may notice that *name* is gone: they asked for it, or saw it or its folder."""
        noticed = (*self._asked.get(name, ()), *self._listed.get(name, ()))
        return frozenset(asked.question.stage for asked in noticed) | self._namespaces.get(name, set())

    def agrees_without(self, name: NormalizedName) -> bool:
        """Whether processes that went without *name* were told of all others what the trace was told in the end."""
        return all(
            accepted == (other in self._answers and self._answers[other].accepted)
            for other, accepted in self._answered_aside.get(name, {}).items()
        )

    @property
    def unanswered(self) -> tuple[Asked, ...]:
        """The questions about names that nothing in the closure owned at that moment."""
        return tuple(self._unanswered)

    def _first(self, name: NormalizedName) -> Asked:
        """The first question in an order that does not depend on which process was faster."""
        return min(
            self.asked(name),
            key=lambda asked: (asked.question.stage != "import", asked.question.stage, asked.question.order),
        )

    def _distributions(self, asked: Asked) -> tuple[NormalizedName, ...]:
        """The distributions that can satisfy the question, the first to be asked first."""
        question = asked.question
        if question.need is Need.METADATA:
            name = canonicalize_name(question.name)
            return (name,) if name in self._closure.resolution.pins else ()
        import_map = self._closure.import_map
        if question.name in import_map.owners or asked.why_optional is not None or asked.by_standard_library:
            return import_map.owners.get(question.name, ())
        found = self._closure.supply(question.name, asked.owner)
        return () if found is None else (found,)

    def _optional_because(self, question: Question, owners: tuple[NormalizedName | None, ...]) -> str | None:
        """What is decided to be there must load: a handler around its own import excuses nothing that it asks for."""
        frames = question.frames
        for position, (inner, outer) in enumerate(pairwise(owners), start=1):
            if inner is not None and inner != outer and inner in self._decided and self._decided[inner].accepted:
                frames = frames[:position]
                break
        found = optional_because(replace(question, frames=frames))
        return found if found is None or self._places is None else self._places.name(found)

    def _neutral(self, question: Question) -> Question:
        if self._places is None:
            return question
        name = self._places.name
        return replace(question, frames=tuple(replace(frame, file=name(frame.file)) for frame in question.frames))

    def _decide(self, name: NormalizedName, asked: Asked, without: NormalizedName | None) -> bool:
        """Return whether *name* is accepted.

        What a process asks that goes *without* something decides nothing for the others, nor what a rehearsal asks.
        """
        why_optional = None if self._eager else asked.why_optional
        with self._lock:
            answer = self._answers.get(name)
            if without is not None:
                accepted = (answer or self._decision(name, why_optional)).accepted
                self._answered_aside.setdefault(without, {})[name] = accepted
                return accepted
            if self._rehearsing is not None:
                return answer is not None and answer.accepted
            self._asked.setdefault(name, []).append(asked)
            if answer is None:
                decision = self._decision(name, why_optional)
                answer = Answer(
                    distribution=name, accepted=decision.accepted, question=asked.question, reason=decision.reason
                )
            elif why_optional is None and "/" in asked.question.stage and self._may_change(name, answer):
                stage = asked.question.stage
                self.changed[name] = min(stage, self.changed.get(name, stage))
                answer = replace(answer, accepted=True, reason="needed after all")
            else:
                return answer.accepted
            self._answers[name] = answer
        self._answered(answer)
        return answer.accepted

    def _decision(self, name: NormalizedName, why_optional: str | None) -> Decision:
        """Return the answer to a first question."""
        if name in self._decided:
            return self._decided[name]
        if self._eager:
            return Decision(accepted=True, reason="the closure has it")
        if why_optional is None:
            return Decision(accepted=True, reason="nothing catches its absence")
        return Decision(accepted=False, reason=f"optional: {why_optional}")

    def _forks_at(self, name: NormalizedName, stage: str) -> bool:
        """Whether the miss is due for a fork, which it is once."""
        with self._lock:
            due = stage in self._fork_stages if self._rehearsing is None else name in self._rehearsing
            if not due or name in self._forked:
                return False
            self._forked.add(name)
            return True

    def rehearse(self, names: Iterable[NormalizedName]) -> None:
        """The trace is over: what runs from now on changes no answer, and each miss of one of *names* forks once."""
        self._rehearsing = frozenset(names)


def has_group(text: str, group: str) -> bool:
    """Whether the ``entry_points.txt`` of *text* has *group*, or without one any group but those of commands."""
    groups = set(_GROUP.findall(text))
    return group in groups if group else bool(groups - _COMMANDS)
