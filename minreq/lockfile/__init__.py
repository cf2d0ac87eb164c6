"""Reads and writes the lock on disk: the requirements file, and the evidence beside it."""

__all__ = [
    "codec",
    "cyclonedx",
    "difference",
    "dockerfile",
    "edits",
    "evidence",
    "pdm",
    "pex",
    "pinnedfiles",
    "pylock",
    "reading",
    "requirements",
    "revision",
    "staleness",
    "uv",
    "writing",
]
