"""What a comparison of both environments shows."""

from __future__ import annotations

from dataclasses import dataclass

from minreq.model import Lock
from minreq.verify.missing import Miss
from minreq.verify.outcomes import Outcome, RunOutcomes, all_tests


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingTest:
    """A test that passes in one of the two environments alone."""

    #: The node ID of pytest; for another command, the command.
    test: str
    full: Outcome
    locked: Outcome
    #: What it missed on the lock, or probably did.
    misses: tuple[Miss, ...] = ()
    #: Whether it passes on the lock with what it missed; ``None``: not tried.
    is_covered: bool | None = None
    #: Features of the profile that keep what it missed, and that the lock was made without.
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FullComparison:
    """What a command does with all declared distributions, and on the lock."""

    lock: Lock
    command: str
    #: Numbers of distributions, without the tools.
    declared: int
    installed: int
    #: Of commands that do not run pytest there are no tests.
    full: RunOutcomes
    locked: RunOutcomes
    differing: tuple[DifferingTest, ...] = ()
    #: Tests that pass now and then, in one of the environments or in both.
    flaky: tuple[DifferingTest, ...] = ()
    #: A sentence for each difference of a command that does not run pytest; `differing` then has the command itself.
    deviations: tuple[str, ...] = ()
    #: Sentences on what is wrong with the lock itself.
    faults: tuple[str, ...] = ()

    @property
    def is_pytest(self) -> bool:
        """Whether the command runs pytest, so that its tests are compared one by one."""
        return self.full.is_pytest

    @property
    def tests(self) -> tuple[str, ...]:
        """The tests of both environments, in the order of pytest."""
        return all_tests(self.full, self.locked)

    @property
    def holds(self) -> bool:
        """Whether the command does the same on the lock."""
        return not (self.differing or self.faults)
