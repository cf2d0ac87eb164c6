"""OpenAI's pictures and speech: small but valid files.

Sources: https://platform.openai.com/docs/api-reference/images and https://platform.openai.com/docs/api-reference/audio
"""

from __future__ import annotations

import base64
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Request, Response, json_response

_FIELD = re.compile(
    rb'name="(?P<name>\w+)"(?P<file>; filename=)?[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n(?P<value>.*?)\r\n--', re.DOTALL
)


def form_fields(request: Request) -> dict[str, str]:
    """Return the fields of a form (RFC 7578); the value of each file is ``file``."""
    fields = {}
    for match in _FIELD.finditer(request.body):
        fields[match["name"].decode()] = "file" if match["file"] else match["value"].decode("utf-8", "replace")
    return fields


def images(body: Mapping[str, Any], _model: str) -> Response:
    """Return a picture of one pixel."""
    picture = base64.b64encode(_png()).decode()
    data = [{"b64_json": picture, "revised_prompt": body["prompt"]} for _ in range(int(body.get("n") or 1))]
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    usage_details = {"input_tokens_details": {"image_tokens": 0, "text_tokens": 1}}
    return json_response({"created": content.CREATED, "data": data, "usage": {**usage, **usage_details}})


def speech(body: Mapping[str, Any], _model: str) -> Response:
    """Return the beginning of an MP3 file."""
    if not body["input"] or not body["voice"]:
        message = "input and voice are required"
        raise ValueError(message)
    return Response(headers=(("content-type", "audio/mpeg"),), body=b"ID3\x04\x00\x00\x00\x00\x00\x00")


def transcription(body: Mapping[str, Any], _model: str) -> Response:
    """Return the same text for every file."""
    if body.get("file") != "file":
        message = "file is required"
        raise ValueError(message)
    return json_response({"text": "Where is Zürich?", "usage": {"type": "duration", "seconds": 1}})


def _png() -> bytes:
    """Return a PNG file of one black pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack("!IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\x00\x00")) + chunk(b"IEND", b"")
