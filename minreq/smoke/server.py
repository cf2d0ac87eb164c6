"""The socket that the processes of a run connect to: a thread for each connection, one message in and one out."""

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

from minreq.smoke.lines import CANCEL, MessageQuota, MessageRefused, read_message
from minreq.smoke.messages import read_integer, read_text


class MessageHandler(Protocol):
    """Answers the messages of one run; several threads call it."""

    def process_connected(self, process: str, pid: int, *, inner_pid: int) -> bool:
        """Take note of a new connection; return whether it is that of *process* and not of one of its subprocesses.

        Subprocesses inherit the name. *pid* is the number of the process here, *inner_pid* the one that it has in its
        own process namespace.
        """

    def answer_message(self, process: str, message: Mapping[str, Any], *, is_own: bool) -> Mapping[str, Any]:
        """Answer *message*; *is_own* is what `process_connected` has returned for its connection."""

    def message_refused(self, process: str, reason: str, *, is_own: bool) -> None:
        """Take note that *process* broke the rules of the protocol, and end it.

        Unless the connection *is_own*, another process may have given its name; before ``hello`` the name is empty.
        """

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
        self.quota = MessageQuota()
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

    def setup(self) -> None:
        super().setup()
        #: The process at the other end, once it has sent its name.
        self._process = ""
        self._is_own = False

    def handle(self) -> None:
        handler, quota = self.server.handler, self.server.quota
        try:
            # A child that is killed breaks its connection anywhere.
            with contextlib.suppress(OSError), quota.count_connection():
                while self._answer_next(quota):
                    pass
        except MessageRefused as refused:
            handler.message_refused(self._process, refused.reason, is_own=self._is_own)
        finally:
            if self._is_own:
                handler.process_disconnected(self._process)

    def _answer_next(self, quota: MessageQuota) -> bool:
        """Read and answer a message; return whether there was one."""
        with read_message(self.rfile, quota) as message:
            if message is None:
                return False
            number = read_integer(message, "id")
            answer = self._read_process_name(message) if "hello" in message else self._answer(message)
        self.wfile.write(CANCEL + json.dumps({**answer, "id": number}).encode() + b"\n")
        return True

    def _read_process_name(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """Read the name of the process, which repeats the message when it was interrupted before the answer."""
        name, inner_pid = read_text(message, "hello"), read_integer(message, "pid")
        if not self._process:
            self._is_own = self.server.handler.process_connected(name, self._peer_pid(inner_pid), inner_pid=inner_pid)
            self._process = name
        elif name != self._process:
            raise MessageRefused("changed the name of a process")
        return {}

    def _answer(self, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if not self._process:
            raise MessageRefused("sent a message to minreq before its name")
        return self.server.handler.answer_message(self._process, message, is_own=self._is_own)

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
