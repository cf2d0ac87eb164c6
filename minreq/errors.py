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

from collections.abc import Sequence
from pathlib import Path
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


class LockStale(NegativeAnswer):
    """The lock was made from something that has changed since."""

    reason = "stale"

    def __init__(self, lock: str, reasons: Sequence[str]) -> None:
        super().__init__(lock, reasons)
        self.lock, self.reasons = lock, tuple(reasons)

    def __str__(self) -> str:
        return f"{self.lock} is stale; make it anew with `minreq lock`{_listed(self.reasons)}"


class ProofFailed(NegativeAnswer):
    """On the lock alone the smoke fails, or behaves differently from what was recorded."""

    reason = "proof"

    def __init__(self, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(lock, sentences)
        self.lock, self.sentences = lock, tuple(sentences)

    def __str__(self) -> str:
        return f"{self.lock} is not proven{_listed(self.sentences)}"


class OverBudget(NegativeAnswer):
    """What the lock installs is larger than ``--budget`` allows; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(self, size: int, budget: int, largest: Sequence[str]) -> None:
        super().__init__(size, budget, largest)
        self.size, self.budget, self.largest = size, budget, tuple(largest)

    def __str__(self) -> str:
        over = (
            f"the lock installs to {self.size:,} bytes, {self.size - self.budget:,} over the budget of {self.budget:,}"
        )
        return f"{over}; the largest: {', '.join(self.largest)}" if self.largest else over


class Unproven(NegativeAnswer):
    """The smoke ran on the host alone, and the lock is for other platforms."""

    reason = "unproven"

    def __init__(self, platforms: Sequence[str], host: str) -> None:
        super().__init__(platforms, host)
        self.platforms, self.host = tuple(platforms), host

    def __str__(self) -> str:
        return (
            f"proven on {self.host} alone, not on {', '.join(self.platforms)}; "
            "lock on a machine of that platform, or accept it with --allow-unproven"
        )


class UsageError(MinreqError):
    """The command line or the configuration asks for something that cannot be meant."""

    exit_status = 2
    reason = "usage"


class InvalidOptions(UsageError):
    """Options that cannot be meant, each with its place: a flag, or a file and key."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return (
            self.faults[0] if len(self.faults) == 1 else f"{len(self.faults)} options are wrong{_listed(self.faults)}"
        )


class ConfigurationUnreadable(UsageError):
    """A ``pyproject.toml`` that cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read the configuration {self.path}: {self.why}"


class UnknownLock(UsageError):
    """No lock of that name is configured, or one has to be chosen; *name* is ``None`` when none was."""

    def __init__(self, name: str | None, known: Sequence[str], suggestion: str = "") -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, tuple(known), suggestion

    def __str__(self) -> str:
        known = f"configured in [tool.minreq.locks]: {', '.join(self.known)}" if self.known else "none is configured"
        if self.name is None:
            return f"several locks are configured; choose one with --name ({known})"
        return f"no lock is named {self.name!r}{self.suggestion} ({known})"


class NothingToRun(UsageError):
    """Neither a provider nor a smoke was named, so that there is nothing to watch."""

    def __str__(self) -> str:
        return (
            "nothing to run: name the providers the program uses (--providers openai,bedrock) or a script that "
            "exercises it (--smoke FILE), here or in [tool.minreq] of pyproject.toml (providers = [...], smoke = [...])"
        )


class LockUnreadable(UsageError):
    """A requirements file that is not a lock; *faults* are pairs of line number and reason."""

    def __init__(self, lock: str, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.lock}:{line}: {why}" for line, why in self.faults]
        ending = "mend it, or move it away and lock again"
        return f"{lines[0]}; {ending}" if len(lines) == 1 else f"{self.lock} is not a lock; {ending}{_listed(lines)}"


class EvidenceUnreadable(UsageError):
    """The evidence beside a lock cannot be read; *key* leads to the fault (``selection.kept[3].bytes``)."""

    def __init__(self, path: str, key: str, why: str) -> None:
        super().__init__(path, key, why)
        self.path, self.key, self.why = path, key, why

    def __str__(self) -> str:
        place = f"{self.path}: {self.key}" if self.key else self.path
        return f"{place}: {self.why}; restore the file, or move it away and lock again"


class OutputUnwritable(UsageError):
    """A result cannot be written; what stood there before still stands."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.why}"


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


def _listed(sentences: Sequence[str]) -> str:
    """The end of a sentence that has several parts, each on a line of its own."""
    return ":" + "".join(f"\n  {sentence}" for sentence in sentences)
