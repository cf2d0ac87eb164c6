"""Limits how much freed memory the C library keeps; by default, each of some thirty threads keeps its own."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# From <malloc.h> of glibc.
_MMAP_THRESHOLD, _ARENA_MAX = -3, -8

#: Bytes: larger blocks go back to the system when they are freed. By default this threshold rises to the size of the
#: largest freed block, up to 32 MB.
_LARGE = 64 << 10


def limit_fragmentation() -> None:
    """Prevent that pages and syntax trees of some megabytes fragment the heap; call it before threads start.

    It changes the whole process: the commands that read pages call it, ``minreq.api`` in somebody else's process does
    not. With a C library other than glibc it does nothing, which costs only memory.
    """
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_MMAP_THRESHOLD, _LARGE)
        library.mallopt(_ARENA_MAX, 2)
