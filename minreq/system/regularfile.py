"""Reads files that a child may have replaced by something else: a pipe or a device must not block minreq."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_CHUNK = 1 << 20


def read(path: Path, limit: int) -> bytes:
    """Return the first *limit* bytes of a regular file; raise ``OSError`` for anything else; never wait."""
    return _read(path, limit, from_end=False)


def read_end(path: Path, limit: int) -> bytes:
    """Return the last *limit* bytes of a regular file; otherwise like `read`."""
    return _read(path, limit, from_end=True)


def _read(path: Path, limit: int, *, from_end: bool) -> bytes:
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        if from_end:
            os.lseek(descriptor, max(status.st_size - limit, 0), os.SEEK_SET)
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            # One read of *limit* bytes would allocate all of them.
            pieces = []
            while limit > 0 and (piece := stream.read(min(limit, _CHUNK))):
                pieces.append(piece)
                limit -= len(piece)
            return b"".join(pieces)
    finally:
        os.close(descriptor)
