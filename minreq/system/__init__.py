"""Files, temporary folders, YAML of others, memory, threads, processes, and what other processes see of this one."""

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
    "yamltext",
    "zipfiles",
]
