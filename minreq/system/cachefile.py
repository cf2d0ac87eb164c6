"""Files of a cache, which minreq can make again: each begins with the SHA-256 of the rest.

What is cut, changed, unreadable, a link, a pipe or a folder counts as absent, and the next `write` replaces it.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from minreq.system import regularfile, temporary


def read(path: Path) -> bytes | None:
    """Return the content of the file at *path*; ``None`` where there is none that can be trusted."""
    try:
        with regularfile.open_own(path) as stream:
            digest, _, content = stream.read().partition(b"\n")
            if digest != _digest(content):
                return None
            with suppress(OSError):
                os.utime(stream.fileno())  # The time of the last use, for those who remove what is unused.
            return content
    except OSError:
        return None


def write(path: Path, content: bytes, scratch: Path) -> None:
    """Replace the file at *path*, whatever is there; do nothing where that fails, as on a full disk.

    *scratch* is a folder on the same file system, for what is not complete yet.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.mkdir(parents=True, exist_ok=True)
        with temporary.make_temporary_folder(scratch) as folder:
            whole = folder / path.name
            whole.write_bytes(_digest(content) + b"\n" + content)
            regularfile.replace(whole, path)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
