"""The index client: reads the files of a project, and of a wheel its metadata, its directory and its members."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar, final

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import HashMismatch, ProjectNotFound, ProjectQuarantined, StoreUnwritable
from minreq.index import coremetadata
from minreq.index.defaultindex import default_index
from minreq.index.listing import Listing
from minreq.index.locations import FindLinks, Location, ProjectEntry, open_index
from minreq.index.pagecache import PageCache
from minreq.index.pagereader import PageReader
from minreq.index.records import Records
from minreq.index.session import Session
from minreq.index.settings import IndexSettings
from minreq.index.simple import HASH_NAMES, ProjectStatus
from minreq.index.urls import local_path, without_credentials
from minreq.index.wheelreader import WheelReader
from minreq.model import Member, Metadata, Sdist, Wheel
from minreq.system.onceperkey import OncePerKey

#: Pages and wheels that are read at the same time in the background.
_THREADS = 16

_CHUNK = 1 << 20

F = TypeVar("F", bound=Wheel | Sdist)


@final
class IndexClient:
    """Reads all configured indexes and folders as one; shared by threads, closed by ``with``.

    *cache* is a folder for three things: pages, by the rules of HTTP; metadata and directories of wheels, without a
    limit in time; and the facts of requested files, valid for a page with the same hash. No result and no error
    contains credentials. The client reads each page and wheel once, so its results agree with each other. It asks no
    index for *own_project*, which is built on this machine. *pause* waits between two tries of a request, *clock*
    returns the time.
    """

    def __init__(
        self,
        settings: IndexSettings,
        cache: Path,
        *,
        own_project: NormalizedName | None = None,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnwritable(cache, error.strerror or str(error)) from error
        self._settings = settings
        self.cache = cache
        self._own_project = own_project
        self._records = Records(cache / "wheels")
        self._session = Session(
            settings, PageCache(cache, self._records), hosts=cache / "hosts", pause=pause, clock=clock
        )
        self._reader = WheelReader(self._session)
        self._pages = PageReader(self._records)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="minreq-index")
        self._locations: OncePerKey[None, tuple[Location, ...]] = OncePerKey()
        self._listings: OncePerKey[NormalizedName, Listing] = OncePerKey()
        self._metadata: OncePerKey[Wheel, Metadata] = OncePerKey()
        self._members: OncePerKey[Wheel, tuple[Member, ...]] = OncePerKey()
        #: By URL.
        self._computed: OncePerKey[str, frozenset[str]] = OncePerKey()

    def __enter__(self) -> IndexClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Abandon the work in the background, and close every connection."""
        self._session.abandon()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._reader.close()
        self._session.close()
        self._pages.close()

    def releases(self, name: NormalizedName) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Return every file of a project by version, from all indexes and folders, merged as in pip; see `Listing`.

        Raises :class:`ProjectNotFound` when no location has the project; :class:`ProjectQuarantined` when one has put
        it in quarantine; :class:`IndexUnreachable`, :class:`IndexStatusError`, :class:`IndexInsecure`,
        :class:`PageUnreadable`, :class:`IndexVersionUnsupported` when any location fails: without it the result would
        be another one.
        """
        return self._listing(name)

    def files(self, name: NormalizedName) -> tuple[Wheel | Sdist, ...]:
        """Return every file of a project, the oldest version first; raises what `releases` raises."""
        return tuple(file for files in self.releases(name).values() for file in files)

    def files_named(self, name: NormalizedName, filenames: Collection[str]) -> tuple[Wheel | Sdist, ...]:
        """Return the files of a project with these names; the facts of its other files are not parsed.

        Raises what `releases` raises.
        """
        return self._listing(name).files_named(filenames)

    def project_status(self, name: NormalizedName) -> ProjectStatus:
        """Return the status of a project; the first location with another one than ``active`` decides.

        Raises what `releases` raises.
        """
        return self._listing(name).project_status

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        """Read the pages of *names* in the background."""
        for name in names:
            self._listings.start(name, partial(self._read_listing, name), self._threads)

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return the core metadata of *wheel*, by the cheapest way that its index allows; it is recorded in the cache.

        Raises :class:`ArchiveUnreadable`, :class:`MetadataMismatch`, :class:`HashMismatch`, and what the network does.
        """
        return self._metadata.get(wheel, partial(self._read_metadata, wheel))

    def prefetch_metadata(self, wheels: Iterable[Wheel]) -> None:
        """Read the metadata of *wheels* in the background."""
        for wheel in wheels:
            self._metadata.start(wheel, partial(self._read_metadata, wheel), self._threads)

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        """Return the files in *wheel*, sorted by path; they are recorded in the cache.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """
        return self._members.get(wheel, partial(self._read_directory, wheel))

    def prefetch_members(self, wheels: Iterable[Wheel]) -> None:
        """Read the directories of *wheels* in the background."""
        for wheel in wheels:
            self._members.start(wheel, partial(self._read_directory, wheel), self._threads)

    def read(self, wheel: Wheel, paths: Iterable[str]) -> dict[str, bytes]:
        """Return the contents of some files in *wheel*, by path, without those that it does not have.

        One range request fetches neighbours together, several requests run at the same time. Do not call it from the
        background threads of this client.

        Raises :class:`ArchiveUnreadable` and what the network does.
        """
        return self._reader.read(wheel, sorted(set(paths)), self._threads)

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the whole archive to *to*; the caller checks the hash.

        Raises :class:`SizeMismatch` as soon as the archive exceeds the size that the index declared, and what the
        network does.
        """
        self._reader.download(wheel, to)

    def identify(self, file: F) -> F:
        """Return *file* with its SHA-256 and all hashes that pip accepts, computed from the file; each is read once.

        Raises :class:`HashMismatch` where the index gives another hash of any kind, and what the network does.
        """
        computed = self._computed.get(file.url, partial(self._compute_hashes, file))
        given = file.other_hashes | ({f"sha256:{file.sha256}"} if file.sha256 else frozenset())
        for each in sorted(given - computed):
            name = each.partition(":")[0]
            found = next(hash_ for hash_ in computed if hash_.startswith(f"{name}:"))
            raise HashMismatch(file.filename, each, found)
        digest = next(hash_ for hash_ in computed if hash_.startswith("sha256:"))
        return replace(file, sha256=digest.partition(":")[2], other_hashes=computed - {digest})

    def _compute_hashes(self, file: Wheel | Sdist) -> frozenset[str]:
        digests = {name: hashlib.new(name, usedforsecurity=False) for name in HASH_NAMES}
        with self._reader.open_whole(file) as stream:
            while chunk := stream.read(_CHUNK):
                for digest in digests.values():
                    digest.update(chunk)
        return frozenset(f"{name}:{digest.hexdigest()}" for name, digest in digests.items())

    def _listing(self, name: NormalizedName) -> Listing:
        return self._listings.get(name, partial(self._read_listing, name))

    def _open_locations(self) -> tuple[Location, ...]:
        settings, session, pages = self._settings, self._session, self._pages
        indexes: list[Location] = []
        if not settings.no_index:
            indexes.append(open_index(settings.index_url or default_index(self.cache), session, pages, extra=False))
            indexes += [open_index(url, session, pages, extra=True) for url in settings.extra_index_urls]
        return (*indexes, *(FindLinks(url, session) for url in settings.find_links))

    def _read_listing(self, name: NormalizedName) -> Listing:
        entries: list[tuple[Location, ProjectEntry | None]] = []
        for location in self._locations.get(None, self._open_locations):
            # After the first index that has the project, no other index sees the name. --find-links counts always: the
            # user has chosen those archives and pages.
            has_index = self._settings.first_index and any(entry is not None for _, entry in entries)
            # A project that the user builds from a folder is not the project of that name on an index.
            has_index = has_index or name == self._own_project
            if isinstance(location, FindLinks) or not has_index:
                entries.append((location, location.find_project(name)))
        if all(entry is None for _, entry in entries):
            raise ProjectNotFound(name, tuple(location.project_url(name) for location, _ in entries))
        for location, entry in entries:
            if entry is not None and entry.project_status.status == "quarantined":
                url = without_credentials(location.project_url(name))
                raise ProjectQuarantined(name, url, entry.project_status.reason)
        return Listing(name, ((location, entry) for location, entry in entries if entry is not None))

    def _read_metadata(self, wheel: Wheel) -> Metadata:
        text = self._records.metadata(wheel)
        if text is None:
            text = self._read_metadata_file(wheel)
        if text is None:
            text = self._read_outline(wheel)[0]
        return coremetadata.parse(text, wheel)

    def _read_metadata_file(self, wheel: Wheel) -> bytes | None:
        """Read the metadata file beside a wheel (PEP 658); return ``None`` when the index has none."""
        if wheel.metadata_sha256 is None or local_path(wheel.url) is not None:
            return None
        page = self._session.page(f"{wheel.url}.metadata", absent={403, 404, 410})
        if page is None:
            return None
        found = hashlib.sha256(page.body).hexdigest()
        if wheel.metadata_sha256 and found != wheel.metadata_sha256:
            raise HashMismatch(f"{wheel.filename}.metadata", wheel.metadata_sha256, found)
        self._records.save_metadata(wheel, page.body)
        return page.body

    def _read_directory(self, wheel: Wheel) -> tuple[Member, ...]:
        return self._records.members(wheel) or self._read_outline(wheel)[1]

    def _read_outline(self, wheel: Wheel) -> tuple[bytes, tuple[Member, ...]]:
        """Read metadata and directory, which lie side by side at the end of a wheel, and record both."""
        text, members = self._reader.read_outline(wheel)
        self._records.save_metadata(wheel, text)
        self._records.save_members(wheel, members)
        return text, members
