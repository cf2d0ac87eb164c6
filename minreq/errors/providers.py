"""What measuring providers, and writing their calls as a script, may end with."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.errors.branches import BaselineFailure, UsageError, perhaps


class NoProviders(UsageError):
    """Nothing is known of the providers of a root."""

    reason = "no-providers"

    def __init__(self, root: str, known: Sequence[str]) -> None:
        super().__init__(root, known)
        #: The roots that have some are *known*.
        self.root, self.known = root, known

    def __str__(self) -> str:
        return (
            f"no profile is for {self.root}{perhaps(self.root, self.known)}, so it has no providers; lock it by a "
            "script with --smoke, or name a folder with a profile by --profiles"
        )


class NotMeasured(BaselineFailure):
    """The smokes of some providers fail though nothing is left out, or ask for a wheel that is refused."""

    reason = "not-measured"

    def __init__(self, providers: Sequence[str]) -> None:
        super().__init__(providers)
        self.providers = tuple(providers)

    def __str__(self) -> str:
        names = ", ".join(self.providers)
        return f"could not be measured: {names}; the table tells why: mend that, or name the others with --providers"


class NothingToExport(UsageError):
    """No stage of a lock's smoke can be asked of real endpoints."""

    reason = "nothing-to-export"

    def __init__(self, stages: Sequence[str]) -> None:
        super().__init__(stages)
        self.stages = tuple(stages)

    def __str__(self) -> str:
        return (
            f"the smoke of this lock ({', '.join(self.stages)}) makes no call of a profile that real endpoints could "
            "answer; a script of your own needs no export"
        )
