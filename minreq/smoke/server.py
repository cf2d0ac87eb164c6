"""The socket that the processes of a run connect to: a thread for each connection, one line of JSON in and one out."""

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

#: Bytes; no message of the protocol is longer.
_MAX_MESSAGE_SIZE = 64 * 1024 * 1024


class MessageHandler(Protocol):
    """Answers the messages of one run; several threads call it."""

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:
        """Take note of a new connection; return whether it is that of *process* and not of one of its subprocesses.

        Subprocesses inherit the name. *pid* is the number of the process here, *inner_pid* the one that it has in its
        own process namespace.
        """

    def answer_message(self, process: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Answer *message*."""

    def process_disconnected(self, process: str) -> None:
        """Take note that the connection of *process* itself is closed."""

    def stop(self) -> None:
        """End every process that may connect."""


#: The servers that are open. They are global because signal handlers are: both belong to the whole process.
_SERVERS: WeakSet[RunServer] = WeakSet()
_SERVERS_LOCK = threading.Lock()


def open_servers() -> list[RunServer]:
    """Return every open server of this process."""
    with _SERVERS_LOCK:
        return list(_SERVERS)


class RunServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Listens on the Unix socket *address* until it is closed."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Path, handler: MessageHandler) -> None:
        super().__init__(str(address), _Connection)
        self.handler = handler
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
    server: RunServer

    def handle(self) -> None:
        handler = self.server.handler
        process, is_own = "", False
        # A child that is killed breaks its connection anywhere; one that sends nonsense is treated as if it had.
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            while line := self.rfile.readline(_MAX_MESSAGE_SIZE):
                message = json.loads(line)
                if "hello" in message:
                    process = str(message["hello"])
                    inner_pid = int(message["pid"])
                    is_own = handler.process_connected(process, self._peer_pid(inner_pid), inner_pid=inner_pid)
                    answer: Mapping[str, Any] = {}
                else:
                    answer = handler.answer_message(process, message)
                self.wfile.write(json.dumps(answer).encode() + b"\n")
        if is_own:
            handler.process_disconnected(process)

    def _peer_pid(self, sent_pid: int) -> int:
        """Return the number that the process at the other end has here.

        The kernel knows it. The number that the child sent may be that of another namespace, or a lie. Where the
        kernel gives no number of a process, nothing is ended by it, and no process is mistaken for another.
        """
        if not hasattr(socket, "SO_PEERCRED"):
            return sent_pid
        size = struct.calcsize("3i")
        pid, _, _ = struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return int(pid)
