"""Reads files that may be something else, by a mistake or by a child: a pipe or a device must not block minreq."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20


def read(path: Path, limit: int) -> bytes:
    """Return the first *limit* bytes of a regular file; raise ``OSError`` for anything else; never wait."""
    return _read(path, limit, from_end=False)


def read_end(path: Path, limit: int) -> bytes:
    """Return the last *limit* bytes of a regular file; otherwise like `read`."""
    return _read(path, limit, from_end=True)


def read_text(path: Path) -> str:
    """Return the text of a regular file in UTF-8; raise ``UnicodeDecodeError``, otherwise like `read`."""
    with open_stream(path) as stream:
        return stream.read().decode("utf-8")


def open_stream(path: Path) -> BinaryIO:
    """Open a regular file; raise ``OSError`` for anything else; never wait."""
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def _read(path: Path, limit: int, *, from_end: bool) -> bytes:
    with open_stream(path) as stream:
        if from_end:
            stream.seek(max(os.fstat(stream.fileno()).st_size - limit, 0))
        # One read of *limit* bytes would allocate all of them.
        pieces = []
        while limit > 0 and (piece := stream.read(min(limit, _CHUNK))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
