"""The folder of the cache."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of the cache: ``MINREQ_CACHE_DIR``, else the place that the system has for caches."""
    # Imported here: help does not need it.
    from platformdirs import user_cache_path  # noqa: PLC0415

    configured = os.environ.get("MINREQ_CACHE_DIR")
    return Path(configured).absolute() if configured else user_cache_path("minreq", appauthor=False)
