"""What a run of pytest reports, event by event, and what its tests asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from minreq.model import Frame, Question

#: Of the frames of a question, those that may be the place that imports; a run may ask a hundred thousand times.
_MAX_FRAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class PytestEvent:
    """A message of the plug-in for pytest; ``child/_minreq_pytest.py`` describes them."""

    kind: str
    #: The node ID of a test, or of what pytest collects.
    test: str = ""
    #: For ``collected``.
    tests: tuple[str, ...] = ()
    #: For ``report``: ``collect``, ``setup``, ``call`` or ``teardown``.
    when: str = ""
    #: ``passed``, ``failed``, ``skipped``; plug-ins have others, such as ``rerun``.
    outcome: str = ""
    #: Whether the test is marked as one that fails.
    expected: bool = False
    text: str = ""
    #: For ``error``: the modules whose failed imports led to it, each with the place that imports it.
    missing: tuple[tuple[str, Frame | None], ...] = ()


@dataclass(slots=True, kw_only=True)
class PytestRecorder:
    """Receives the events of one run; several threads call it."""

    #: The tests that shall run; ``None``: all.
    selected: tuple[str, ...] | None = None
    #: Which of the questions are recorded; ``None``: the processes of the run do not ask. Nothing is answered.
    chooses: Callable[[Question], bool] | None = None
    events: list[PytestEvent] = field(default_factory=list)
    #: Each with the test that asked, "" where none ran.
    questions: list[tuple[str, Question]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def asks(self) -> bool:
        """Whether the processes of the run ask for what they do not find."""
        return self.chooses is not None

    def configure(self) -> Mapping[str, object]:
        """Return the part of the child's configuration."""
        return {"selected": None if self.selected is None else list(self.selected)}

    def add_event(self, event: PytestEvent) -> None:
        """Record *event*."""
        with self._lock:
            self.events.append(event)

    def add_question(self, question: Question, *, test: str) -> None:
        """Record *question*, which *test* asked, if it is one to record."""
        if self.chooses is not None and self.chooses(question):
            with self._lock:
                self.questions.append((test, replace(question, frames=question.frames[:_MAX_FRAMES])))
