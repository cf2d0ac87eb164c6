"""Pages that did not change are not understood anew: what they said of some files is kept beside their hash."""

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
from minreq.index.aside import Aside, on_disk
from minreq.index.records import Records
from minreq.index.session import Page
from minreq.index.simple import Link, ProjectPage, Standing, listed

#: Raised when a page is understood otherwise than before.
_SCHEMA = 1


class PageReader:
    """Understands pages, one at a time; shared by threads.

    Until a file is asked for, its page lies on disk. The processor understands no more than one at a time anyway, and
    each thread that ever held a large page would keep the room for another. *aside* is where, a file without a name if
    not said.
    """

    def __init__(self, records: Records, aside: Aside | None = None) -> None:
        self._records = records
        try:
            self._aside = aside or on_disk()
        except OSError as error:
            raise _no_room(error) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="minreq-pages")

    def close(self) -> None:
        """Forget all pages; nobody may be waiting for one."""
        self._thread.shutdown()
        self._aside.close()

    def read(self, page: Page) -> RememberedPage:
        """Return what *page* says.

        Raises :class:`PageUnreadable`, :class:`IndexTooNew` and :class:`TemporaryFolderUnwritable`.
        """
        url, content_type, length = page.url, page.content_type, len(page.body)
        try:
            start = self._aside.keep(page.body)
        except OSError as error:
            raise _no_room(error) from error

        def understand() -> ProjectPage:
            try:
                body = self._aside.part(start, length)
                return simple.parse(body, content_type=content_type, url=url, keeper=self._aside, start=start)
            except OSError as error:
                raise _no_room(error) from error

        remembered = RememberedPage(page, self._records, lambda: self._thread.submit(understand).result())
        del page
        remembered.check()
        return remembered


def _no_room(error: OSError) -> TemporaryFolderUnwritable:
    return TemporaryFolderUnwritable(Path(tempfile.gettempdir()), error.strerror or str(error))


class RememberedPage:
    """A page of an index that was just read; its files are understood when somebody asks for all of them.

    A judgement on a lock asks for some fifty files of seventy thousand, whose pages seldom change from one hour to the
    next. *understand* does it anew.
    """

    def __init__(self, page: Page, records: Records, understand: Callable[[], ProjectPage]) -> None:
        self._url = page.url
        self._digest = _digest(page)
        self._records = records
        self._understand = understand
        self._known = _load(records.page(page.url), self._digest)
        # Not before somebody asks, where it is known to be a page.
        self._page: ProjectPage | None = None

    def check(self) -> None:
        """Understand the page where it is not known to be one; raises what that does."""
        if not self._known:
            self._whole()

    @property
    def standing(self) -> Standing:
        """How the project stands."""
        return Standing(**self._known["standing"]) if self._known else self._whole().standing

    @property
    def links(self) -> tuple[Link, ...]:
        """All files, in the order of the page."""
        return self._whole().links

    def named(self, filenames: Collection[str]) -> tuple[Link, ...]:
        """The files with these names, in the order of the page."""
        if self._known and self._known["asked"].keys() >= {*filenames}:
            facts = [each for each in self._known["files"] if each["filename"] in filenames]
            return listed(facts, self._known["base"])
        page = self._whole()
        # With what other locks ask for: whoever comes next may be one of them.
        asked = {*filenames, *(self._known["asked"] if self._known else ())}
        found = page.named(asked)
        known = {
            "digest": self._digest,
            "standing": {"status": page.standing.status, "reason": page.standing.reason},
            "asked": dict.fromkeys(sorted(asked)),
            "base": found[0].page.url if found else self._url,
            "files": [dict(link.facts) for link in found],
        }
        self._records.keep_page(self._url, json.dumps(known).encode())
        return tuple(link for link in found if link.filename in filenames)

    def _whole(self) -> ProjectPage:
        # Two threads may both come here; they find the same.
        if self._page is None:
            self._page = self._understand()
        return self._page


def _digest(page: Page) -> str:
    digest = hashlib.sha256(f"{_SCHEMA} {page.content_type} {page.url}\n".encode())
    digest.update(page.body)
    return digest.hexdigest()


def _load(text: bytes | None, digest: str) -> Any:
    """Return what was recorded of the page with that *digest*; ``None`` where it was another page."""
    known = json.loads(text) if text is not None else None
    return known if known is not None and known["digest"] == digest else None
