"""The connection of a process to the parent: one line of JSON out, one line back."""

from __future__ import annotations

import json
import os
import socket
import threading

TYPE_CHECKING = False  # mypy takes this for true; `typing` itself costs every interpreter of a smoke some milliseconds.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Exit status of a process that lost its parent, or that cannot become a child of it.
NO_PARENT = 70


class Link:
    """The connection; it opens with the first message, and anew in every fork. Several threads may use it."""

    def __init__(self, address: str, protocol: int) -> None:
        self._address = address
        self._protocol = protocol
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._lock = threading.Lock()
        #: The thread that waits for an answer.
        self._user: int | None = None
        # A lock that another thread of the parent process holds would stay locked in the fork for ever.
        os.register_at_fork(after_in_child=self._reset)

    def request(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send *message*; return the parent's answer."""
        with self._lock:
            self._user = threading.get_ident()
            try:
                if self._socket is None:
                    self._connect()
                line = self._exchange(message)
            finally:
                self._user = None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def connect(self) -> None:
        """Connect now, and send the name of this process."""
        with self._lock:
            self._connect()

    @property
    def is_busy(self) -> bool:
        """Whether this thread waits for an answer: a finalizer or a signal handler then cannot send a request."""
        return self._user == threading.get_ident()

    @property
    def descriptor(self) -> int | None:
        """The file descriptor of the connection, ``None`` without one."""
        return None if self._socket is None else self._socket.fileno()

    def _reset(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b""
        self._lock = threading.Lock()
        self._user = None

    def _connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self._address)
        except OSError:
            os._exit(NO_PARENT)
        self._socket = connection
        process = os.environ.get("MINREQ_PROCESS", "main")
        self._exchange({"hello": process, "pid": os.getpid(), "protocol": self._protocol})

    def _exchange(self, message: Mapping[str, Any]) -> bytes:
        assert self._socket is not None  # noqa: S101 - Both callers have just connected; this is for mypy.
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
            while b"\n" not in self._buffer:
                received = self._socket.recv(65536)
                if not received:
                    os._exit(NO_PARENT)  # The parent is gone, so nobody waits for the rest of this run.
                self._buffer += received
        except OSError:
            os._exit(NO_PARENT)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line
