"""A server on loopback whose answers a test chooses: for answers that a well-behaved index never gives."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedRequest:
    """A request that the server received; header names are in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedResponse:
    """An answer of the server. Without ``Content-Length`` in *headers*, the length is that of the body."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Server:
    """A running server."""

    origin: str
    requests: list[ReceivedRequest] = field(default_factory=list)


@contextmanager
def serve_responses(
    answer: Callable[[ReceivedRequest], CannedResponse], *, context: ssl.SSLContext | None = None
) -> Iterator[Server]:
    """Serve until the block ends, over TLS with *context*."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            request = ReceivedRequest(
                path=self.path, headers={name.lower(): value for name, value in self.headers.items()}
            )
            server.requests.append(request)
            response = answer(request)
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            if isinstance(response.body, bytes):
                if "Content-Length" not in response.headers:
                    self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)
                self.close_connection = int(response.headers.get("Content-Length", len(response.body))) != len(
                    response.body
                )
            else:
                # A body without length ends with the connection.
                self.send_header("Connection", "close")
                self.end_headers()
                with suppress(OSError):
                    self.wfile.writelines(response.body)
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - BaseHTTPRequestHandler's name
            """Stay silent."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is part of the test."""

    with Quiet(("127.0.0.1", 0), Handler) as http:
        if context is not None:
            http.socket = context.wrap_socket(http.socket, server_side=True)
        server = Server(origin=f"http{'s' if context else ''}://127.0.0.1:{http.server_address[1]}")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
