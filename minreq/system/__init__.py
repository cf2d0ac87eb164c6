"""Temporary folders, regular files, memory, threads and processes."""

__all__ = ["heap", "onceperkey", "regularfile", "temporary", "workers", "zipfiles"]
