"""The folder of the cache."""

from __future__ import annotations

import logging
import os
from pathlib import Path

_LOG = logging.getLogger(__name__)


def cache_dir() -> Path:
    """Return the folder of the cache: ``MINREQ_CACHE_DIR``, else the place that the system has for caches."""
    # Imported here: help does not need it.
    from platformdirs import user_cache_path  # noqa: PLC0415

    configured = os.environ.get("MINREQ_CACHE_DIR")
    folder = Path(configured).absolute() if configured else user_cache_path("minreq", appauthor=False)
    _LOG.info("the cache is %s%s", folder, ", by MINREQ_CACHE_DIR" if configured else "")
    return folder
