"""Read the messages of a child, one line of JSON each, within limits: the code in a child may send anything."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from io import BufferedIOBase
from typing import Any

#: Goes before each message. A line that ends so was interrupted while it was written, and is no message.
CANCEL = b"\x18\n"

#: Bytes of one message: what a stage printed, warned and logged is in it.
MAX_SIZE = 32 << 20
#: Levels of arrays and objects; no message of the protocol has more than six.
MAX_DEPTH = 16
#: Arrays, objects and their members in one message; a stage that loads ten thousand files has some fifty thousand.
MAX_VALUES = 1_000_000
#: Connections of one run at a time.
MAX_CONNECTIONS = 256
#: Bytes of all messages of one run that are being read and answered at a time.
MAX_HELD = 128 << 20
#: Bytes that one run may send in all.
MAX_TOTAL = 1 << 30

#: Bytes that a message, and a value in it, cost beyond the text; an empty array takes about as much.
_MESSAGE_COST = 1024
_VALUE_COST = 64
_PART_SIZE = 1 << 16
#: Larger messages are parsed one after the other, as that takes some times their size.
_LARGE_SIZE = 1 << 20
_LARGE = threading.Lock()
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class MessageRefused(Exception):
    """A child has sent what minreq does not accept; *reason* continues the sentence "it has"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MessageQuota:
    """What the processes of one run may send together; several threads use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections = 0
        self._held = 0
        self._total = 0

    @contextmanager
    def count_connection(self) -> Iterator[None]:
        """Count a connection while the context is open."""
        with self._lock:
            self._connections += 1
            is_too_many = self._connections > MAX_CONNECTIONS
        try:
            if is_too_many:
                raise MessageRefused(f"opened more than {MAX_CONNECTIONS} connections to minreq")
            yield
        finally:
            with self._lock:
                self._connections -= 1

    def take(self, size: int) -> None:
        """Count *size* bytes as held."""
        with self._lock:
            self._held += size
            self._total += size
            is_too_much, is_over = self._held > MAX_HELD, self._total > MAX_TOTAL
        if is_over:
            raise MessageRefused(f"sent more than {MAX_TOTAL >> 20} MiB of messages to minreq")
        if is_too_much:
            raise MessageRefused(f"sent more than {MAX_HELD >> 20} MiB of messages to minreq at a time")

    def release(self, size: int) -> None:
        """Count *size* bytes as held no longer."""
        with self._lock:
            self._held -= size


@contextmanager
def read_message(stream: BufferedIOBase, quota: MessageQuota) -> Iterator[Mapping[str, Any] | None]:
    """Read the next message of *stream*; ``None`` at the end. Its bytes count as held while the context is open."""
    held = 0

    def hold(size: int) -> None:
        nonlocal held
        held += size
        quota.take(size)

    try:
        hold(_MESSAGE_COST)
        line = bytearray()
        while part := stream.readline(_PART_SIZE):
            hold(len(part))
            line += part
            if len(line) > MAX_SIZE:
                raise MessageRefused(f"sent a message of more than {MAX_SIZE >> 20} MiB to minreq")
            if line.endswith(CANCEL):
                line.clear()
            elif part.endswith(b"\n"):
                with _LARGE if len(line) > _LARGE_SIZE else nullcontext():
                    hold(_VALUE_COST * check_structure(line))
                    message = parse_message(line)
                yield message
                return
        # Also within a line: the process was killed while it wrote.
        yield None
    finally:
        quota.release(held)


def check_structure(line: bytes | bytearray) -> int:
    """Return about how many values the JSON in *line* has; refuse too many, and too many levels.

    This looks at the text, in time proportional to its length: a parser needs memory for each value, and a stack for
    the levels.
    """
    unescaped = line.replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 4 * MAX_VALUES:  # Two for a name, and two for its text.
        raise MessageRefused(f"sent a message of more than {MAX_VALUES:,} values to minreq")
    outside_of_texts = b"".join(unescaped.split(b'"')[::2])
    values = sum(map(outside_of_texts.count, (b",", b"[", b"{")))
    if values > MAX_VALUES:
        raise MessageRefused(f"sent a message of more than {MAX_VALUES:,} values to minreq")
    depth = 0
    for bracket in outside_of_texts.translate(None, _ALL_BUT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise MessageRefused(f"sent a message of more than {MAX_DEPTH} levels to minreq")
    return values


def parse_message(line: bytes | bytearray) -> Mapping[str, Any]:
    """Return the object that *line* is the JSON of."""
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
        if rb"\ud" in line or rb"\uD" in line:
            # Half of a surrogate pair is a character to JSON, and cannot be written to any file.
            message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    except ValueError as error:
        raise MessageRefused("sent a message to minreq that is no JSON") from error
    if not isinstance(message, dict):
        raise MessageRefused("sent a message to minreq that is no object")
    return message


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
