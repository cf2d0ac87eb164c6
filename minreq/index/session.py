"""Sends requests with retries, limits of time and size, and ranges; a failure is an error of `minreq.errors`."""

from __future__ import annotations

import email.utils
import io
import re
import time
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import BinaryIO, TypeVar

import httpx
from hishel import CacheOptions
from hishel.httpx import CacheTransport

from minreq.errors import IndexStatusError, IndexUnreachable, SizeMismatch
from minreq.index.deadline import TOO_SLOW
from minreq.index.hostlimit import HostLimit
from minreq.index.network import ABANDONED, Network, NoStoreTransport
from minreq.index.pagecache import STORAGE_ERRORS, PageCache, PageDamaged, is_from_cache
from minreq.index.settings import IndexSettings
from minreq.index.urls import without_credentials
from minreq.model.parsing import shorten

#: Statuses after which a retry may succeed: too many requests, and faults of the server (those of pip, and 429).
RETRIED = frozenset({429, 500, 502, 503, 504, 520, 527})

#: The largest page or metadata file that is read, in decoded bytes; the largest of real indexes have some ten million.
PAGE_LIMIT = 64 << 20

#: The largest archive that is read when the index declares no size, in bytes.
ARCHIVE_LIMIT = 8 << 30

#: Bytes that are decoded at a time.
_DECODED_CHUNK = 1 << 20

#: A page or a part must arrive as a whole within this many timeouts.
_TIMEOUTS_PER_BODY = 20

#: Bytes a second: the download of an archive fails below this rate.
_MIN_RATE = 1000

#: Seconds: the longest delay between two tries, whatever the server asks.
_MAX_DELAY = 30.0

T = TypeVar("T")


class RangesRefused(Exception):
    """The server answered a range request without a range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole body, decoded."""

    #: The URL after redirects.
    url: str
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A range of an archive."""

    start: int
    body: bytes
    #: Bytes of the whole archive.
    total: int


class Session:
    """Sends requests; shared by threads.

    *hosts* is the folder of the limits that all processes of this machine share. *pause* waits between two tries, by
    default no longer than until :meth:`abandon`; *clock* returns the time; both in seconds.
    """

    def __init__(
        self,
        settings: IndexSettings,
        page_cache: PageCache,
        *,
        hosts: Path,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._retries = settings.retries
        self._body_timeout = settings.timeout * _TIMEOUTS_PER_BODY
        self._abandoned = Event()
        self._pause = pause or self._abandoned.wait
        self._clock = clock
        self._network = network = Network(settings, HostLimit(hosts, self._pause), clock)
        self._page_cache = page_cache
        # A private cache (RFC 9111) of one user.
        options = CacheOptions(shared=False, allow_stale=settings.offline)
        cached = CacheTransport(NoStoreTransport(network), storage=page_cache.storage, rfc=options)
        timeout = httpx.Timeout(settings.timeout, pool=None)
        self._pages = httpx.Client(transport=cached, trust_env=False, timeout=timeout, follow_redirects=True)
        self._uncached_pages = httpx.Client(transport=network, trust_env=False, timeout=timeout, follow_redirects=True)
        for client in (self._pages, self._uncached_pages):
            # The one encoding that `_decode` reads.
            client.headers["Accept-Encoding"] = "gzip"
        self._archives = httpx.Client(transport=network, trust_env=False, timeout=timeout, follow_redirects=True)
        self._archives.headers["Accept-Encoding"] = "identity"

    def abandon(self) -> None:
        """Let all running requests fail: the caller no longer needs their answers."""
        self._abandoned.set()
        self._network.abandon()

    def close(self) -> None:
        """Close connections and cache."""
        self._archives.close()
        self._pages.close()
        self._page_cache.close()

    def page(self, url: str, *, accept: str = "*/*", absent: Collection[int] = ()) -> Page | None:
        """Read a page or another small file, through the cache; ``None`` for a status in *absent*.

        Raises :class:`IndexUnreachable`, :class:`IndexStatusError`, :class:`SizeMismatch`.
        """

        def read(response: httpx.Response) -> Page | None:
            if response.status_code in absent:
                self._page_cache.check(name, response, b"")
                return None
            if is_from_cache(response) and response.status_code != httpx.codes.OK:
                raise PageDamaged
            _check_status(response, {httpx.codes.OK}, url)
            try:
                body = self._read_body(_decode(response), url, PAGE_LIMIT)
            except (httpx.RequestError, SizeMismatch) as error:
                if is_from_cache(response):
                    raise PageDamaged from error
                raise
            self._page_cache.check(name, response, body)
            return Page(url=str(response.url), content_type=response.headers.get("Content-Type", ""), body=body)

        name, headers = f"{accept} {url}", {"Accept": accept}
        try:
            return self._send(self._pages, url, headers, read)
        except STORAGE_ERRORS:
            self._page_cache.mark_damaged()
            return self._send(self._uncached_pages, url, headers, read)

    def part(self, url: str, start: int | None, length: int) -> Part:
        """Read *length* bytes of an archive from *start* on, or its last ones when *start* is ``None``.

        The part is shorter when the archive ends before.

        Raises :class:`RangesRefused` and what :meth:`page` raises.
        """
        byte_range = f"bytes=-{length}" if start is None else f"bytes={start}-{start + length - 1}"

        def read(response: httpx.Response) -> Part:
            if response.status_code in {200, 403, 405, 416, 501}:
                raise RangesRefused
            _check_status(response, {httpx.codes.PARTIAL_CONTENT}, url)
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
            if match is None:
                raise RangesRefused
            first, last, total = map(int, match.groups())
            if start not in {None, first} or not first <= last < min(first + length, total):
                raise RangesRefused
            body = self._read_body(response.iter_raw(), url, last - first + 1)
            return Part(start=first, body=body, total=total)

        return self._send(self._archives, url, {"Range": byte_range}, read)

    def download(self, url: str, to: BinaryIO, *, size: int | None) -> None:
        """Copy an archive to *to*, from its position on; *size* is the size that the index declares.

        Raises what :meth:`page` raises; then the written bytes are useless.
        """
        begin = to.tell()

        def read(response: httpx.Response) -> None:
            _check_status(response, {httpx.codes.OK}, url)
            to.seek(begin)
            to.truncate()
            limit = ARCHIVE_LIMIT if size is None else size
            # A large archive may take longer than an answer: only its rate is limited.
            self._network.deadline.stop()
            to.writelines(self._check_rate(_limit_size(response.iter_raw(), url, limit)))
            if size is not None and to.tell() - begin != size:
                raise SizeMismatch(without_credentials(url), size, to.tell() - begin)

        self._send(self._archives, url, {}, read)

    def _check_rate(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield *chunks*; raise where they arrive so slowly that a large archive would never be complete."""
        deadline, arrived = self._clock() + self._body_timeout, 0
        for chunk in chunks:
            arrived += len(chunk)
            if self._clock() > deadline:
                if arrived < self._body_timeout * _MIN_RATE:
                    raise httpx.ReadTimeout(TOO_SLOW)
                deadline, arrived = self._clock() + self._body_timeout, 0
            yield chunk

    def _read_body(self, chunks: Iterator[bytes], url: str, limit: int) -> bytes:
        """Join *chunks*, at most *limit* bytes; raise where they take too long, even if some bytes arrive."""
        deadline = self._clock() + self._body_timeout
        # A list of chunks would need the memory twice when they are joined.
        body = io.BytesIO()
        for chunk in _limit_size(chunks, url, limit):
            if self._clock() > deadline:
                raise httpx.ReadTimeout(TOO_SLOW)
            if self._abandoned.is_set():
                raise httpx.ReadError(ABANDONED)
            body.write(chunk)
        return body.getvalue()

    def _send(
        self, client: httpx.Client, url: str, headers: Mapping[str, str], read: Callable[[httpx.Response], T]
    ) -> T:
        """Request *url* until *read* can read the response, at most ``retries`` times more than once."""
        attempt = 0
        while True:
            self._network.deadline.start(self._body_timeout)
            try:
                with client.stream("GET", url, headers=headers) as response:
                    if response.status_code not in RETRIED or attempt >= self._retries:
                        return read(response)
                    retry_after = response.headers.get("Retry-After")
                    delay = _retry_delay(attempt, retry_after)
                    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or retry_after is not None:
                        self._network.hosts.hold_back(response.url.host, delay)
            except (httpx.RequestError, httpx.InvalidURL) as error:
                if self._abandoned.is_set():
                    raise IndexUnreachable(without_credentials(url), ABANDONED) from error
                if attempt >= self._retries or not _is_transient(error):
                    raise IndexUnreachable(without_credentials(url), str(error) or type(error).__name__) from error
                delay = _retry_delay(attempt, None)
            finally:
                self._network.deadline.stop()
            attempt += 1
            self._pause(delay)
            if self._abandoned.is_set():
                raise IndexUnreachable(without_credentials(url), ABANDONED)


