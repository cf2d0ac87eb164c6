"""Temporary folders, regular files, memory and threads."""

__all__ = ["cachefile", "heap", "onceperkey", "regularfile", "temporary"]
