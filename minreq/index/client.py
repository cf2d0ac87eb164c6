"""The index client: files of a project, metadata and directory of a wheel, bytes; what the other stages ask."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, final

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import HashMismatch, ProjectNotFound, ProjectQuarantined, StoreUnwritable
from minreq.index import coremetadata
from minreq.index.defaultindex import default_index
from minreq.index.listing import Listing
from minreq.index.once import Once
from minreq.index.places import FindLinks, Offers, Place, place
from minreq.index.records import Records
from minreq.index.remembered import PageReader
from minreq.index.session import Session
from minreq.index.settings import IndexSettings
from minreq.index.simple import Standing
from minreq.index.urls import bare, local_path
from minreq.index.wheelreader import WheelReader
from minreq.model import Member, Metadata, Sdist, Wheel

#: Pages and wheels that are read at once in the background.
_THREADS = 16


@final
class IndexClient:
    """Every index and folder that is configured, as one; shared by threads, closed by ``with``.

    *cache* is a folder of its own for pages (by the rules of HTTP), for what was read out of wheels (for ever), and for
    what pages said of files that were asked for (beside the hash of the page, of use only where it comes again).
    Nothing it returns or raises holds credentials. Each page and wheel is asked for once in a client's life, so all
    answers of one client agree with each other. Of *own*, a project that is built here, no index is asked. *pause*
    waits between two tries of a request, *clock* tells the time.
    """

    def __init__(
        self,
        settings: IndexSettings,
        cache: Path,
        *,
        own: NormalizedName | None = None,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnwritable(cache, error.strerror or str(error)) from error
        self._settings = settings
        self._cache = cache
        self._own = own
        self._session = Session(settings, cache, pause=pause, clock=clock)
        self._reader = WheelReader(self._session)
        self._records = Records(cache / "wheels")
        self._pages = PageReader(self._records)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="minreq-index")
        self._places: Once[None, tuple[Place, ...]] = Once(self._find_places)
        self._listings: Once[NormalizedName, Listing] = Once(self._list)
        self._metadata: Once[Wheel, Metadata] = Once(self._find_metadata)
        self._members: Once[Wheel, tuple[Member, ...]] = Once(self._find_members)

    def __enter__(self) -> IndexClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is still under way in the background, and close every connection."""
        self._session.abandon()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._reader.close()
        self._session.close()
        self._pages.close()

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Every file of a project by version, over all indexes and folders, as pip merges them; see `Listing`.

        Raises :class:`ProjectNotFound` when no place knows the project; :class:`ProjectQuarantined` when one holds it
        for unsafe; :class:`IndexUnreachable`, :class:`IndexAnswered`, :class:`IndexNotTrusted`,
        :class:`PageUnreadable`, :class:`IndexTooNew` when any place fails: an answer from the others alone would be
        another answer.
        """
        return self._listings.get(name)

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        """Every file of a project, the oldest version first; raises as `releases` does."""
        return tuple(file for files in self.releases(name).values() for file in files)

    def named(self, name: NormalizedName, filenames: Collection[str]) -> tuple[Wheel | Sdist, ...]:
        """The files of a project that have one of these names; nothing is learnt about the others.

        Raises as `releases` does.
        """
        return self._listings.get(name).named(filenames)

    def standing(self, name: NormalizedName) -> Standing:
        """How a project stands where it was found; the first place that says more than ``active`` counts.

        Raises as `releases` does.
        """
        return self._listings.get(name).standing

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Begin to read the pages of *names* in the background."""
        for name in names:
            self._listings.start(name, self._threads)

    def metadata(self, wheel: Wheel) -> Metadata:
        """The core metadata of *wheel*, by the cheapest way its index allows, recorded for ever.

        Raises :class:`ArchiveUnreadable`, :class:`MetadataMismatch`, :class:`HashMismatch`, and what the network does.
        """
        return self._metadata.get(wheel)

    def prefetch_metadata(self, wheels: Iterable[Wheel]) -> None:
        """Begin to read the metadata of *wheels* in the background."""
        for wheel in wheels:
            self._metadata.start(wheel, self._threads)

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        """The files in *wheel*, sorted by path, recorded for ever.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """
        return self._members.get(wheel)

    def prefetch_members(self, wheels: Iterable[Wheel]) -> None:
        """Begin to read the directories of *wheels* in the background."""
        for wheel in wheels:
            self._members.start(wheel, self._threads)

    def read(self, wheel: Wheel, paths: Iterable[str]) -> dict[str, bytes]:
        """The contents of some files in *wheel*, by path; fetched by range, neighbours together, side by side.

        What is not in it is left out. Not to be called from the background threads of this client.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """
        return self._reader.contents(wheel, sorted(set(paths)), self._threads)

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the whole archive to *to*; the hash is left to whoever keeps it.

        Raises :class:`SizeMismatch` as soon as more comes than the index declared, and what the network does.
        """
        self._reader.download(wheel, to)

    def _find_places(self, _: None) -> tuple[Place, ...]:
        settings = self._settings
        found: list[Place] = []
        if not settings.no_index:
            found.append(
                place(settings.index_url or default_index(self._cache), self._session, self._pages, extra=False)
            )
            found += [place(url, self._session, self._pages, extra=True) for url in settings.extra_index_urls]
        return (*found, *(FindLinks(url, self._session) for url in settings.find_links))

    def _list(self, name: NormalizedName) -> Listing:
        offers: list[tuple[Place, Offers | None]] = []
        for each in self._places.get(None):
            # The other indexes are not even told the name. Archives and pages in --find-links the user has chosen.
            known = self._settings.first_index and any(page is not None for _, page in offers)
            # What the user builds from a folder is not somebody else's project of that name on an index.
            known = known or name == self._own
            if isinstance(each, FindLinks) or not known:
                offers.append((each, each.page(name)))
        if all(page is None for _, page in offers):
            raise ProjectNotFound(name, tuple(place.page_of(name) for place, _ in offers))
        for each, page in offers:
            if page is not None and page.standing.status == "quarantined":
                raise ProjectQuarantined(name, bare(each.page_of(name)), page.standing.reason)
        return Listing(name, ((place, page) for place, page in offers if page is not None))

    def _find_metadata(self, wheel: Wheel) -> Metadata:
        text = self._records.metadata(wheel)
        if text is None:
            text = self._metadata_beside(wheel)
        if text is None:
            text = self._look_into(wheel)[0]
        return coremetadata.parse(text, wheel)

    def _metadata_beside(self, wheel: Wheel) -> bytes | None:
        """The metadata file that PEP 658 puts beside a wheel; ``None`` when it is not offered, or not there."""
        if wheel.metadata_sha256 is None or local_path(wheel.url) is not None:
            return None
        page = self._session.page(f"{wheel.url}.metadata", absent={403, 404, 410})
        if page is None:
            return None
        found = hashlib.sha256(page.body).hexdigest()
        if wheel.metadata_sha256 and found != wheel.metadata_sha256:
            raise HashMismatch(f"{wheel.filename}.metadata", wheel.metadata_sha256, found)
        self._records.keep_metadata(wheel, page.body)
        return page.body

    def _find_members(self, wheel: Wheel) -> tuple[Member, ...]:
        return self._records.members(wheel) or self._look_into(wheel)[1]

    def _look_into(self, wheel: Wheel) -> tuple[bytes, tuple[Member, ...]]:
        """Read metadata and directory, which lie side by side at the end of a wheel, and record both."""
        text, members = self._reader.outline(wheel)
        self._records.keep_metadata(wheel, text)
        self._records.keep_members(wheel, members)
        return text, members
