"""Temporary folders, regular files, memory and threads."""

__all__ = ["heap", "onceperkey", "regularfile", "temporary", "zipfiles"]
