"""Servers that send too much or too slowly: each request ends, with an error and without the memory of the machine."""

from __future__ import annotations

import gzip
import io
import json
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

import pytest
from cannedserver import CannedResponse, serve_responses
from packaging.utils import canonicalize_name

from minreq.errors import IndexFailure, IndexUnreachable, SizeMismatch
from minreq.index import session
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.index.simple import file_from_url
from minreq.model import Wheel

pytestmark = pytest.mark.one_python

A = canonicalize_name("a")
JSON = "application/vnd.pypi.simple.v1+json"
#: Of the client, in seconds; a whole answer may take 20 times as long.
TIMEOUT = 0.05


@contextmanager
def dripping(before: bytes, piece: bytes) -> Iterator[str]:
    """Serve *before* at once, and then *piece* again and again, each long before a timeout."""
    over = Event()

    def serve() -> None:
        while not over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                Thread(target=answer, args=[connection], daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(before)
            while not over.wait(TIMEOUT / 5):
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.05)
        thread = Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple/"
        finally:
            over.set()
            thread.join()


def wheel(url: str) -> Wheel:
    found = file_from_url(f"{url}a-1.0-py3-none-any.whl")
    assert isinstance(found, Wheel)
    return found


REQUESTS: dict[str, Callable[[IndexClient, str], object]] = {
    "page": lambda client, _: client.files(A),
    "part": lambda client, url: client.members(wheel(url)),
    "download": lambda client, url: client.download(wheel(url), io.BytesIO()),
}
START = b"HTTP/1.1 200 OK\r\nContent-Type: " + JSON.encode() + b"\r\n"
#: What comes at once, and what comes forever.
ANSWERS = {
    "status": (b"HTTP/1.1 200 O", b"K"),
    "header": (START + b"X: ", b"x"),
    "headers": (START, b"X: x\r\n"),
    "other answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "nothing": (b"", b"\r\n"),
}
BODIES = {
    "body": (START + b"Content-Length: 1000000\r\n\r\n", b" "),
    "chunk size": (START + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunks": (START + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "trailers": (START + b"Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n", b"X: x\r\n"),
    "compressed body": (
        START + b"Content-Encoding: gzip\r\nContent-Length: 1000000\r\n\r\n" + gzip.compress(b"{}"),
        b" ",
    ),
}
CASES = [
    *((what, answer) for what in REQUESTS for answer in ANSWERS.items()),
    *(("page", answer) for answer in BODIES.items()),
]


@pytest.mark.parametrize(("what", "answer"), CASES, ids=[f"{what}: {answer[0]}" for what, answer in CASES])
def test_an_answer_that_never_ends(what: str, answer: tuple[str, tuple[bytes, bytes]], tmp_path: Path) -> None:
    """Each byte comes in time, and the answer does not."""
    begin = time.monotonic()
    with dripping(*answer[1]) as url:
        settings = IndexSettings(index_url=url, timeout=TIMEOUT, retries=0)
        with IndexClient(settings, tmp_path) as client, pytest.raises(IndexUnreachable):
            REQUESTS[what](client, url)
    assert time.monotonic() - begin < 60


def test_a_connection_that_was_used_before_has_a_limit_too(tmp_path: Path) -> None:
    """And so has each answer of a chain of redirects, all of them together."""
    with dripping(b"HTTP/1.1 301 Moved\r\nLocation: /simple/b/\r\nContent-Length: 0\r\n\r\n", b"x") as url:
        settings = IndexSettings(index_url=url, timeout=TIMEOUT, retries=1)
        with IndexClient(settings, tmp_path) as client, pytest.raises(IndexUnreachable):
            client.files(A)


@pytest.mark.parametrize("header", [b"X: " + b"x" * (1 << 20), b"X: x\r\n" * (1 << 18)], ids=["long", "many"])
def test_headers_without_end(header: bytes, tmp_path: Path) -> None:
    with dripping(START + header, b"") as url:
        settings = IndexSettings(index_url=url, timeout=TIMEOUT, retries=0)
        with IndexClient(settings, tmp_path) as client, pytest.raises(IndexUnreachable):
            client.files(A)


MEASURED = """
import resource, sys
from pathlib import Path
from minreq.errors import IndexFailure
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with IndexClient(IndexSettings(index_url=sys.argv[1], retries=0), Path(sys.argv[2])) as client:
    try:
        client.files("a")
    except IndexFailure as error:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, error)
"""


def test_a_small_answer_that_unpacks_to_much(tmp_path: Path) -> None:
    """A quarter of a megabyte for 256; a limit on what was sent would not see it."""
    compressor = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(compressor.compress(b" " * (1 << 20)) for _ in range(256)), compressor.flush()])
    assert len(bomb) < 300_000
    with serve_responses(
        lambda _: CannedResponse(body=bomb, headers={"Content-Type": JSON, "Content-Encoding": "gzip"})
    ) as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, server.origin, tmp_path], capture_output=True, text=True, check=True
        )
    kilobytes, _, sentence = done.stdout.partition(" ")
    assert str(session.PAGE_LIMIT) in sentence
    assert int(kilobytes) < 200_000


def test_pages_are_decoded_in_pieces(tmp_path: Path) -> None:
    page = json.dumps({"meta": {"api-version": "1.0"}, "name": "a", "files": [], "x": "x" * (5 << 20)}).encode()
    with (
        serve_responses(
            lambda _: CannedResponse(
                body=gzip.compress(page), headers={"Content-Type": JSON, "Content-Encoding": "gzip"}
            )
        ) as server,
        IndexClient(IndexSettings(index_url=server.origin), tmp_path) as client,
    ):
        assert client.files(A) == ()
        assert server.requests[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("cut", [True, False])
def test_another_encoding_or_half_of_one_is_an_error(cut: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's.
    body = gzip.compress(b"{}" * 1000)
    response = CannedResponse(
        body=body[:-10] if cut else body, headers={"Content-Type": JSON, "Content-Encoding": "gzip" if cut else "br"}
    )
    with (
        serve_responses(lambda _: response) as server,
        IndexClient(IndexSettings(index_url=server.origin, retries=0), tmp_path) as client,
        pytest.raises(IndexFailure, match="cut" if cut else "did not ask for"),
    ):
        client.files(A)


def test_a_page_over_the_limit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(session, "PAGE_LIMIT", 100)
    response = CannedResponse(body=b" " * 101, headers={"Content-Type": JSON})
    with (
        serve_responses(lambda _: response) as server,
        IndexClient(IndexSettings(index_url=server.origin), tmp_path) as client,
        pytest.raises(SizeMismatch),
    ):
        client.files(A)
