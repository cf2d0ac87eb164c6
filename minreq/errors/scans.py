"""What a scan of a code base may end with."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.errors.branches import NegativeAnswer, UsageError, listed


class ScanInterrupted(NegativeAnswer):
    """A process that read files was ended from outside."""

    reason = "scan-interrupted"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"the scan did not end: {self.why}; try again, with fewer processes: -j 1"


class UnknownModels(NegativeAnswer):
    """A code base calls models whose names are not in it."""

    reason = "unknown-models"

    def __init__(self, calls: Sequence[str]) -> None:
        super().__init__(calls)
        self.calls = tuple(calls)

    def __str__(self) -> str:
        return (
            "what these calls need cannot be known; name their providers with --providers and accept the rest with "
            f"--allow-unknown{listed(self.calls)}"
        )


class NothingSeen(NegativeAnswer):
    """A code base calls no model, as far as its files show."""

    reason = "nothing-seen"

    def __init__(self, paths: Sequence[str], files: int) -> None:
        super().__init__(paths, files)
        self.paths, self.files = tuple(paths), files

    def __str__(self) -> str:
        return (
            f"no provider is used in {', '.join(self.paths)} ({self.files} files); name the providers with "
            "--providers, or a script that exercises the program with --smoke"
        )


class NothingToScan(UsageError):
    """There is nothing at the path to scan, or nothing is known about how the root is used."""

    reason = "nothing-to-scan"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what, self.why = what, why

    def __str__(self) -> str:
        return f"cannot scan {self.what}: {self.why}"
