"""Requests that end well or in one of our errors: retries, time and size limits, ranges."""

from __future__ import annotations

import email.utils
import io
import logging
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeVar

import httpx
from hishel import CacheOptions, SqliteStorage
from hishel.httpx import CacheTransport

from minreq.errors import IndexAnswered, IndexUnreachable, SizeMismatch
from minreq.index.network import ABANDONED, Network, Storable
from minreq.index.settings import IndexSettings
from minreq.index.urls import bare

#: What may pass when tried again: too many requests, and the server's own faults (as pip, which leaves out 429).
RETRIED = frozenset({429, 500, 502, 503, 504, 520, 527})

#: The largest page or metadata file that is read, in bytes; the largest of real indexes has some ten million.
PAGE_LIMIT = 256 << 20

#: The largest archive that is read when the index declares no size, in bytes.
ARCHIVE_LIMIT = 8 << 30

#: A page or a part must have come as a whole within this many timeouts.
_PATIENCE = 20

#: Bytes a second: an archive that comes slower does not come.
_SLOWEST = 1000

#: Seconds: no wait between two tries is longer, whatever the server asks.
_LONGEST_WAIT = 30.0

T = TypeVar("T")

# A cache that cannot be read or written costs time, no result: hishel logs it, and without any handler Python would
# print that on stderr.
logging.getLogger("hishel").addHandler(logging.NullHandler())


