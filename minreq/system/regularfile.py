"""Files of which a child decided where or what they are: a pipe or a device in the place of one ends no lock."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_CHUNK = 1 << 20


def read(path: Path, most: int) -> bytes:
    """Return the first *most* bytes of a regular file; raises ``OSError`` for whatever is none, and never waits."""
    # A pipe that nobody writes to would be waited for as it is opened.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            # Asked for all at once, the whole of *most* would be reserved.
            pieces = []
            while most > 0 and (piece := stream.read(min(most, _CHUNK))):
                pieces.append(piece)
                most -= len(piece)
            return b"".join(pieces)
    finally:
        os.close(descriptor)
