"""Says how the size of a lock fits a budget, or the limit of AWS Lambda, in the same words for terminal and page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from minreq.config import Settings
from minreq.counts import round_estimate
from minreq.model import LAMBDA_LIMIT, BuildForecast, Lock, is_near

_WHOLE = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LockBudget:
    """The bytes of a lock, as its installer leaves them, and the most that they may be."""

    size: int
    limit: int
    #: ``AWS Lambda``, or ``the budget``.
    whose: str
    #: Whether *size* has compiled files, and whether these are measured.
    is_compiled: bool
    is_measured: bool
    #: What a smaller build comes to; ``None``: unknown, or of no interest.
    build: BuildForecast | None = None

    @property
    def is_near(self) -> bool:
        """Whether the lock is near the limit, or over it."""
        return is_near(self.size, self.limit)

    @property
    def is_over(self) -> bool:
        """Whether the lock is over the limit."""
        return self.size > self.limit

    @property
    def heading(self) -> str:
        """What the bytes are compared with."""
        return f"the {self.limit:,} of {self.whose}"

    @property
    def kind(self) -> str:
        """What the size includes."""
        return "with bytecode" if self.is_compiled else "without bytecode"

    @property
    def verdict(self) -> str:
        """Whether the lock fits: ``Over the 262,144,000 bytes of AWS Lambda by 4,112,623 bytes, bytecode included``."""
        about = "" if self.is_measured else "about "
        what = "bytecode included" if self.is_compiled else "without bytecode"
        limit = f"the {self.limit:,} bytes of {self.whose}"
        if self.is_over:
            return f"Over {limit} by {about}{self.size - self.limit:,} bytes, {what}"
        return f"{about.capitalize()}{self.limit - self.size:,} of {limit} left, {what}"

    @property
    def of_build(self) -> str:
        """What a smaller build has: `` of about 191,400,000 bytes``."""
        return "" if self.build is None else f" of about {round_estimate(self.build.bytes):,} bytes"

    @property
    def slim(self) -> str:
        """The level that a build needs: the one that loses nothing, where no other is known to be needed."""
        return "cold" if self.build is None else self.build.slim

    def share(self, count: int) -> str:
        """Return *count* as a percentage of the limit that is 100.0% only for the limit itself."""
        rounded = round(count / self.limit * 100, 1)
        if count != self.limit and rounded == _WHOLE:
            rounded = _WHOLE + math.copysign(0.1, count - self.limit)
        return f"{rounded:.1f}%"


def is_build_worthwhile(lock: Lock, settings: Settings) -> bool:
    """Whether the user wants to know how small a build of *lock* would be."""
    return not settings.check and read_budget(lock, settings).is_near


def read_budget(lock: Lock, settings: Settings | None = None, build: BuildForecast | None = None) -> LockBudget:
    """Return how *lock* fits the budget of *settings*, or without one the limit of AWS Lambda.

    *build* is what a smaller build comes to.
    """
    budget = settings.budget if settings else None
    limit = LAMBDA_LIMIT if budget is None else budget
    is_compiled = settings is None or settings.compiles
    return LockBudget(
        size=lock.selection.installed_bytes if is_compiled else lock.selection.bytes,
        limit=limit,
        whose="AWS Lambda" if budget is None else "the budget",
        is_compiled=is_compiled,
        is_measured=lock.is_measured or not is_compiled,
        build=build,
    )
