"""Temporary folders, regular files, memory, threads, processes, and what other processes see of this one."""

__all__ = [
    "cachefile",
    "cachetable",
    "disclosure",
    "heap",
    "onceperkey",
    "regularfile",
    "temporary",
    "workers",
    "zipfiles",
]
