"""The lock on disk: the requirements file people install from, and the evidence beside it."""

__all__ = [
    "codec",
    "difference",
    "edits",
    "evidence",
    "pinned",
    "pylock",
    "reading",
    "requirements",
    "staleness",
    "uv",
    "writing",
]
