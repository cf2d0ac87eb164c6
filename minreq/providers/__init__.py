"""Measure which distributions each provider needs."""

__all__ = ["measure", "needs"]
