"""Renders the arguments with which pex builds a file of the distributions of a lock, and of no others."""

from __future__ import annotations


def render_arguments(*, made_from: str) -> str:
    """Return a file of arguments, one on each line, for ``pex @FILE``; *made_from* is the name of the lock."""
    return f"--no-transitive\n--requirement\n{made_from}\n"
