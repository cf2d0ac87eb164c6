"""The base of all errors, the five branches with their exit status, and helpers for the sentences."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import ClassVar


class MinreqError(Exception):
    """The base of all errors that minreq raises on purpose; ``str(error)`` is the sentence for the user."""

    #: Exit status of the command.
    exit_status: ClassVar[int] = 1
    #: The value of ``reason`` in ``--json``; it never changes.
    reason: ClassVar[str] = "error"
    #: The command printed its result before the error, so ``--json`` prints no error object.
    has_result: bool = False


class NegativeAnswer(MinreqError):
    """The command worked, and the answer is no."""

    exit_status = 1
    reason = "no"


class UsageError(MinreqError):
    """The command line, the configuration or a file of the user is wrong."""

    exit_status = 2
    reason = "usage"


class BaselineFailure(MinreqError):
    """The smoke fails even with all dependencies installed, so the smoke itself is wrong."""

    exit_status = 3
    reason = "baseline"


class ResolutionFailure(MinreqError):
    """No set of versions satisfies the requirements."""

    exit_status = 4
    reason = "resolution"


class IndexFailure(MinreqError):
    """The index, the network or a file of the index is wrong."""

    exit_status = 5
    reason = "index"


def format_parts(sentences: Sequence[str]) -> str:
    """Return the end of a sentence with several parts: each part on its own line, whatever a part quotes."""
    return ":" + "".join(f"\n  {' '.join(sentence.splitlines())}" for sentence in sentences)


def suggest(name: str, known: Sequence[str], *, cutoff: float = 0.6) -> str:
    """Return the nearest of the *known* names in brackets, or ""; *cutoff* is the least ratio of equal characters."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f" (did you mean {close[0]}?)" if close else ""
