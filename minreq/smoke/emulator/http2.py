"""Serve one connection of HTTP/2 (RFC 9113); the frames are h2's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError

from minreq.smoke.emulator.message import Request, Response
from minreq.smoke.emulator.quota import Quota, QuotaExceeded

_READ_SIZE = 65536


@dataclass(slots=True, kw_only=True)
class _Stream:
    """A request that arrives, and then the rest of its response."""

    headers: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)
    #: Bytes of the response that wait for the client's window.
    rest: bytearray = field(default_factory=bytearray)
    is_answered: bool = False


async def serve_connection(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answer: Callable[[Request], Response],
    quota: Quota,
    max_body_size: int,
) -> None:
    """Answer the requests of one connection until the client closes it; a longer body resets its stream."""
    connection = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    connection.initiate_connection()
    server = _Connection(connection, answer, quota, max_body_size)
    writer.write(connection.data_to_send())
    try:
        await _receive_all(reader, writer, connection, server)
    finally:
        server.forget_streams()


async def _receive_all(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: H2Connection, server: _Connection
) -> None:
    while data := await reader.read(_READ_SIZE):
        try:
            ended = [not server.receive(event) for event in connection.receive_data(data)]
            is_open = not any(ended)
        except ProtocolError:
            # h2 has put the reason into what it sends.
            is_open = False
        writer.write(connection.data_to_send())
        await writer.drain()
        if not is_open:
            return


class _Connection:
    """The streams of one connection."""

    def __init__(
        self, connection: H2Connection, answer: Callable[[Request], Response], quota: Quota, max_body_size: int
    ) -> None:
        self._connection = connection
        self._answer = answer
        self._quota = quota
        self._max_body_size = max_body_size
        self._streams: dict[int, _Stream] = {}

    def receive(self, event: Event) -> bool:
        """Handle *event*; return whether the connection goes on."""
        if isinstance(event, RequestReceived):
            self._streams[event.stream_id] = _Stream(headers=[(str(name), str(value)) for name, value in event.headers])
        elif isinstance(event, DataReceived):
            self._receive_data(event)
        elif isinstance(event, StreamEnded):
            self._respond(event.stream_id)
        elif isinstance(event, StreamReset):
            self._forget(event.stream_id)
        elif isinstance(event, WindowUpdated):
            for stream_id in [*self._streams]:
                self._send_rest(stream_id)
        return not isinstance(event, ConnectionTerminated)

    def _receive_data(self, event: DataReceived) -> None:
        self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        try:
            self._quota.hold(len(event.data))
        except QuotaExceeded:
            is_too_much = True
        else:
            stream.body += event.data
            is_too_much = len(stream.body) > self._max_body_size
        if is_too_much:
            self._forget(event.stream_id)
            self._connection.reset_stream(event.stream_id, ErrorCodes.ENHANCE_YOUR_CALM)

    def forget_streams(self) -> None:
        """Forget all streams: the connection is closed."""
        for stream_id in [*self._streams]:
            self._forget(stream_id)

    def _forget(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            self._quota.release(len(stream.body))

    def _respond(self, stream_id: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        response = self._answer(_make_request(stream))
        body = response.body if response.chunks is None else b"".join(response.chunks)
        headers = [(":status", str(response.status)), *response.headers]
        if response.chunks is None:
            headers.append(("content-length", str(len(body))))
        self._connection.send_headers(stream_id, headers)
        stream.rest += body
        stream.is_answered = True
        self._send_rest(stream_id)

    def _send_rest(self, stream_id: int) -> None:
        """Send as much as the client's window and frames allow; the end of the body ends the stream."""
        stream = self._streams[stream_id]
        if not stream.is_answered:
            return
        while stream.rest:
            size = min(self._connection.local_flow_control_window(stream_id), self._connection.max_outbound_frame_size)
            if size <= 0:
                return
            self._connection.send_data(stream_id, bytes(stream.rest[:size]))
            del stream.rest[:size]
        self._connection.end_stream(stream_id)
        self._forget(stream_id)


def _make_request(stream: _Stream) -> Request:
    """Return the request as one of HTTP/1.1, with the authority as ``host`` (RFC 9113, section 8.3.1)."""
    pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
    headers = [("host", pseudo.get(":authority", ""))]
    headers += [(name, value) for name, value in stream.headers if not name.startswith(":")]
    return Request(
        method=pseudo.get(":method", ""),
        target=pseudo.get(":path", ""),
        headers=tuple(headers),
        body=bytes(stream.body),
    )
