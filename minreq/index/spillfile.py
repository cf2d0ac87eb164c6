"""Bytes put aside on disk: of the pages of an index a lock looks at a few files in a thousand."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from threading import Lock
from typing import BinaryIO, Protocol


class Keeper(Protocol):
    """Keeps bytes as long as somebody may ask for them."""

    def keep(self, text: bytes, /) -> int:
        """Put *text* aside; return where it begins."""
        ...

    def part(self, start: int, length: int, /) -> bytes:
        """Return *length* bytes from *start* on."""
        ...


class Aside:
    """Keeps bytes in a *file* that is only written at its end; shared by threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()

    def keep(self, text: bytes, /) -> int:
        """Put *text* aside; return where it begins. Raises ``OSError`` where the disk is full."""
        with self._lock:
            start = self._file.seek(0, io.SEEK_END)
            self._file.write(text)
            # Else a full disk would show itself later, to whoever reads some other page.
            self._file.flush()
            return start

    def part(self, start: int, length: int, /) -> bytes:
        """Return *length* bytes from *start* on."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(length)

    def close(self) -> None:
        """Forget everything, also what a full disk had no room for."""
        with suppress(OSError):
            self._file.close()


def in_memory() -> Aside:
    """For pages that are few, or small."""
    return Aside(io.BytesIO())


def on_disk() -> Aside:
    """For the pages of a whole index; the file has no name, so that nothing is left of it whatever happens."""
    return Aside(tempfile.TemporaryFile())
