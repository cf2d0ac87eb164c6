"""Errors of a lock: stale, edited, not proven, too large, unreadable."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from minreq.counts import pluralize, round_estimate
from minreq.errors.branches import NegativeAnswer, UsageError, format_parts


class LockStale(NegativeAnswer):
    """Something that the lock was made from has changed."""

    reason = "stale"

    def __init__(self, lock: str, reasons: Sequence[str]) -> None:
        super().__init__(lock, reasons)
        self.lock, self.reasons = lock, tuple(reasons)

    def __str__(self) -> str:
        return f"{self.lock} is stale; run `minreq lock` again{format_parts(self.reasons)}"


class LocksFailed(NegativeAnswer):
    """``lock --all``: some locks could not be made, or are stale; the exit status is the worst of theirs."""

    reason = "locks-failed"

    def __init__(self, titles: Sequence[str], total: int, exit_status: int) -> None:
        super().__init__(titles, total, exit_status)
        self.titles, self.total, self.exit_status = tuple(titles), total, exit_status

    def __str__(self) -> str:
        locks = "lock" if self.total == 1 else "locks"
        return f"{len(self.titles)} of {self.total} {locks} failed: {', '.join(self.titles)}; the others are complete"


class ProofFailed(NegativeAnswer):
    """On the lock alone the smoke fails, or behaves differently from the evidence."""

    reason = "proof"

    def __init__(self, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(lock, sentences)
        self.lock, self.sentences = lock, tuple(sentences)

    def __str__(self) -> str:
        return f"{self.lock} is not proven{format_parts(self.sentences)}"


class RunsDisagree(NegativeAnswer):
    """``--certify``: a run contradicts the lock; the set depends on the order of the features, or on minreq's hook."""

    reason = "disagreement"

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(sentences)
        self.sentences = tuple(sentences)

    def __str__(self) -> str:
        what = (
            "runs contradict the lock, twice each; either minreq has a defect, or features depend on each other, or "
            "the smoke depends on what minreq's hook loads; nothing was written; --settle runs finds the set by "
            "separate runs, without shortcuts"
        )
        return f"{what}{format_parts(self.sentences)}"


class UnguardedImports(NegativeAnswer):
    """Code that the smoke loads leads to imports of left-out distributions, without a handler."""

    reason = "exposed"

    def __init__(self, lock: str, places: Sequence[str]) -> None:
        super().__init__(lock, places)
        self.lock, self.places = lock, tuple(places)

    def __str__(self) -> str:
        count = pluralize(len(self.places), "unguarded import")
        first = f"{count} of distributions that {self.lock} leaves out, first {self.places[0]}"
        return f"{first}; keep needed distributions with --include, or run this code in a smoke"


