"""The smallest set with which a smoke behaves as on the baseline, found and proven (section 2 of the design)."""

from __future__ import annotations

from minreq.minimize.search import Minimum, minimize
from minreq.minimize.wishes import Wishes

__all__ = [
    "Minimum",
    "Wishes",
    "certify",
    "compare",
    "hints",
    "laboratory",
    "minimize",
    "observe",
    "prefetch",
    "select",
    "settle",
    "trace",
]
