"""Reads Python source without running it."""

__all__ = ["handlers", "imports", "modulenames", "syntax"]
