"""The listeners of the emulator on real sockets, and their records of requests."""

from __future__ import annotations

import ast
import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import httpx
import pytest
import trustme

from minreq.smoke.emulator import quota, server
from minreq.smoke.emulator.__main__ import run_command
from minreq.smoke.emulator.message import Request, Response, stream_response
from minreq.smoke.emulator.recording import record_request
from minreq.smoke.emulator.server import Listeners

T = TypeVar("T")


@dataclass
class Loop:
    """An event loop in a thread of its own, so that a test can be a client."""

    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def do(self, awaitable: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await awaitable

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result()


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    thread = Thread(target=loop.loop.run_forever)
    thread.start()
    yield loop
    loop.do(settled())
    loop.loop.call_soon_threadsafe(loop.loop.stop)
    thread.join()
    loop.loop.close()


async def settled() -> None:
    """Let the server notice the connections that were closed."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def echo(request: Request) -> Response:
    """Answer with the body of the request; in parts for one path."""
    if request.raw_path == "/parts":
        return stream_response("text/plain", [b"one", b"two"])
    if request.raw_path == "/fault":
        message = "a fault of the emulator"
        raise KeyError(message)
    return Response(body=request.body)


@pytest.fixture
def listeners(loop: Loop, context: ssl.SSLContext) -> Iterator[Listeners]:
    listeners = Listeners(handler=echo)
    loop.do(listeners.open(context))

    async def close() -> None:
        listeners.close()

    yield listeners
    loop.do(close())


@pytest.fixture
def client(listeners: Listeners) -> Iterator[HTTPConnection]:
    connection = HTTPConnection("127.0.0.1", listeners.ports["http"])
    yield connection
    connection.close()


def ask(connection: HTTPConnection, *request: Any, **more: Any) -> tuple[int, bytes]:
    connection.request(*request, **more)
    response = connection.getresponse()
    return response.status, response.read()


def raw(listeners: Listeners, data: bytes) -> bytes:
    """Send *data*; return what arrives until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", listeners.ports["http"])) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_connection_is_kept_for_the_next_request(client: HTTPConnection) -> None:
    assert ask(client, "POST", "/", body=b"first") == (200, b"first")
    kept = client.sock
    assert ask(client, "POST", "/", body=b"second") == (200, b"second")
    assert client.sock is kept


def test_connection_is_closed_on_request(client: HTTPConnection) -> None:
    client.request("GET", "/", headers={"Connection": "close"})
    response = client.getresponse()
    assert (response.read(), response.getheader("connection"), client.sock) == (b"", "close", None)


def test_body_comes_in_chunks(client: HTTPConnection) -> None:
    assert ask(client, "POST", "/", body=iter([b"a", b"bc"]), encode_chunked=True) == (200, b"abc")


def test_answer_goes_out_in_chunks(client: HTTPConnection) -> None:
    client.request("GET", "/parts")
    response = client.getresponse()
    assert (response.getheader("transfer-encoding"), response.read()) == ("chunked", b"onetwo")


def test_tls_with_the_certificate(listeners: Listeners, authority: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    connection = HTTPSConnection("127.0.0.1", listeners.ports["https"], context=trusting)
    assert ask(connection, "POST", "/", body=b"secret") == (200, b"secret")
    connection.close()


@pytest.fixture
def http2_client(loop: Loop, authority: trustme.CA) -> Iterator[httpx.Client]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols([server.HTTP2, "http/1.1"])
    authority.issue_cert("127.0.0.1").configure_cert(context)
    listeners = Listeners(handler=echo)
    loop.do(listeners.open(context))
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def close() -> None:
        listeners.close()

    with httpx.Client(
        http2=True, verify=trusting, base_url=f"https://127.0.0.1:{listeners.ports['https']}", trust_env=False
    ) as client:
        yield client
    loop.do(close())


def test_http2(http2_client: httpx.Client) -> None:
    """Several requests on one connection, more than a window in both directions, and an answer in parts."""
    body = bytes(range(256)) * 2000
    for _ in range(2):
        answer = http2_client.post("/a", content=body)
        assert (answer.http_version, answer.status_code, answer.content == body) == ("HTTP/2", 200, True)
    assert http2_client.get("/parts").text == "onetwo"
    assert http2_client.get("/fault").status_code == 500


def test_http2_body_that_is_too_long(http2_client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MAX_BODY_SIZE", 1000)
    with pytest.raises(httpx.RemoteProtocolError):
        http2_client.post("/a", content=b"x" * 2000)


def test_what_is_not_http2(http2_client: httpx.Client, authority: trustme.CA) -> None:
    """A client that agrees on HTTP/2 and sends something else gets a GOAWAY, and harms nobody."""
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    trusting.set_alpn_protocols([server.HTTP2])
    place = ("127.0.0.1", http2_client.base_url.port or 0)
    with socket.create_connection(place) as plain, trusting.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        tls.sendall(b"GET / HTTP/1.1\r\n\r\n" + bytes(64))
        assert b"".join(iter(lambda: tls.recv(65536), b""))
    assert http2_client.post("/a", content=b"x").text == "x"


def test_client_that_does_not_trust_harms_nobody(listeners: Listeners, client: HTTPConnection) -> None:
    stranger = HTTPSConnection("127.0.0.1", listeners.ports["https"], context=ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/")
    stranger.close()
    assert ask(client, "GET", "/") == (200, b"")


def test_client_may_wait_for_leave_to_send(listeners: Listeners) -> None:
    said = raw(listeners, b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
    assert said.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert said.endswith(b"hi")


def test_trailers_of_a_chunked_body_are_passed_over(listeners: Listeners) -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nTrailer: x\r\n\r\n"
    assert raw(listeners, chunked).endswith(b"hi")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", id="old version"),
        pytest.param(b"nonsense\r\n\r\n", id="no request line"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", id="length no number"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", id="too long"),
        pytest.param(b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n", id="head too long"),
    ],
)
def test_what_is_no_request_is_refused(listeners: Listeners, data: bytes) -> None:
    assert raw(listeners, data).startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not listeners.requests


def test_a_body_in_many_chunks_is_limited(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sum of its chunks."""
    monkeypatch.setattr(server, "_MAX_BODY_SIZE", 1000)
    data = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"190\r\n" + bytes(0x190) + b"\r\n"
    assert b"A body of 1200 bytes is too long." in raw(listeners, data + (b"190\r\n" + bytes(0x190) + b"\r\n") * 2)
    assert not listeners.requests


def test_bodies_at_the_same_time_are_limited(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends too much is refused, and others are answered when the first is done."""
    monkeypatch.setattr(quota, "MAX_HELD_SIZE", 1000)
    head = b"POST / HTTP/1.1\r\nContent-Length: 800\r\n\r\n"
    with socket.create_connection(("127.0.0.1", listeners.ports["http"])) as first:
        first.sendall(head + bytes(700))
        while not listeners.quota._held:
            time.sleep(0.01)
        assert b"The emulator holds" in raw(listeners, head)
        first.sendall(bytes(100))
        assert first.recv(65536).startswith(b"HTTP/1.1 200 OK")
        while listeners.quota._held:
            time.sleep(0.01)
    assert raw(listeners, head + bytes(800)).startswith(b"HTTP/1.1 200 OK")


def test_what_is_recorded_is_limited(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "MAX_RECORDED_SIZE", 10_000)
    answers = raw(listeners, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 20)
    assert answers.count(b"200 OK") == len(listeners.requests) == 7
    assert answers.count(b"507 Insufficient Storage") == 13


def test_connections_are_limited(listeners: Listeners, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_MAX_CONNECTIONS", 2)
    place = ("127.0.0.1", listeners.ports["http"])
    with socket.create_connection(place) as first, socket.create_connection(place) as second:
        for each in (first, second):
            each.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert each.recv(65536).startswith(b"HTTP/1.1 200 OK")
        with socket.create_connection(place) as third, suppress(ConnectionError):
            assert third.recv(65536) == b""


def test_half_a_request_is_forgotten(listeners: Listeners) -> None:
    assert raw(listeners, b"POST / HTT") == b""
    assert raw(listeners, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf") == b""
    assert not listeners.requests


def test_fault_is_an_answer_and_not_a_lost_connection(client: HTTPConnection) -> None:
    status, body = ask(client, "GET", "/fault")
    assert (status, b"a fault of the emulator" in body) == (500, True)


def test_requests_are_recorded_in_order(listeners: Listeners, client: HTTPConnection) -> None:
    ask(client, "POST", "/a?b=c", body=b"body", headers={"X-Name": "value"})
    ask(client, "GET", "/parts")
    first, second = listeners.requests
    assert (first["method"], first["target"], first["body"]) == ("POST", "/a?b=c", "body")
    assert first["headers"] == [
        ["host", "{http}"],
        ["accept-encoding", "identity"],
        ["content-length", "4"],
        ["x-name", "value"],
    ]
    assert second["target"] == "/parts"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("http://127.0.0.1:80/x https://localhost:443/", "http://{http}/x https://{https}/"),
        ("id 01234567-89ab-4def-8123-456789abcdef.", "id {uuid}."),
        ("20260102T030405Z", "{time}"),
        ("Credential=KEY/20260102/us/sts/aws4_request", "Credential=KEY/{date}/us/sts/aws4_request"),
        (f"Signature={'0a' * 32}", "Signature={signature}"),
        ("Boto3/1 m/Z,b,E cfg/retry", "Boto3/1 m/E,Z,b cfg/retry"),
    ],
)
def test_what_differs_in_every_run_is_recorded_by_name(sent: str, kept: str) -> None:
    request = Request(method="POST", target="/", headers=(("x-it", sent),), body=sent.encode())
    record = record_request(request, {"http": 80, "https": 443})
    assert (record["headers"], record["body"]) == ([["x-it", kept]], kept)


def test_body_that_is_no_text_is_recorded_by_its_digest() -> None:
    record = record_request(Request(method="POST", target="/", headers=(), body=b"\xff"), {})
    assert record["body"] == "sha256:a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89"


def test_a_long_body_is_recorded_by_its_digest_and_grows_by_no_boundary() -> None:
    headers = (("content-type", "multipart/form-data; boundary=a"),)
    record = record_request(Request(method="POST", target="/", headers=headers, body=b"a" * (2 << 20)), {})
    assert str(record["body"]).startswith("sha256:")
    record = record_request(Request(method="POST", target="/", headers=headers, body=b"aaa"), {})
    assert record["body"] == "aaa"


def test_commands_open_and_close_names(loop: Loop, context: ssl.SSLContext) -> None:
    opened: dict[str, Listeners] = {}

    def command(said: dict[str, str]) -> dict[str, Any]:
        return loop.do(run_command(said, opened, context))

    ports = command({"open": "a"})
    assert (ports["name"], set(ports)) == ("a", {"name", "http", "https"})
    assert command({"open": "a"})["error"] == "'a' is open already"
    connection = HTTPConnection("127.0.0.1", ports["http"])
    assert ask(connection, "GET", "/nowhere")[0] == 404
    closed = command({"close": "a"})
    assert [each["target"] for each in closed["requests"]] == ["/nowhere"]
    connection.close()
    assert command({"close": "a"})["error"] == "'a' is not open"
    assert command({"dance": "a"})["error"] == "no such command: ['dance']"


@pytest.mark.parametrize("file", sorted(Path(server.__file__).parent.glob("*.py")), ids=lambda file: file.name)
def test_only_the_standard_library_is_imported(file: Path) -> None:
    """So the process starts fast, and is the same in every installation; a client of HTTP/2 waits for one library."""
    libraries = {"h2"} if file.name == "http2.py" else set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        imported = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            imported.append(str(node.module))
        for name in imported:
            top = name.partition(".")[0]
            assert top in {*sys.stdlib_module_names, *libraries} or name.startswith("minreq.smoke.emulator"), name
