"""Limits the time of a whole answer.

httpx limits the time of each read, so a server that sends a byte from time to time, in its headers for instance, could
keep a thread forever.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import httpx

#: The error of an answer that does not end in time.
TOO_SLOW = "the answer came too slowly"


class Deadline(threading.local):
    """The moment at which the request of this thread fails; each thread has its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._moment: float | None = None

    def start(self, seconds: float) -> None:
        """Let the request of this thread fail after so many *seconds*."""
        self._moment = self._clock() + seconds

    def stop(self) -> None:
        """Set no limit."""
        self._moment = None

    def limit(self, timeout: float | None) -> float | None:
        """Return the seconds that a read may wait, at most *timeout*; raise where the deadline has passed."""
        if self._moment is None:
            return timeout
        remaining = self._moment - self._clock()
        if remaining <= 0:
            raise httpx.ReadTimeout(TOO_SLOW)
        return remaining if timeout is None else min(timeout, remaining)


class DeadlineBackend:
    """Opens connections as *backend*, a backend of httpcore, does, with reads that keep to *deadline*.

    *on_connected* is called with the socket of each connection.
    """

    def __init__(self, backend: Any, deadline: Deadline, on_connected: Callable[[socket.socket], None]) -> None:
        self._backend = backend
        self._deadline = deadline
        self._on_connected = on_connected

    def connect_tcp(self, *arguments: Any, **keywords: Any) -> _DeadlineStream:
        """Open a connection; the arguments are those of httpcore."""
        stream = self._backend.connect_tcp(*arguments, **keywords)
        return _DeadlineStream(stream, self._deadline, self._on_connected)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


class _DeadlineStream:
    """A connection of httpcore."""

    def __init__(self, stream: Any, deadline: Deadline, on_connected: Callable[[socket.socket], None]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._on_connected = on_connected
        on_connected(stream.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read some bytes; raise where the deadline has passed."""
        data: bytes = self._stream.read(max_bytes, timeout=self._deadline.limit(timeout))
        return data

    def start_tls(self, *arguments: Any, **keywords: Any) -> _DeadlineStream:
        """Encrypt the connection; the arguments are those of httpcore."""
        stream = self._stream.start_tls(*arguments, **keywords)
        return _DeadlineStream(stream, self._deadline, self._on_connected)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
