"""The questions of a child, the code that asked, and the answers of the parent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from packaging.utils import NormalizedName


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A place in running code."""

    file: str
    line: int
    #: ``<module>`` at module level, ``<class NAME>`` in the body of a class.
    function: str


class QuestionKind(Enum):
    """The kind of look-up that made the question."""

    IMPORT = "import"
    #: ``importlib.util.find_spec``.
    PROBE = "probe"
    #: ``importlib.metadata`` looked up a project.
    METADATA = "metadata"
    #: ``importlib.metadata`` listed what is installed: ``entry_points``, ``distributions``.
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An import, probe or metadata look-up that nothing in the child satisfied."""

    need: QuestionKind
    #: A dotted module, the name of a project for ``Need.METADATA``, a group of entry points (or "") for ``Need.LIST``.
    name: str
    #: The stack of the look-up, innermost frame first, without the frames of the import system.
    frames: tuple[Frame, ...]
    #: The stage that ran: ``import`` for the first stage, else ``openai/chat``.
    stage: str
    #: Position among the questions of its process.
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FarHandler:
    """A handler that caught a failed import in a function that called the importer."""

    file: str
    #: The line of the clause, and its text: ``except Exception``.
    line: int
    text: str
    #: The function that the handler is in, ``<module>`` at module level, ``<class NAME>`` in the body of a class.
    function: str
    #: The first and the last line whose exceptions the handler catches.
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A place in code that asked for a distribution."""

    need: QuestionKind
    #: The name in the question: a module, a project for ``Need.METADATA``, a group of entry points for ``Need.LIST``.
    name: str
    #: The innermost frame in a distribution, else the innermost; ``None`` if no Python code asked.
    frame: Frame | None = None
    #: The distribution of the file; ``None`` for files of the smoke and of Python.
    distribution: NormalizedName | None = None
    #: The handler or probe that makes it optional: ``except ImportError at a/b.py:3``; ``None``: not optional.
    why_optional: str | None = None
    #: For a left-out distribution: without *why_optional*, the handlers that caught the failure farther up the stack,
    #: sorted. Empty: no handler is known.
    far_handlers: tuple[FarHandler, ...] = ()
    #: The stages that asked, sorted.
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer of the trace to the first question about a distribution."""

    distribution: NormalizedName
    accepted: bool
    question: Question
    #: Why the trace declined or accepted, in a few words.
    reason: str
