"""Reads Python source without running it."""

__all__ = ["imports", "modulenames", "optionalimports", "syntax"]
