"""Parses pages of an index, and reuses what it recorded about files of a page that has not changed since."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from minreq.errors import TemporaryFolderUnwritable
from minreq.index import simple
from minreq.index.records import Records
from minreq.index.session import Page
from minreq.index.simple import Link, ProjectPage, ProjectStatus, links_from_facts
from minreq.index.spillfile import SpillFile

#: Increased when minreq parses a page in another way than before.
_SCHEMA = 1


class PageReader:
    """Parses pages, one at a time; shared by threads.

    A page lies in *spill_file*, by default on disk, until somebody asks for its files. All pages are parsed in one
    thread: Python runs one at a time anyway, and each thread that ever held a large page would keep memory for another.
    """

    def __init__(self, records: Records, spill_file: SpillFile | None = None) -> None:
        self._records = records
        try:
            self._spill_file = spill_file or SpillFile.on_disk()
        except OSError as error:
            raise _disk_error(error) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="minreq-pages")

    def close(self) -> None:
        """Delete all pages; no thread may still wait for one."""
        self._thread.shutdown()
        self._spill_file.close()

    def read(self, page: Page) -> CachedPage:
        """Return the parsed *page*.

        Raises :class:`PageUnreadable`, :class:`IndexVersionUnsupported` and :class:`TemporaryFolderUnwritable`.
        """
        url, content_type, length = page.url, page.content_type, len(page.body)
        try:
            start = self._spill_file.append(page.body)
        except OSError as error:
            raise _disk_error(error) from error

        def parse() -> ProjectPage:
            try:
                body = self._spill_file.read(start, length)
                return simple.parse(body, content_type=content_type, url=url, store=self._spill_file, start=start)
            except OSError as error:
                raise _disk_error(error) from error

        cached = CachedPage(page, self._records, lambda: self._thread.submit(parse).result())
        del page
        cached.check()
        return cached


def _disk_error(error: OSError) -> TemporaryFolderUnwritable:
    return TemporaryFolderUnwritable(Path(tempfile.gettempdir()), error.strerror or str(error))


class CachedPage:
    """A page of an index; *parse* is called only for files that are not in the records of the same page.

    A check of a lock asks for some fifty files of seventy thousand, and their pages seldom change within an hour.
    """

    def __init__(self, page: Page, records: Records, parse: Callable[[], ProjectPage]) -> None:
        self._url = page.url
        self._digest = _digest(page)
        self._records = records
        self._parse = parse
        self._recorded = _load(records.page(page.url), self._digest)
        self._page: ProjectPage | None = None

    def check(self) -> None:
        """Parse the page unless an equal page was parsed before; raise what the parser raises."""
        if not self._recorded:
            self._parsed()

    @property
    def project_status(self) -> ProjectStatus:
        """The status of the project."""
        return ProjectStatus(**self._recorded["standing"]) if self._recorded else self._parsed().project_status

    @property
    def links(self) -> tuple[Link, ...]:
        """All files, in the order of the page."""
        return self._parsed().links

    def links_named(self, filenames: Collection[str]) -> tuple[Link, ...]:
        """Return the links with these file names, in the order of the page."""
        if self._recorded and self._recorded["asked"].keys() >= {*filenames}:
            facts = [each for each in self._recorded["files"] if each["filename"] in filenames]
            return links_from_facts(facts, self._recorded["base"])
        page = self._parsed()
        # The record keeps the files that other locks asked for: one of these may ask next.
        recorded_names = {*filenames, *(self._recorded["asked"] if self._recorded else ())}
        links = page.links_named(recorded_names)
        record = {
            "digest": self._digest,
            "standing": {"status": page.project_status.status, "reason": page.project_status.reason},
            "asked": dict.fromkeys(sorted(recorded_names)),
            "base": links[0].page.url if links else self._url,
            "files": [dict(link.facts) for link in links],
        }
        self._records.save_page(self._url, json.dumps(record).encode())
        return tuple(link for link in links if link.filename in filenames)

    def _parsed(self) -> ProjectPage:
        # Two threads may both run this; they get the same result.
        if self._page is None:
            self._page = self._parse()
        return self._page


def _digest(page: Page) -> str:
    digest = hashlib.sha256(f"{_SCHEMA} {page.content_type} {page.url}\n".encode())
    digest.update(page.body)
    return digest.hexdigest()


def _load(record: bytes | None, digest: str) -> Any:
    """Return the values of a *record*, ``None`` where it is about a page with another *digest*."""
    values = json.loads(record) if record is not None else None
    return values if values is not None and values["digest"] == digest else None
