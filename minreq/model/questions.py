"""What a child asked the parent for, from where, and what the parent answered."""

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


class Need(Enum):
    """How a name was asked for."""

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

    need: Need
    #: A dotted module, the name of a project for ``Need.METADATA``, a group of entry points (or "") for ``Need.LIST``.
    name: str
    #: Where it was asked, innermost frame first, the machinery of import left out.
    frames: tuple[Frame, ...]
    #: The feature that ran, ``import`` for the first stage, else ``openai/chat``.
    stage: str
    #: Position among the questions of its process.
    order: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A place in code that asked for a distribution."""

    need: Need
    #: What it asked for: a module, a project for ``Need.METADATA``, a group of entry points for ``Need.LIST``.
    name: str
    #: The innermost frame of a distribution, else the innermost; ``None`` where no Python asked.
    frame: Frame | None = None
    #: Whose file that is, ``None`` for the smoke's and Python's own.
    distribution: NormalizedName | None = None
    #: The handler or probe that makes it optional: ``except ImportError at a/b.py:3``; ``None``: nothing does.
    why_optional: str | None = None
    #: The stages in which it asked, sorted.
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the trace said to the first question about a distribution."""

    distribution: NormalizedName
    accepted: bool
    question: Question
    #: Why a no was tried first, or why a yes was given: a few words.
    reason: str
