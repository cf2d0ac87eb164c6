"""Where minreq keeps things."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """Return the folder of everything minreq keeps: ``MINREQ_CACHE_DIR``, else where the system has such folders."""
    # Imported here, since help needs no folder.
    from platformdirs import user_cache_path  # noqa: PLC0415

    named = os.environ.get("MINREQ_CACHE_DIR")
    return Path(named).absolute() if named else user_cache_path("minreq", appauthor=False)
