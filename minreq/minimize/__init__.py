"""Find the smallest set of distributions on which a smoke behaves as in the reference, and prove it."""

from __future__ import annotations

from minreq.minimize.search import MinimalSet, minimize
from minreq.minimize.userchoices import UserChoices

__all__ = [
    "MinimalSet",
    "UserChoices",
    "certify",
    "compare",
    "extras",
    "guess",
    "minimize",
    "noise",
    "observe",
    "prefetch",
    "record",
    "reference",
    "runner",
    "select",
    "settle",
    "trace",
]
