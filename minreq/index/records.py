"""Caches on disk what minreq read from wheels, without a limit in time: a wheel with the same hash never changes.

It caches what minreq read from pages too, with the hash of the page.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from minreq.model import Member, Wheel
from minreq.system import cachefile, regularfile, temporary

_LOG = logging.getLogger(__name__)

#: Seconds after which `prune` removes an unused record.
_UNUSED_AGE = 30 * 24 * 60 * 60


class Records:
    """Metadata and directories of wheels, and facts of pages; shared by threads and processes.

    The key of a wheel is its URL with its SHA-256. minreq did not check the hash of a wheel that it read by range, so
    the URL makes sure that an index cannot change what minreq knows of another index's wheel. A wheel without a hash is
    not recorded. A full disk or a damaged record costs only time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._unfinished = folder.with_name("unfinished")
        temporary.remove_abandoned(self._unfinished)

    def metadata(self, wheel: Wheel) -> bytes | None:
        """Return the bytes of ``METADATA``, ``None`` where not recorded."""
        return self._read(_key(wheel), "metadata")

    def save_metadata(self, wheel: Wheel, text: bytes) -> None:
        """Record ``METADATA``."""
        self._write(_key(wheel), "metadata", text)

    def members(self, wheel: Wheel) -> tuple[Member, ...] | None:
        """Return the directory of the archive, ``None`` where not recorded."""
        text = self._read(_key(wheel), "members")
        if text is None:
            return None
        try:
            return tuple(Member(path=path, size=size) for path, size in json.loads(text))
        except (ValueError, TypeError):
            return None

    def save_members(self, wheel: Wheel, members: Sequence[Member]) -> None:
        """Record the directory of the archive."""
        rows = [[member.path, member.size] for member in members]
        self._write(_key(wheel), "members", json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode())

    def page(self, url: str) -> bytes | None:
        """Return the record of the page at *url*."""
        return self._read(url, "page")

    def save_page(self, url: str, text: bytes) -> None:
        """Replace the record of the page at *url*."""
        self._write(url, "page", text)

    def page_digest(self, name: str) -> bytes | None:
        """Return the digest of the page that was stored under *name*."""
        return self._read(name, "digest")

    def save_page_digest(self, name: str, digest: bytes) -> None:
        """Replace the digest of the page that is stored under *name*."""
        self._write(name, "digest", digest)

    def remove_page_digest(self, name: str) -> None:
        """Remove the digest of the page that is stored under *name*, whatever is in its place."""
        with suppress(OSError):
            regularfile.remove_any(self._path(name, "digest"))

    def _path(self, key: str, suffix: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest[2:]}.{suffix}"

    def _read(self, key: str | None, suffix: str) -> bytes | None:
        if key is None:
            return None
        return cachefile.read(self._path(key, suffix))

    def _write(self, key: str | None, suffix: str, text: bytes) -> None:
        if key is not None:
            cachefile.write(self._path(key, suffix), text, self._unfinished)


def _key(wheel: Wheel) -> str | None:
    return f"{wheel.url}#sha256={wheel.sha256}" if wheel.sha256 is not None else None


def prune(folder: Path) -> int:
    """Remove records in *folder* that nobody used for 30 days; return the freed bytes.

    Other processes may use the records at the same time: they read again what is missing. Whole pages are not records:
    their cache limits its own size.
    """
    oldest = time.time() - _UNUSED_AGE
    freed = 0
    for record in sorted(folder.glob("*/*")):
        with suppress(OSError):
            status = record.lstat()
            if status.st_mtime < oldest:
                record.unlink()
                _LOG.info("removed %s", record)
                freed += status.st_size
    return freed
