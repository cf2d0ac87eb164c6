"""Measure which distributions each provider needs."""

__all__ = ["features", "measure", "needs"]
