"""The cache of pages on disk: a database of hishel, which has no hashes, and beside it the hash of each page."""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import httpx
from hishel import SqliteStorage

from minreq.index.records import Records
from minreq.system import regularfile

_SUFFIXES = ("", "-wal", "-shm", "-journal")
#: Bytes that the pages may take.
_MAX_SIZE = 512 << 20

_logger = logging.getLogger("hishel")
# An unusable cache costs only time. hishel logs the error, and without any handler Python would print that on stderr.
_logger.addHandler(logging.NullHandler())


class PageDamaged(Exception):
    """A page in the cache is not the page that was stored."""


#: What is raised for the content of a damaged database; hishel has no class for it.
STORAGE_ERRORS = (PageDamaged, sqlite3.Error, RuntimeError, ValueError, TypeError, LookupError)


class PageCache(logging.Handler):
    """Where pages are stored; a damaged database is removed at the end, so that the next one is whole.

    *folder* is the cache of the index; *records* have the hashes.
    """

    def __init__(self, folder: Path, records: Records) -> None:
        super().__init__()
        self._records = records
        self._files = [folder / f"pages.sqlite{suffix}" for suffix in _SUFFIXES]
        # SQLite and hishel would follow a link, and write into the file that it leads to.
        if not all(map(_is_usable, (*self._files, folder / ".gitignore"))):
            self._remove(folder / ".gitignore")
        self.storage = SqliteStorage(database_path=self._files[0], max_size=_MAX_SIZE)
        self._is_damaged = False
        _logger.addHandler(self)

    def close(self) -> None:
        """Remove the database if it is damaged; nobody may use the storage any more."""
        _logger.removeHandler(self)
        self.storage.close()
        if self._is_damaged:
            self._remove()
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        """Notice what hishel reports of a damaged database; a full disk or a long wait damages nothing."""
        error = record.exc_info[1] if record.exc_info else None
        self._is_damaged |= error is not None and not isinstance(error, (sqlite3.OperationalError, OSError))

    def mark_damaged(self) -> None:
        """Let `close` remove the database."""
        self._is_damaged = True

    def check(self, name: str, response: httpx.Response, body: bytes) -> None:
        """Compare a whole *response* from the cache with its record; record a new one under *name*.

        Raises `PageDamaged`.
        """
        head = f"{response.status_code} {response.headers.get('Content-Type', '')} {response.url}\n"
        if not is_from_cache(response):
            # What was not stored is never compared.
            if is_stored(response):
                self._records.save_page_digest(name, _digest(head, body))
        elif self._records.page_digest(name) != _digest(head, body):
            # The page may never be stored again, and then nothing would replace what is there.
            self._records.remove_page_digest(name)
            raise PageDamaged

    def _remove(self, *others: Path) -> None:
        for file in (*self._files, *others):
            with suppress(OSError):
                regularfile.remove_any(file)


def is_stored(response: httpx.Response) -> bool:
    """Whether *response* came from the network, and is stored while it is read."""
    return bool(response.extensions.get("caching", {}).get("stored"))


def is_from_cache(response: httpx.Response) -> bool:
    """Whether *response* was stored before."""
    return bool(response.extensions.get("caching", {}).get("from_cache"))


def _digest(head: str, body: bytes) -> bytes:
    digest = hashlib.sha256(head.encode())
    digest.update(body)
    return digest.hexdigest().encode()


def _is_usable(file: Path) -> bool:
    """Whether *file* can be opened, or made."""
    if not os.path.lexists(file):
        return True
    return regularfile.is_regular(file) and os.access(file, os.R_OK | os.W_OK)
