"""The connection of a process to the parent: numbered messages, one line of JSON out, one line back."""

from __future__ import annotations

import errno
import itertools
import json
import os
import select
import socket
import threading

TYPE_CHECKING = False  # mypy takes this for true; `typing` itself costs every interpreter of a smoke some milliseconds.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Exit status of a process that lost its parent, or that cannot become a child of it.
NO_PARENT = 70

#: Goes before each message. A line that ends so was interrupted while it was written, and is no message.
CANCEL = b"\x18\n"


class Link:
    """The connection of this process; it opens with the first message, and anew in every fork. Threads share it.

    An exception may come up at any point of a request: a handler of a signal raises it, or another thread asks for it
    (``PyThreadState_SetAsyncExc``). The request is then given up. What it has written is cancelled by the next one, and
    an answer that comes late has another number than the next one waits for.
    """

    def __init__(self, address: str, protocol: int) -> None:
        self._address = address
        self._protocol = protocol
        self._connection = Connection(address, protocol)
        self._lock = threading.RLock()
        # A lock that another thread of the parent process holds would stay locked in the fork for ever.
        os.register_at_fork(after_in_child=self._reset)

    def request(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send *message*; return the parent's answer."""
        if self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - As `threading.Condition` asks.
            # A handler of a signal, or a finalizer, in the middle of another request of this thread.
            connection = Connection(self._address, self._protocol)
            try:
                return self._request(connection, message)
            finally:
                connection.close()
        with self._lock:
            return self._request(self._connection, message)

    def connect(self) -> None:
        """Connect now, and send the name of this process."""
        with self._lock:
            try:
                self._connection.open()
            except OSError:
                os._exit(NO_PARENT)

    @property
    def descriptor(self) -> int | None:
        """The file descriptor of the connection, ``None`` without one."""
        return self._connection.descriptor

    def _reset(self) -> None:
        self._connection.close()
        self._connection = Connection(self._address, self._protocol)
        self._lock = threading.RLock()

    def _request(self, connection: Connection, message: Mapping[str, Any]) -> dict[str, Any]:
        pid = os.getpid()
        try:
            connection.open()
            return connection.exchange(message)
        except OSError as error:
            if error.errno is None or not connection.is_lost():
                raise  # That of a handler: TimeoutError is an OSError.
            if os.getpid() != pid:
                # A handler of a signal has forked this process in the middle of the request.
                return self.request(message)
            os._exit(NO_PARENT)  # The parent is gone, so nobody waits for the rest of this run.


class Connection:
    """A socket to the parent; one thread at a time uses it. Every method raises ``OSError`` when the parent is gone."""

    def __init__(self, address: str, protocol: int) -> None:
        self._address = address
        self._protocol = protocol
        self._numbers = itertools.count(1)
        self._socket: socket.socket | None = None
        self._is_greeted = False
        self._buffer = b""

    @property
    def descriptor(self) -> int | None:
        """The file descriptor of the socket, ``None`` without one."""
        return None if self._socket is None else self._socket.fileno()

    def open(self) -> None:
        """Connect and send the name of this process, unless that is done."""
        if self._socket is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(None)  # A program may have set another default.
            connection.connect(self._address)
            self._socket = connection
        if not self._is_greeted:
            process = os.environ.get("MINREQ_PROCESS", "main")
            self.exchange({"hello": process, "pid": os.getpid(), "protocol": self._protocol})
            self._is_greeted = True

    def close(self) -> None:
        """Close the socket, if there is one; another thread, or a frame further up, may still want to use it."""
        if self._socket is not None:
            self._socket.close()

    def is_lost(self) -> bool:
        """Whether the socket is closed at this end or at the other, or has never been open."""
        if self._socket is None:
            return True
        try:
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
            poll = select.poll()
            poll.register(self._socket, 0)
            return bool(poll.poll(0))  # Hang-ups and errors are reported in any case.
        except (OSError, ValueError):
            return True

    def exchange(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send *message*; return its answer."""
        if self._socket is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        number = next(self._numbers)
        self._send(self._socket, CANCEL + json.dumps({**message, "id": number}).encode() + b"\n")
        while True:
            answer = self._read_answer(self._socket)
            if answer.get("id") == number:
                return answer

    def _send(self, connection: socket.socket, data: bytes) -> None:
        """Send *data*; meanwhile read, since the parent may have to send a long answer before it can read."""
        left = memoryview(data)
        while left:
            try:
                left = left[connection.send(left, socket.MSG_DONTWAIT) :]
            except BlockingIOError:  # noqa: PERF203 - The socket is full.
                poll = select.poll()
                poll.register(connection, select.POLLIN | select.POLLOUT)
                if any(event & select.POLLIN for _, event in poll.poll()):
                    self._receive(connection)

    def _receive(self, connection: socket.socket) -> None:
        received = connection.recv(65536)
        if not received:
            raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
        self._buffer += received

    def _read_answer(self, connection: socket.socket) -> dict[str, Any]:
        """Return the next answer; empty for what is left of an answer that was given up."""
        while b"\n" not in self._buffer:
            self._receive(connection)
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            return {}
        return answer
