"""The base of all errors, the five branches that decide the exit status, and what their sentences are made of."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import ClassVar


class MinreqError(Exception):
    """The base of all errors raised on purpose; what a user sees is ``str(error)``."""

    #: Exit status of the command.
    exit_status: ClassVar[int] = 1
    #: Stable word for ``--json``.
    reason: ClassVar[str] = "error"
    #: The result was printed all the same, and says it too; one JSON object is printed, not two.
    has_result: bool = False


class NegativeAnswer(MinreqError):
    """The question has an answer, and it is no."""

    exit_status = 1
    reason = "no"


class UsageError(MinreqError):
    """The command line or the configuration asks for something that cannot be meant."""

    exit_status = 2
    reason = "usage"


class BaselineFailure(MinreqError):
    """The smoke fails although nothing is left out: the smoke is at fault."""

    exit_status = 3
    reason = "baseline"


class ResolutionFailure(MinreqError):
    """No set of versions satisfies what is needed."""

    exit_status = 4
    reason = "resolution"


class IndexFailure(MinreqError):
    """The index, the network or a file from it."""

    exit_status = 5
    reason = "index"


def listed(sentences: Sequence[str]) -> str:
    """The end of a sentence that has several parts, each on a line of its own."""
    return ":" + "".join(f"\n  {sentence}" for sentence in sentences)


def perhaps(name: str, known: Sequence[str]) -> str:
    """A guess at what *name* was meant to be, in brackets, or ""."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