def _check_status(response: httpx.Response, statuses: Collection[int], url: str) -> None:
    if response.status_code not in statuses:
        raise IndexStatusError(response.status_code, without_credentials(url))


def _decode(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body in pieces of limited size: httpx decodes each received piece as a whole, to a thousand times it.

    Raises ``httpx.DecodingError``.
    """
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        yield from response.iter_raw()
        return
    if encoding not in {"gzip", "x-gzip"}:
        raise httpx.DecodingError(f"the answer has the encoding {shorten(encoding)!r}, which minreq did not ask for")
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for chunk in response.iter_raw():
            yield decompressor.decompress(chunk, _DECODED_CHUNK)
            while decompressor.unconsumed_tail:
                yield decompressor.decompress(decompressor.unconsumed_tail, _DECODED_CHUNK)
        yield decompressor.flush()
    except zlib.error as error:
        raise httpx.DecodingError(str(error)) from error
    if not decompressor.eof:
        raise httpx.DecodingError("the compressed answer is cut")


def _limit_size(chunks: Iterator[bytes], url: str, limit: int) -> Iterator[bytes]:
    """Yield *chunks*; raise where they have more than *limit* bytes."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise SizeMismatch(without_credentials(url), limit, size)
        yield chunk


def _is_transient(error: Exception) -> bool:
    """Return whether another try may succeed."""
    if isinstance(error, (httpx.TooManyRedirects, httpx.InvalidURL, httpx.UnsupportedProtocol)):
        return False
    return "CERTIFICATE_VERIFY_FAILED" not in str(error)


def _retry_delay(attempt: int, retry_after: str | None) -> float:
    """Return the seconds before the next try: from the server (RFC 9110, section 10.2.3), else 1/4 s, then doubled."""
    if retry_after is not None:
        if retry_after.strip().isdecimal():
            return min(float(retry_after), _MAX_DELAY)
        try:
            moment = email.utils.parsedate_to_datetime(retry_after)
        except ValueError:
            pass
        else:
            return min(max(moment.timestamp() - time.time(), 0.0), _MAX_DELAY)
    return min(0.25 * 2.0**attempt, _MAX_DELAY)
