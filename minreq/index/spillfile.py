"""Keeps the bytes of index pages out of memory: of a page's files, a lock reads a few in a thousand."""

from __future__ import annotations

import io
import tempfile
from contextlib import suppress
from threading import Lock
from typing import BinaryIO, Protocol


class ByteStore(Protocol):
    """Keeps bytes, to be read again later."""

    def append(self, data: bytes, /) -> int:
        """Write *data* at the end; return where it starts."""
        ...

    def read(self, start: int, length: int, /) -> bytes:
        """Return *length* bytes from *start* on."""
        ...


class SpillFile:
    """Keeps bytes in a *file*, written only at its end; shared by threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()

    @classmethod
    def in_memory(cls) -> SpillFile:
        """For a few pages, or small ones."""
        return cls(io.BytesIO())

    @classmethod
    def on_disk(cls) -> SpillFile:
        """For the pages of a whole index; the file has no name, so nothing of it remains, even after a kill."""
        return cls(tempfile.TemporaryFile())

    def append(self, data: bytes, /) -> int:
        """Write *data* at the end; return where it starts. Raises ``OSError`` where the disk is full."""
        with self._lock:
            start = self._file.seek(0, io.SEEK_END)
            self._file.write(data)
            # Without it a full disk would raise later, in a thread that reads another page.
            self._file.flush()
            return start

    def read(self, start: int, length: int, /) -> bytes:
        """Return *length* bytes from *start* on."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(length)

    def close(self) -> None:
        """Delete all bytes, even those that did not fit on a full disk."""
        with suppress(OSError):
            self._file.close()
