"""What has been read out of wheels, kept on disk for ever: a file of an index never changes under its hash.

What was read out of a page is kept too, beside the hash of the page.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from minreq.model import Member, Wheel
from minreq.system import temporary

#: Seconds after which a record that was not used is removed.
_UNUSED_AGE = 30 * 24 * 60 * 60


class Records:
    """Metadata and directories of wheels, and what pages said; shared by threads and processes.

    The key of a wheel is URL and SHA-256 together: what was read by range has not been checked against the hash, so an
    index can only deceive about what it serves itself. A wheel without a hash is not recorded. A full disk costs time,
    no result; so does a damaged record, as each begins with its own SHA-256.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder.with_name("unfinished")
        temporary.sweep(self._unfinished)

    def metadata(self, wheel: Wheel) -> bytes | None:
        """The bytes of ``METADATA``, where recorded."""
        return self._read(_key(wheel), "metadata")

    def keep_metadata(self, wheel: Wheel, text: bytes) -> None:
        """Record ``METADATA``."""
        self._write(_key(wheel), "metadata", text)

    def members(self, wheel: Wheel) -> tuple[Member, ...] | None:
        """The directory of the archive, where recorded."""
        text = self._read(_key(wheel), "members")
        if text is None:
            return None
        try:
            return tuple(Member(path=path, size=size) for path, size in json.loads(text))
        except (ValueError, TypeError):
            return None

    def keep_members(self, wheel: Wheel, members: Sequence[Member]) -> None:
        """Record the directory of the archive."""
        rows = [[member.path, member.size] for member in members]
        self._write(_key(wheel), "members", json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode())

    def page(self, url: str) -> bytes | None:
        """What was recorded of the page at *url*."""
        return self._read(url, "page")

    def keep_page(self, url: str, text: bytes) -> None:
        """Record what the page at *url* says, instead of what it said."""
        self._write(url, "page", text)

    def _path(self, key: str, what: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest[2:]}.{what}"

    def _read(self, key: str | None, what: str) -> bytes | None:
        if key is None:
            return None
        path = self._path(key, what)
        try:
            digest, _, text = path.read_bytes().partition(b"\n")
        except OSError:
            return None
        if digest != _digest(text):
            return None
        with suppress(OSError):
            os.utime(path)  # The time of last use, for `prune`.
        return text

    def _write(self, key: str | None, what: str, text: bytes) -> None:
        if key is None:
            return
        path = self._path(key, what)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished.mkdir(exist_ok=True)
            with temporary.folder(self._unfinished) as folder:
                whole = folder / path.name
                whole.write_bytes(_digest(text) + b"\n" + text)
                whole.replace(path)
        except OSError:
            return


def _key(wheel: Wheel) -> str | None:
    return f"{wheel.url}#sha256={wheel.sha256}" if wheel.sha256 is not None else None


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def prune(folder: Path) -> int:
    """Remove records of *folder* that were not used for 30 days; return the bytes that were freed.

    Safe while others use them: what is removed is read anew. Whole pages are not of these: their cache limits itself.
    """
    oldest = time.time() - _UNUSED_AGE
    freed = 0
    for record in sorted(folder.glob("*/*")):
        with suppress(OSError):
            status = record.stat()
            if status.st_mtime < oldest:
                record.unlink()
                freed += status.st_size
    return freed
