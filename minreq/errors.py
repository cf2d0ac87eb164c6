"""Every error a user may see: one tree, facts as fields, one sentence each, one exit status per branch.

::

    MinreqError
      NegativeAnswer      1   stale, over budget, proof failed, unproven platform
      UsageError          2   the command line or the configuration is wrong
      BaselineFailure     3   the smoke fails although nothing is left out
      ResolutionFailure   4   no set of versions satisfies what is needed
      IndexFailure        5   the index or the network
"""

from __future__ import annotations

from typing import ClassVar


class MinreqError(Exception):
    """The base of all errors raised on purpose; what a user sees is ``str(error)``."""

    #: Exit status of the command.
    exit_status: ClassVar[int] = 1
    #: Stable word for ``--json``.
    reason: ClassVar[str] = "error"


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
