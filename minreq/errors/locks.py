"""What can be wrong with a lock: stale, edited, not proven, too large, unreadable."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from minreq.errors.branches import NegativeAnswer, UsageError, listed


class LockStale(NegativeAnswer):
    """The lock was made from something that has changed since."""

    reason = "stale"

    def __init__(self, lock: str, reasons: Sequence[str]) -> None:
        super().__init__(lock, reasons)
        self.lock, self.reasons = lock, tuple(reasons)

    def __str__(self) -> str:
        return f"{self.lock} is stale; make it anew with `minreq lock`{listed(self.reasons)}"


class ProofFailed(NegativeAnswer):
    """On the lock alone the smoke fails, or behaves differently from what was recorded."""

    reason = "proof"

    def __init__(self, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(lock, sentences)
        self.lock, self.sentences = lock, tuple(sentences)

    def __str__(self) -> str:
        return f"{self.lock} is not proven{listed(self.sentences)}"


class RunsDisagree(NegativeAnswer):
    """``--certify``: a run contradicts what the shortcuts found, or the order of the features matters to the set."""

    reason = "disagreement"

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(sentences)
        self.sentences = tuple(sentences)

    def __str__(self) -> str:
        what = (
            "runs of the lock disagree, twice each, which is a defect of minreq, or of features that need each other; "
            "nothing was written, and --settle runs finds the set without the shortcuts that may be wrong"
        )
        return f"{what}{listed(self.sentences)}"


class Exposed(NegativeAnswer):
    """Code that the smoke loads leads to imports of what is left out, and nothing catches their failure."""

    reason = "exposed"

    def __init__(self, lock: str, places: Sequence[str]) -> None:
        super().__init__(lock, places)
        self.lock, self.places = lock, tuple(places)

    def __str__(self) -> str:
        first = f"unguarded imports of what {self.lock} leaves out: {len(self.places)}, the first at {self.places[0]}"
        return f"{first}; keep what the program needs with --include, or cover it with a smoke"


class PinnedFilesMissing(NegativeAnswer):
    """Files that a lock pins cannot be had, or do not fit where they are wanted."""

    reason = "pinned-files-missing"

    def __init__(self, lock: str, faults: Sequence[str]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        return f"not all that {self.lock} pins can be had; make it anew with `minreq lock`{listed(self.faults)}"


class LockEdited(NegativeAnswer):
    """The requirements file on disk installs something else than was proven."""

    reason = "edited"

    def __init__(self, lock: str, edits: Sequence[str]) -> None:
        super().__init__(lock, edits)
        self.lock, self.edits = lock, tuple(edits)

    def __str__(self) -> str:
        return f"{self.lock} is not what was proven; undo the changes, or lock again{listed(self.edits)}"


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
    """The smoke runs on the host alone, and the lock is for other platforms."""

    reason = "unproven"

    def __init__(self, platforms: Sequence[str], host: str) -> None:
        super().__init__(platforms, host)
        self.platforms, self.host = tuple(platforms), host

    def __str__(self) -> str:
        return (
            f"the smoke can run on this {self.host} alone, not on {', '.join(self.platforms)}; "
            "lock on a machine of that platform, or accept it with --allow-unproven"
        )


class LockUnreadable(UsageError):
    """A requirements file that is not a lock; *faults* are pairs of line number and reason."""

    def __init__(self, lock: str, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.lock}:{line}: {why}" for line, why in self.faults]
        ending = "mend it, or move it away and lock again"
        return f"{lines[0]}; {ending}" if len(lines) == 1 else f"{self.lock} is not a lock; {ending}{listed(lines)}"


class LockMissing(UsageError):
    """There is no lock at that place, or no evidence beside it."""

    reason = "lock-missing"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path = path
        #: ``lock`` or ``evidence``.
        self.what = what

    def __str__(self) -> str:
        return f"no {self.what} at {self.path}; restore it, or make the lock with `minreq lock`"


class EvidenceUnreadable(UsageError):
    """The evidence beside a lock cannot be read; *key* leads to the fault (``selection.kept[3].bytes``)."""

    def __init__(self, path: str, key: str, why: str) -> None:
        super().__init__(path, key, why)
        self.path, self.key, self.why = path, key, why

    def __str__(self) -> str:
        place = f"{self.path}: {self.key}" if self.key else self.path
        return f"{place}: {self.why}; restore the file, or make the lock anew with `minreq lock`"


class UnknownDistribution(UsageError):
    """A name that is neither a project of the closure of a lock nor a module that anything asked it for."""

    reason = "unknown-distribution"

    def __init__(self, name: str, lock: str, known: Sequence[str]) -> None:
        super().__init__(name, lock, known)
        self.name, self.lock, self.known = name, lock, tuple(known)

    def __str__(self) -> str:
        nearest = difflib.get_close_matches(self.name.lower(), self.known, n=1, cutoff=0.7)
        advice = "check its name, or make it available with `minreq lock --with`"
        ending = f"did you mean {nearest[0]}?" if nearest else advice
        return f"{self.name} is not in the closure that {self.lock} was made from, kept or left out; {ending}"
