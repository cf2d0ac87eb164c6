"""Reads Python source without running it."""

__all__ = ["farhandlers", "imports", "modulenames", "optionalimports", "syntax"]
