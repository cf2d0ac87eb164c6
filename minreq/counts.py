"""Writes numbers in sentences: one wheel is no ``1 wheels``, and an estimate has no nine digits."""

from __future__ import annotations


def pluralize(number: float, noun: str) -> str:
    """Return ``1 wheel``, ``2 wheels`` or ``1,200 wheels``; of seconds and the like ``0.5 seconds``."""
    shown = f"{number:,}" if isinstance(number, int) else f"{number:g}"
    return f"{shown} {noun}" if number == 1 else f"{shown} {noun}s"


def round_estimate(number: int) -> int:
    """Return *number* with the four digits that an estimate has: 164,823,901 is about 164,800,000."""
    return int(float(f"{number:.4g}"))
