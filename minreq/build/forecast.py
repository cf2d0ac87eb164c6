"""Tell about how many bytes a build of a lock would have, from the files in the store; nothing is run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from minreq.config import Settings
from minreq.config.levels import Level
from minreq.model import LAMBDA_LIMIT, BuildForecast, Lock
from minreq.system.cachetable import CacheTable
from minreq.system.owndigest import own_digest
from minreq.wheels.installorder import sort_as_installed

#: The levels that the summary of a lock advises, the one that loses nothing first.
_LEVELS: tuple[Level, ...] = ("cold", "unused")


def forecast_build(lock: Lock, settings: Settings) -> BuildForecast | None:
    """Return the level that fits the budget, or the limit of AWS Lambda, and about the bytes of such a build of *lock*.

    If none fits, return the smallest one. Compiled files are included unless *settings* count none. ``None`` where the
    store does not have the wheels that were proven, or the lock is for another platform.
    """
    if any(platform.name != lock.proven_on.name for platform in lock.platforms):
        return None
    limit = LAMBDA_LIMIT if settings.budget is None else settings.budget
    found = []
    for level in _LEVELS:
        size = _read_forecast(lock, settings, level)
        if size is None:
            return None
        found.append(BuildForecast(slim=level, bytes=size))
        if size <= limit:
            return found[-1]
    return min(found, key=lambda each: each.bytes)


def _read_forecast(lock: Lock, settings: Settings, level: Level) -> int | None:
    """Return the forecast for *level*, from the cache if it is there."""
    table = CacheTable(settings.cache_dir / "forecasts.json")
    subject = f"{own_digest()} {level} {settings.bytecode} {_digest_contents(lock)}"
    known = table.read(subject)
    if isinstance(known, int):
        return known
    digests = {each.candidate.name: each.candidate.wheel.sha256 for each in lock.selection.kept}
    order = sort_as_installed(digests, lock.resolution.requires)
    trees = {name: _tree(digests[name], settings) for name in order}
    from minreq.build.estimate import estimate_bytes  # noqa: PLC0415 # Heavy, and most forecasts are in the cache.

    try:
        size = estimate_bytes(lock, trees, level, has_bytecode=settings.compiles)
    except OSError:
        return None
    table.write(subject, size)
    return size


def _tree(sha256: str | None, settings: Settings) -> Path:
    return settings.cache_dir / "wheels" / "unpacked" / str(sha256)


def _digest_contents(lock: Lock) -> str:
    """Return a hash of what of *lock* decides a build: wheels, their order, loaded files, and Python."""
    kept = sorted((each.candidate.name, each.candidate.wheel.sha256, each.loaded) for each in lock.selection.kept)
    requires = {name: sorted(names) for name, names in lock.resolution.requires.items()}
    text = json.dumps([kept, requires, str(lock.proven_on.python_version)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
