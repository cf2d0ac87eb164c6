"""Serves a wheelhouse on loopback: the Simple API as JSON and HTML, archives with ranges, metadata files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name
from wheelhouse import Wheelhouse, project_html, project_json, root_html

_JSON = "application/vnd.pypi.simple.v1+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFeatures:
    """What the server supports; real indexes lack one or the other."""

    #: Answers ``Range`` with 206; without it the whole file is sent with 200.
    ranges: bool = True
    #: Metadata files beside the wheels (PEP 658).
    metadata: bool = False
    #: The JSON form of the Simple API; without it every page is HTML.
    json: bool = True
    #: Path to the status of its response: ``{"/simple/a/": 500}``.
    failures: Mapping[str, int] = field(default_factory=dict)
    #: ``user:password`` that every request must have.
    credentials: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request that reached the server."""

    method: str
    path: str
    range: str | None
    accept: str | None
    authorization: str | None


@dataclass(slots=True, kw_only=True)
class IndexServer:
    """A running server."""

    wheelhouse: Wheelhouse
    features: ServerFeatures
    #: ``http://127.0.0.1:PORT``.
    origin: str
    #: Every request so far, in the order of arrival.
    requests: list[ReceivedRequest] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The index URL, for ``--index-url``."""
        return f"{self.origin}/simple/"


@contextmanager
def serve(wheelhouse: Wheelhouse, features: ServerFeatures | None = None) -> Iterator[IndexServer]:
    """Serve *wheelhouse* on a free port of loopback until the block ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as http:
        http.daemon_threads = True
        running = IndexServer(
            wheelhouse=wheelhouse,
            features=features or ServerFeatures(),
            origin=f"http://127.0.0.1:{http.server_address[1]}",
        )
        http.RequestHandlerClass = type("Handler", (_Handler,), {"index": running})
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            http.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: ClassVar[IndexServer]

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is BaseHTTPRequestHandler's.
        """Stay silent: ``IndexServer.requests`` is the log."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        header = self.headers.get
        self.index.requests.append(
            ReceivedRequest(
                method=self.command,
                path=path,
                range=header("Range"),
                accept=header("Accept"),
                authorization=header("Authorization"),
            )
        )
        features = self.index.features
        if path in features.failures:
            self._send(features.failures[path], b"failure as configured")
        elif features.credentials is not None and not self._authorized(features.credentials):
            self._send(HTTPStatus.UNAUTHORIZED, b"", {"WWW-Authenticate": 'Basic realm="index"'})
        elif match := re.fullmatch(r"/simple/(?:([^/]+)/)?", path):
            self._page(match[1])
        elif match := re.fullmatch(r"/simple/([^/]+)", path):
            self._send(HTTPStatus.MOVED_PERMANENTLY, b"", {"Location": f"{path}/"})
        elif match := re.fullmatch(r"/files/([^/]+?)(\.metadata)?", path):
            self._file(match[1], metadata=match[2] is not None)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"no such page")

    def _authorized(self, credentials: str) -> bool:
        expected = "Basic " + base64.b64encode(credentials.encode()).decode()
        return self.headers.get("Authorization") == expected

    def _page(self, name: str | None) -> None:
        house, features = self.index.wheelhouse, self.index.features
        if name is None:
            self._send(HTTPStatus.OK, root_html(house.projects).encode(), {"Content-Type": "text/html"})
        elif name != canonicalize_name(name) or name not in house.projects:
            self._send(HTTPStatus.NOT_FOUND, b"no such project")
        elif features.json and _JSON in self.headers.get("Accept", ""):
            text = project_json(name, house.of(name), metadata=features.metadata)
            self._cacheable(text.encode(), _JSON, "max-age=600")
        else:
            text = project_html(house.of(name), metadata=features.metadata)
            self._cacheable(text.encode(), "text/html; charset=utf-8", "max-age=600")

    def _file(self, filename: str, *, metadata: bool) -> None:
        archive = next((a for a in self.index.wheelhouse.archives if a.path.name == filename), None)
        if archive is None or (metadata and not self.index.features.metadata):
            self._send(HTTPStatus.NOT_FOUND, b"no such file")
        elif metadata:
            self._cacheable(archive.release.metadata().encode(), "text/plain", "max-age=31536000, immutable")
        else:
            # Read from disk, so that a test may damage the file.
            self._ranged(archive.path.read_bytes())

    def _cacheable(self, body: bytes, content_type: str, cache_control: str) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        headers = {"Content-Type": content_type, "Cache-Control": cache_control, "ETag": etag, "Vary": "Accept"}
        if self.headers.get("If-None-Match") == etag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", headers)
        else:
            self._send(HTTPStatus.OK, body, headers)

    def _ranged(self, body: bytes) -> None:
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if match is None or not self.index.features.ranges:
            advertised = {"Accept-Ranges": "bytes"} if self.index.features.ranges else {}
            self._cacheable_file(HTTPStatus.OK, body, advertised)
            return
        first, last = match[1], match[2]
        start = int(first) if first else max(0, len(body) - int(last))
        stop = min(len(body), int(last) + 1) if first and last else len(body)
        if start >= stop:
            self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        where = f"bytes {start}-{stop - 1}/{len(body)}"
        self._cacheable_file(HTTPStatus.PARTIAL_CONTENT, body[start:stop], {"Content-Range": where})

    def _cacheable_file(self, status: HTTPStatus, body: bytes, headers: Mapping[str, str]) -> None:
        cache = {"Content-Type": "application/octet-stream", "Cache-Control": "max-age=31536000, immutable"}
        self._send(status, body, cache | dict(headers))

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
