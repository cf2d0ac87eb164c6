"""Errors of measuring providers and of exporting their calls as a script."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.errors.branches import BaselineFailure, UsageError, suggest


class NoProfile(UsageError):
    """No profile knows the providers of a root."""

    reason = "no-providers"

    def __init__(self, root: str, known: Sequence[str]) -> None:
        super().__init__(root, known)
        #: *known*: the roots that have a profile.
        self.root, self.known = root, known

    def __str__(self) -> str:
        return (
            f"there is no profile for {self.root}{suggest(self.root, self.known)}, so it has no providers; "
            "name a script with --smoke, or a folder with a profile with --profiles"
        )


class ProvidersNotMeasured(BaselineFailure):
    """The smokes of some providers fail even with all dependencies installed, or need a wheel that is refused."""

    reason = "not-measured"

    def __init__(self, providers: Sequence[str]) -> None:
        super().__init__(providers)
        self.providers = tuple(providers)

    def __str__(self) -> str:
        names = ", ".join(self.providers)
        return f"could not measure {names}; the table shows why; repair this, or name the others with --providers"


class NothingToExport(UsageError):
    """No stage of the smoke of a lock can run against real endpoints."""

    reason = "nothing-to-export"

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__(stages)
        self.stages = tuple(stages)

    def __str__(self) -> str:
        return (
            f"no stage of this smoke ({', '.join(self.stages)}) makes a call of a profile that a real endpoint could "
            "answer; you can run your own scripts without an export"
        )
