"""Serve HTTP on loopback, HTTP/2 with TLS: a pair of listeners for each name that records the requests."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from minreq.smoke.emulator.message import Request, Response
from minreq.smoke.emulator.quota import Quota, QuotaExceeded
from minreq.smoke.emulator.recording import record_request

#: Bytes. No smoke sends more; a longer body is refused, so that a mistake does not fill the memory.
_MAX_BODY_SIZE = 64 * 1024 * 1024
#: Connections under one name at a time; the process may have a thousand open files.
_MAX_CONNECTIONS = 128

#: The name that a client and this server agree on by ALPN (RFC 9113, section 3.1).
HTTP2 = "h2"

Handler = Callable[[Request], Response]


class _MalformedRequest(Exception):
    """The request is not HTTP/1.1; the text is sent to the client."""


@dataclass(slots=True, kw_only=True)
class Listeners:
    """The two listeners of one name, with the requests that they received."""

    handler: Handler
    #: Hosts that the listeners are a proxy for.
    proxied: frozenset[str] = frozenset()
    http: asyncio.Server | None = None
    https: asyncio.Server | None = None
    requests: list[dict[str, object]] = field(default_factory=list)
    quota: Quota = field(default_factory=Quota)
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def ports(self) -> dict[str, int]:
        """The ports on 127.0.0.1, by scheme."""
        servers = (("http", self.http), ("https", self.https))
        return {scheme: server.sockets[0].getsockname()[1] for scheme, server in servers if server}

    async def open(self, context: ssl.SSLContext) -> None:
        """Listen on two free ports; *context* holds the certificate."""
        self.http = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.https = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)

    def close(self) -> None:
        """Stop listening, and close all connections."""
        for server in (self.http, self.https):
            if server:
                server.close()
        for writer in tuple(self._connections):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._connections) >= _MAX_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections.add(writer)
        try:
            # A client may close its connection at any time, also in the middle of a handshake.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                tls: ssl.SSLObject | None = writer.get_extra_info("ssl_object")
                if tls is not None and tls.selected_alpn_protocol() == HTTP2:
                    # Few clients speak it, and the library takes longer to import than the whole emulator.
                    from minreq.smoke.emulator import http2  # noqa: PLC0415

                    await http2.serve_connection(reader, writer, self._record_and_answer, self.quota, _MAX_BODY_SIZE)
                else:
                    await self._answer_requests(reader, writer)
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _tunnel(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer CONNECT: act as the host that the client of a proxy asks for (RFC 9110, section 9.3.6)."""
        if target.partition(":")[0] not in self.proxied or self.https is None:
            await _write_response(writer, Response(status=502), keep=False)
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        port = self.https.sockets[0].getsockname()[1]
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        self._connections.add(inner_writer)
        try:
            await asyncio.gather(_copy_stream(reader, inner_writer), _copy_stream(inner_reader, writer))
        finally:
            self._connections.discard(inner_writer)
            inner_writer.close()

    def _record_and_answer(self, request: Request) -> Response:
        try:
            record = record_request(request, self.ports)
            self.quota.count_record([request.target, str(record["headers"]), str(record["body"])], len(request.headers))
            self.requests.append(record)
            return self.handler(request)
        except QuotaExceeded as error:
            return Response(status=507, body=str(error).encode())
        except Exception as error:  # noqa: BLE001 - An error must not look like a lost connection.
            text = f"The emulator cannot answer {request.method} {request.target}: {error!r}"
            return Response(status=500, headers=(("content-type", "text/plain; charset=utf-8"),), body=text.encode())

    async def _answer_requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = _Body(self.quota)
            try:
                request = await _read_request(reader, writer, body)
                if request is None:
                    return
                if request.method == "CONNECT":
                    await self._tunnel(request.target, reader, writer)
                    return
                keep = request.header("connection").lower() != "close"
                await _write_response(writer, self._record_and_answer(request), keep=keep)
                if not keep:
                    return
            except (_MalformedRequest, QuotaExceeded) as error:
                await _write_response(writer, Response(status=400, body=str(error).encode()), keep=False)
                return
            finally:
                body.release()


class _Body:
    """The body of a request, while it is read and answered."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._size = 0
        self._parts: list[bytes] = []

    async def read(self, reader: asyncio.StreamReader, size: int) -> None:
        """Read the next *size* bytes of it."""
        if size > _MAX_BODY_SIZE - self._size:
            message = f"A body of {self._size + size} bytes is too long."
            raise _MalformedRequest(message)
        self._quota.hold(size)
        self._size += size
        self._parts.append(await reader.readexactly(size))

    def content(self) -> bytes:
        """Return what was read."""
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def release(self) -> None:
        """Count it as held no longer."""
        self._quota.release(self._size)


async def _copy_stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one stream to the other until it ends."""
    while part := await reader.read(65536):
        writer.write(part)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: _Body) -> Request | None:
    """Read the next request; return ``None`` where the client has closed the connection between two requests."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    except asyncio.LimitOverrunError as error:
        message = "The head of the request is too long."
        raise _MalformedRequest(message) from error
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    if first.count(" ") != 2 or not first.endswith(" HTTP/1.1"):  # noqa: PLR2004 - method, target, version
        message = f"Not a request of HTTP/1.1: {first}"
        raise _MalformedRequest(message)
    method, target, _ = first.split(" ")
    headers = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    request = Request(method=method, target=target, headers=headers, body=b"")
    if request.header("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await writer.drain()
    await _read_body(reader, request, body)
    return Request(method=method, target=target, headers=headers, body=body.content())


async def _read_body(reader: asyncio.StreamReader, request: Request, body: _Body) -> None:
    """Read the *body*, by its length or chunked (RFC 9112, section 6)."""
    if request.header("transfer-encoding").lower() == "chunked":
        while size := _parse_size((await reader.readline()).split(b";")[0], base=16):
            await body.read(reader, size)
            await reader.readexactly(2)
        while (await reader.readline()).strip():
            continue  # No provider uses trailers.
    elif length := request.header("content-length"):
        await body.read(reader, _parse_size(length.encode(), base=10))


def _parse_size(text: bytes, *, base: int) -> int:
    try:
        size = int(text, base)
    except ValueError as error:
        message = f"Not a length: {text[:80]!r}"
        raise _MalformedRequest(message) from error
    if size < 0:
        message = f"A length below zero: {size}"
        raise _MalformedRequest(message)
    return size


async def _write_response(writer: asyncio.StreamWriter, response: Response, *, keep: bool) -> None:
    """Send *response*; each chunk on its own, as a provider sends them."""
    length = (
        ("content-length", str(len(response.body))) if response.chunks is None else ("transfer-encoding", "chunked")
    )
    headers = (*response.headers, length, ("connection", "keep-alive" if keep else "close"))
    status = HTTPStatus(response.status)
    head = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in headers)]
    writer.write("\r\n".join((*head, "", "")).encode("latin-1") + response.body)
    await writer.drain()
    if response.chunks is None:
        return
    for chunk in (*response.chunks, b""):
        writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
