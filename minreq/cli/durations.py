"""Remembers how long each lock took, for the display of the next one."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from minreq.system import cachefile

_FILENAME = "durations.json"
#: More locks than one person makes; the oldest are forgotten.
_MAX_LOCKS = 200


def read_duration(cache_dir: Path, command: str) -> float | None:
    """Return the seconds that the last lock by *command* took; ``None`` if that is unknown."""
    seconds = _read(cache_dir).get(_key(command))
    return seconds if isinstance(seconds, float) and seconds > 0 else None


def write_duration(cache_dir: Path, command: str, seconds: float) -> None:
    """Remember that the lock by *command* took *seconds*. A file that cannot be written is no error."""
    durations = _read(cache_dir)
    durations.pop(_key(command), None)
    durations[_key(command)] = round(float(seconds), 1)
    latest = dict([*durations.items()][-_MAX_LOCKS:])
    cachefile.write(cache_dir / _FILENAME, json.dumps(latest).encode(), cache_dir)


def _read(cache_dir: Path) -> dict[str, object]:
    with suppress(ValueError, RecursionError):
        document = json.loads(cachefile.read(cache_dir / _FILENAME) or b"")
        if isinstance(document, dict):
            return document
    return {}


def _key(command: str) -> str:
    return hashlib.sha256(command.encode("utf-8", "surrogateescape")).hexdigest()[:16]
