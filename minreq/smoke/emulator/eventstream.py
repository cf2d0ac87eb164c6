"""The framing of AWS event streams: ``application/vnd.amazon.eventstream``.

Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from minreq.smoke.emulator.message import encode_json

CONTENT_TYPE = "application/vnd.amazon.eventstream"

#: The type of a header whose value is a string.
_STRING = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message: lengths with their checksum, headers, payload, and the checksum of it all."""
    header_block = b"".join(_header(name, value) for name, value in headers.items())
    # 12 bytes of prelude (two lengths and their checksum) and 4 of the last checksum.
    prelude = struct.pack("!II", 12 + len(header_block) + len(payload) + 4, len(header_block))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + header_block + payload
    return message + struct.pack("!I", zlib.crc32(message))


def event(kind: str, document: object) -> bytes:
    """Return the message for an event of type *kind* with a JSON payload."""
    headers = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return frame(headers, encode_json(document))


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return struct.pack(f"!B{len(key)}sBH", len(key), key, _STRING, len(text)) + text