class PinnedFilesMissing(NegativeAnswer):
    """Files that a lock pins are not available, or do not fit the platform."""

    reason = "pinned-files-missing"

    def __init__(self, lock: str, faults: Sequence[str]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        return f"some files that {self.lock} pins are not available; run `minreq lock` again{format_parts(self.faults)}"


class LockEdited(NegativeAnswer):
    """The requirements file on disk installs something that was not proven."""

    reason = "edited"

    def __init__(self, lock: str, edits: Sequence[str]) -> None:
        super().__init__(lock, edits)
        self.lock, self.edits = lock, tuple(edits)

    def __str__(self) -> str:
        return f"{self.lock} was edited and is not proven; undo the changes, or lock again{format_parts(self.edits)}"


class OverBudget(NegativeAnswer):
    """The lock installs more bytes than ``--budget`` allows; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(
        self,
        size: int,
        budget: int,
        largest: Sequence[str],
        build: tuple[str, int | None],
        reductions: Sequence[str] = (),
        *,
        is_compiled: bool,
        is_measured: bool,
    ) -> None:
        super().__init__(size, budget, largest, build, reductions)
        self.size, self.budget, self.largest = size, budget, tuple(largest)
        #: The level of the build to try, and about its bytes; ``None``: unknown.
        self.slim, self.build = build
        #: What a smaller lock could have less of: ``fewer --providers``.
        self.reductions = tuple(reductions)
        #: Whether the size has compiled files, and whether these are measured.
        self.is_compiled, self.is_measured = is_compiled, is_measured

    def __str__(self) -> str:
        kind = "with bytecode" if self.is_compiled else "without bytecode"
        kind += "" if self.is_measured else " (an estimate)"
        over = self.size - self.budget
        by = pluralize(over, "byte")
        what = f"the lock installs {self.size:,} bytes {kind}, over the budget of {self.budget:,} by {by}"
        largest = f"; the largest: {', '.join(self.largest)}" if self.largest else ""
        return f"{what}{largest}; nothing was written; {self._advice}"

    @property
    def _advice(self) -> str:
        build = f"`minreq build --slim {self.slim}{'' if self.is_compiled else ' --bytecode none'}`"
        if self.build is None:
            return f"{build} makes a smaller tree: give the budget to the build, and lock without it"
        size = f"{build} makes a tree of about {round_estimate(self.build):,} bytes"
        if self.build > self.budget:
            less = f"lock with {' or '.join(self.reductions)}" if self.reductions else "deploy a container image"
            return f"{size}, which is over it too: {less}"
        return f"{size}: give the budget to the build, and lock without it"


class PlatformUnproven(NegativeAnswer):
    """The lock is for platforms on which the smoke cannot run here."""

    reason = "unproven"

    def __init__(self, platforms: Sequence[str], host: str) -> None:
        super().__init__(platforms, host)
        self.platforms, self.host = tuple(platforms), host

    def __str__(self) -> str:
        return (
            f"the smoke runs only on this {self.host}, not on {', '.join(self.platforms)}; "
            "lock on a machine of that platform, or accept it with --allow-unproven"
        )


class LockUnreadable(UsageError):
    """A requirements file that is not a lock; *faults* are pairs of line number and reason."""

    def __init__(self, lock: str, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.lock}:{line}: {why}" for line, why in self.faults]
        ending = "repair it, or move it away and lock again"
        return (
            f"{lines[0]}; {ending}" if len(lines) == 1 else f"{self.lock} is not a lock; {ending}{format_parts(lines)}"
        )


class LockMissing(UsageError):
    """There is no lock at this path, or no evidence beside it."""

    reason = "lock-missing"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path = path
        #: ``lock`` or ``evidence``.
        self.what = what

    def __str__(self) -> str:
        return f"no {self.what} at {self.path}; restore it, or make the lock with `minreq lock`"


class NoSuchRevision(UsageError):
    """A name is neither a lock nor a revision of git that has one.

    *why* is what git says.
    """

    reason = "no-such-revision"

    def __init__(self, revision: str, path: Path, why: str) -> None:
        super().__init__(revision, path, why)
        self.revision, self.path, self.why = revision, path, why

    def __str__(self) -> str:
        missing = f"{self.revision} is no lock, and git has no {self.path} of that revision ({self.why})"
        return f"{missing}; name a lock, or a revision that has one"


class EvidenceUnreadable(UsageError):
    """The evidence beside a lock cannot be read; *key* is the place of the fault (``selection.kept[3].bytes``)."""

    def __init__(self, path: str, key: str, why: str) -> None:
        super().__init__(path, key, why)
        self.path, self.key, self.why = path, key, why

    def __str__(self) -> str:
        place = f"{self.path}: {self.key}" if self.key else self.path
        return f"{place}: {self.why}; restore the file, or run `minreq lock` again"


class UnknownDistribution(UsageError):
    """A name is neither a project in the closure of a lock nor a module that a question was about."""

    reason = "unknown-distribution"

    def __init__(self, name: str, lock: str, known: Sequence[str]) -> None:
        super().__init__(name, lock, known)
        self.name, self.lock, self.known = name, lock, tuple(known)

    def __str__(self) -> str:
        nearest = difflib.get_close_matches(self.name.lower(), self.known, n=1, cutoff=0.7)
        advice = "check the name, or add it to the closure with `minreq lock --with`"
        ending = f"did you mean {nearest[0]}?" if nearest else advice
        return f"{self.name} is not in the closure of {self.lock}; {ending}"
