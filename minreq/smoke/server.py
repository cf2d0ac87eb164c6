"""The parent's end of the child's socket: one thread per connection, one line of JSON in and one out."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakSet

#: A message longer than this is no message of ours.
_LONGEST = 64 * 1024 * 1024


class Listener(Protocol):
    """Whoever answers the messages of a run; called from several threads."""

    def hello(self, process: str, pid: int, *, inside: int) -> bool:
        """A process connected; return whether this is its own connection and not one of a subprocess with its name.

        *pid* is its number here, *inside* the one that it has behind the walls.
        """

    def receive(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer *message*."""

    def closed(self, process: str) -> None:
        """The own connection of *process* is gone."""

    def stop(self) -> None:
        """End every process that may connect."""


#: Those that are open. Signals are a matter of the whole process, and so is this.
_SERVERS: WeakSet[Server] = WeakSet()
_SERVERS_LOCK = threading.Lock()


def open_servers() -> list[Server]:
    """Return every server of this process that is open."""
    with _SERVERS_LOCK:
        return list(_SERVERS)


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on the Unix socket *address* until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Path, listener: Listener) -> None:
        super().__init__(str(address), _Connection)
        self.listener = listener
        with _SERVERS_LOCK:
            _SERVERS.add(self)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        with _SERVERS_LOCK:
            _SERVERS.discard(self)
        self.shutdown()
        self.server_close()


class _Connection(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        listener = self.server.listener
        process, own = "", False
        # A child that is killed breaks its connection anywhere; one that sends nonsense is treated as if it had.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            while line := self.rfile.readline(_LONGEST):
                message = json.loads(line)
                if "hello" in message:
                    process = str(message["hello"])
                    inside = int(message["pid"])
                    own = listener.hello(process, self._peer(inside), inside=inside)
                    answer: Mapping[str, Any] = {}
                else:
                    answer = listener.receive(process, message)
                self.wfile.write(json.dumps(answer).encode() + b"\n")
        if own:
            listener.closed(process)

    def _peer(self, told: int) -> int:
        """The process at the other end, as the kernel numbers it here: it may count otherwise, and may lie.

        One that the kernel does not know is none that could be ended, or mixed up with another.
        """
        if not hasattr(socket, "SO_PEERCRED"):
            return told
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return int(pid)
