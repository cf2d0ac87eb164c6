"""Temporary folders, regular files, removal, memory, threads, processes, and what other processes see of this one."""

__all__ = [
    "cachefile",
    "cachetable",
    "disclosure",
    "heap",
    "onceperkey",
    "owndigest",
    "regularfile",
    "removal",
    "temporary",
    "workers",
    "zipfiles",
]
