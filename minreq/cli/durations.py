"""Remembers how long each lock took, for the display of the next one."""

from __future__ import annotations

from pathlib import Path

from minreq.system.cachetable import CacheTable


def read_duration(cache_dir: Path, command: str) -> float | None:
    """Return the seconds that the last lock by *command* took; ``None`` if that is unknown."""
    seconds = _table(cache_dir).read(command)
    return seconds if isinstance(seconds, float) and seconds > 0 else None


def write_duration(cache_dir: Path, command: str, seconds: float) -> None:
    """Remember that the lock by *command* took *seconds*. A file that cannot be written is no error."""
    _table(cache_dir).write(command, round(float(seconds), 1))


def _table(cache_dir: Path) -> CacheTable:
    return CacheTable(cache_dir / "durations.json")