class RangesRefused(Exception):
    """The server does not answer a range request with a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A body that was read as a whole, decoded."""

    #: Where it was found in the end, after redirects.
    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of an archive."""

    start: int
    body: bytes
    #: Bytes of the whole archive.
    total: int


class Session:
    """Sends requests; shared by threads.

    *pause* waits between two tries, by default until :meth:`abandon` at the longest; *clock* tells the time; both in
    seconds.
    """

    def __init__(
        self,
        settings: IndexSettings,
        cache: Path,
        *,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retries = settings.retries
        self._patience = settings.timeout * _PATIENCE
        self._abandoned = Event()
        self._pause = pause or self._abandoned.wait
        self._clock = clock
        self._network = network = Network(settings)
        storage = SqliteStorage(database_path=cache / "pages.sqlite", max_size=512 << 20)
        # A private cache (RFC 9111): it is one user's.
        cached = CacheTransport(
            Storable(network), storage=storage, rfc=CacheOptions(shared=False, allow_stale=settings.offline)
        )
        timeout = httpx.Timeout(settings.timeout, pool=None)
        self._pages = httpx.Client(transport=cached, trust_env=False, timeout=timeout, follow_redirects=True)
        self._archives = httpx.Client(transport=network, trust_env=False, timeout=timeout, follow_redirects=True)
        self._archives.headers["Accept-Encoding"] = "identity"

    def abandon(self) -> None:
        """Let requests that are under way fail; nobody wants their answers any more."""
        self._abandoned.set()
        self._network.abandon()

    def close(self) -> None:
        """Close connections and cache."""
        self._archives.close()
        self._pages.close()

    def page(self, url: str, *, accept: str = "*/*", absent: Collection[int] = ()) -> Page | None:
        """Read a page or another small file, through the cache; ``None`` for a status in *absent*.

        Raises :class:`IndexUnreachable`, :class:`IndexAnswered`, :class:`SizeMismatch`.
        """

        def read(response: httpx.Response) -> Page | None:
            if response.status_code in absent:
                return None
            _expect(response, {httpx.codes.OK}, url)
            body = self._whole(response.iter_bytes(), url, PAGE_LIMIT)
            return Page(url=str(response.url), content_type=response.headers.get("Content-Type", ""), body=body)

        return self._send(self._pages, url, {"Accept": accept}, read)

    def part(self, url: str, start: int | None, length: int) -> Part:
        """Read *length* bytes of an archive from *start* on, or its last ones when that is ``None``.

        Fewer come back when the archive ends before.

        Raises :class:`RangesRefused` and what :meth:`page` raises.
        """
        asked = f"bytes=-{length}" if start is None else f"bytes={start}-{start + length - 1}"

        def read(response: httpx.Response) -> Part:
            if response.status_code in {200, 403, 405, 416, 501}:
                raise RangesRefused
            _expect(response, {httpx.codes.PARTIAL_CONTENT}, url)
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
            if match is None:
                raise RangesRefused
            first, last, total = map(int, match.groups())
            if start not in {None, first} or not first <= last < min(first + length, total):
                raise RangesRefused
            body = self._whole(response.iter_raw(), url, last - first + 1)
            return Part(start=first, body=body, total=total)

        return self._send(self._archives, url, {"Range": asked}, read)

    def download(self, url: str, to: BinaryIO, *, size: int | None) -> None:
        """Copy an archive to *to*, from its position on; *size* is what the index declares.

        Raises what :meth:`page` raises; then what was written is of no use.
        """
        begin = to.tell()

        def read(response: httpx.Response) -> None:
            _expect(response, {httpx.codes.OK}, url)
            to.seek(begin)
            to.truncate()
            most = ARCHIVE_LIMIT if size is None else size
            to.writelines(self._steadily(_within(response.iter_raw(), url, most)))
            if size is not None and to.tell() - begin != size:
                raise SizeMismatch(bare(url), size, to.tell() - begin)

        self._send(self._archives, url, {}, read)

    def _steadily(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Pass *chunks* on, as long as they come at a rate at which an archive would ever be whole."""
        deadline, came = self._clock() + self._patience, 0
        for chunk in chunks:
            came += len(chunk)
            if self._clock() > deadline:
                if came < self._patience * _SLOWEST:
                    raise httpx.ReadTimeout("the answer came too slowly")
                deadline, came = self._clock() + self._patience, 0
            yield chunk

    def _whole(self, chunks: Iterator[bytes], url: str, limit: int) -> bytes:
        """Join *chunks*, at most *limit* bytes, that must have come soon: a byte now and then is no answer."""
        deadline = self._clock() + self._patience
        # Grown in place: a list of chunks would be there beside what they are joined to.
        body = io.BytesIO()
        for chunk in _within(chunks, url, limit):
            if self._clock() > deadline:
                raise httpx.ReadTimeout("the answer came too slowly")
            if self._abandoned.is_set():
                raise httpx.ReadError(ABANDONED)
            body.write(chunk)
        return body.getvalue()

    def _send(
        self, client: httpx.Client, url: str, headers: Mapping[str, str], read: Callable[[httpx.Response], T]
    ) -> T:
        """Ask for *url* until the answer can be read, at most ``retries`` times more than once."""
        tried = 0
        while True:
            try:
                with client.stream("GET", url, headers=headers) as response:
                    if response.status_code not in RETRIED or tried >= self._retries:
                        return read(response)
                    wait = _wait(tried, response.headers.get("Retry-After"))
            except (httpx.RequestError, httpx.InvalidURL) as error:
                if self._abandoned.is_set():
                    raise IndexUnreachable(bare(url), ABANDONED) from error
                if tried >= self._retries or not _may_pass(error):
                    raise IndexUnreachable(bare(url), str(error) or type(error).__name__) from error
                wait = _wait(tried, None)
            tried += 1
            self._pause(wait)
            if self._abandoned.is_set():
                raise IndexUnreachable(bare(url), ABANDONED)


def _expect(response: httpx.Response, statuses: Collection[int], url: str) -> None:
    if response.status_code not in statuses:
        raise IndexAnswered(response.status_code, bare(url))


def _within(chunks: Iterator[bytes], url: str, limit: int) -> Iterator[bytes]:
    """Pass *chunks* on, at most *limit* bytes of them."""
    passed = 0
    for chunk in chunks:
        passed += len(chunk)
        if passed > limit:
            raise SizeMismatch(bare(url), limit, passed)
        yield chunk


def _may_pass(error: Exception) -> bool:
    """Whether another try may end otherwise."""
    if isinstance(error, (httpx.TooManyRedirects, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return False
    return "CERTIFICATE_VERIFY_FAILED" not in str(error)


def _wait(tried: int, retry_after: str | None) -> float:
    """Seconds before the next try: what the server asks (RFC 9110, section 10.2.3), else a quarter second, doubled."""
    if retry_after is not None:
        if retry_after.strip().isdecimal():
            return min(float(retry_after), _LONGEST_WAIT)
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            pass
        else:
            return min(max(moment.timestamp() - time.time(), 0.0), _LONGEST_WAIT)
    return min(0.25 * 2.0**tried, _LONGEST_WAIT)
