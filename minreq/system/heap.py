"""How the C library keeps what is freed: as it is by default, each of some thirty threads keeps its own."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# From <malloc.h> of glibc.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8

#: Bytes: what is larger goes back to the system as soon as it is freed. By default the bound rises to whatever was
#: freed before, up to 32 MB.
_LARGE = 64 << 10


def keep_small() -> None:
    """Let what comes and goes, pages and syntax trees of some megabytes, leave no holes; before threads are started.

    It is for the whole process: the commands that read pages say it, and ``minreq.api``, a guest in the process of
    somebody else, does not. Where the C library is another one, nothing is done, and nothing is lost but memory.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_ARENA_MAX, 2)
