"""The base of all errors, the branches with their exit status, and helpers for the sentences."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from typing import ClassVar

#: The most characters of a path that the system refused; others are at most as long as the system allows.
_SHOWN = 200


class MinreqError(Exception):
    """The base of all errors that minreq raises on purpose; ``str(error)`` is the sentence for the user."""

    #: Exit status of the command.
    exit_status: int = 1
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


class SystemFailure(MinreqError):
    """The system refused something that usually works: the disk is full, a name is too long, no process is free."""

    reason = "system"

    def __init__(self, why: str, path: str = "") -> None:
        super().__init__(why, path)
        #: *path* is "" if the failure is about no file.
        self.why, self.path = why, path

    @classmethod
    def from_error(cls, error: OSError) -> SystemFailure:
        """Return the failure for *error*."""
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
        return cls(error.strerror or str(error) or type(error).__name__, path)

    def __str__(self) -> str:
        shown = self.path if len(self.path) <= _SHOWN else f"{self.path[:_SHOWN]}..."
        where = f": {shown}" if shown else ""
        return f"cannot continue: {self.why}{where}; files written before are unchanged"


def format_parts(sentences: Sequence[str]) -> str:
    """Return the end of a sentence with several parts: each part on its own line, whatever a part quotes."""
    return ":" + "".join(f"\n  {' '.join(sentence.splitlines())}" for sentence in sentences)


def suggest(name: str, known: Sequence[str], *, cutoff: float = 0.6) -> str:
    """Return the nearest of the *known* names in brackets, or ""; *cutoff* is the least ratio of equal characters."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=cutoff)
    return f" (did you mean {close[0]}?)" if close else ""
