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


#: Bytes that wait in memory for the first look-up; where nothing changed it never comes.
_MOST_WAITING = 64 << 20


class SpillFile:
    """Keeps bytes in a *file*, written only at its end, from the first look-up on; shared by threads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = Lock()
        self._written = 0
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._is_read = False

    @classmethod
    def in_memory(cls) -> SpillFile:
        """For a few pages, or small ones."""
        return cls(io.BytesIO())

    @classmethod
    def on_disk(cls) -> SpillFile:
        """For the pages of a whole index; the file has no name, so nothing of it remains, even after a kill."""
        return cls(tempfile.TemporaryFile())

    def append(self, data: bytes, /) -> int:
        """Add *data* at the end; return where it starts. Raises ``OSError`` where the disk is full."""
        with self._lock:
            start = self._written + self._waiting_bytes
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            if self._is_read or self._waiting_bytes > _MOST_WAITING:
                self._write()
            return start

    def read(self, start: int, length: int, /) -> bytes:
        """Return *length* bytes from *start* on. Raises ``OSError`` where the disk is full."""
        with self._lock:
            self._is_read = True
            self._write()
            self._file.seek(start)
            return self._file.read(length)

    def _write(self) -> None:
        if self._waiting:
            self._file.seek(self._written)
            for data in self._waiting:
                self._file.write(data)
            # Without it a full disk would raise later, in a thread that reads another page.
            self._file.flush()
            self._written += self._waiting_bytes
            self._waiting, self._waiting_bytes = [], 0

    def close(self) -> None:
        """Delete all bytes, even those that did not fit on a full disk."""
        with suppress(OSError):
            self._file.close()
