"""Errors of a scan of a code base."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.counts import pluralize
from minreq.errors.branches import NegativeAnswer, UsageError, format_parts


class ScanInterrupted(NegativeAnswer):
    """A process that read files was killed."""

    reason = "scan-interrupted"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"the scan failed: {self.why}; try again with fewer processes (-j 1)"


class UnknownModels(NegativeAnswer):
    """A code base calls models whose names are not in the code."""

    reason = "unknown-models"

    def __init__(self, calls: Sequence[str]) -> None:
        super().__init__(calls)
        self.calls = tuple(calls)

    def __str__(self) -> str:
        return (
            "minreq cannot find the providers of these calls; name them with --providers, and accept the calls with "
            f"--allow-unknown{format_parts(self.calls)}"
        )


class NoProviderUsed(NegativeAnswer):
    """The scan found no call of a model."""

    reason = "nothing-seen"

    def __init__(self, paths: Sequence[str], files: int) -> None:
        super().__init__(paths, files)
        self.paths, self.files = tuple(paths), files

    def __str__(self) -> str:
        where = f"{', '.join(self.paths)} ({pluralize(self.files, 'file')})"
        return (
            f"found no use of a provider in {where}; name the providers with "
            "--providers, or a script that shows that the program works with --smoke"
        )


class NothingToScan(UsageError):
    """The path to scan does not exist, or no profile knows how programs use the root."""

    reason = "nothing-to-scan"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what, self.why = what, why

    def __str__(self) -> str:
        return f"cannot scan {self.what}: {self.why}"
