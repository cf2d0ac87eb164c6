"""Reads files that may be something else, by a mistake or by a child: a pipe or a device must not block minreq."""

from __future__ import annotations

import errno
import io
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


def read_whole(path: Path | str) -> bytes:
    """Return a regular file; otherwise like `read`."""
    with open_stream(path) as stream:
        return stream.read()


def read_text(path: Path | str, encoding: str = "utf-8", *, errors: str = "strict") -> str:
    """Return the text of a regular file; raise ``UnicodeDecodeError``, otherwise like `read`."""
    with open_stream(path) as stream, io.TextIOWrapper(stream, encoding, errors) as text:
        return text.read()


def open_stream(path: Path | str) -> BinaryIO:
    """Open a regular file or the null device; raise ``OSError`` for anything else; never wait."""
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    # The null device is a usual way to name an empty file.
    if stat.S_ISREG(status.st_mode) or os.path.samestat(status, Path(os.devnull).stat()):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
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
