"""Find the edits that make a difference, by bisection; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def find_culprit(items: Sequence[T], passes: Callable[[Sequence[T]], bool]) -> T:
    """Return one of *items* with which the first of them no longer pass.

    All *items* together do not pass, and none of them does.
    """
    passing, failing = 0, len(items)
    while failing - passing > 1:
        middle = (passing + failing) // 2
        if passes(items[:middle]):
            passing = middle
        else:
            failing = middle
    return items[failing - 1]
