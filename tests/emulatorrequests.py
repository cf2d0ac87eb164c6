"""Build requests for the protocols of the emulator, plain or signed for AWS, and read the responses; no socket."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from minreq.smoke.emulator.message import Request, Response
from minreq.smoke.emulator.sigv4 import LONG_TERM, Credentials

TIME = "20260102T030405Z"


def request(
    target: str, body: object = None, *, method: str = "POST", headers: Mapping[str, str] | None = None
) -> Request:
    """Return a request with a JSON *body*, or with *body* itself if it is bytes."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    named = {"host": "127.0.0.1", "content-type": "application/json", **(headers or {})}
    return Request(method=method, target=target, headers=tuple(named.items()), body=content)


def sign(plain: Request, service: str, credentials: Credentials = LONG_TERM) -> Request:
    """Sign *plain* by Signature Version 4; the emulator checks signatures with an implementation of its own."""
    added = [("x-amz-date", TIME)]
    if credentials.token:
        added.append(("x-amz-security-token", credentials.token))
    headers = dict((*plain.headers, *added))
    names = sorted(headers)
    path, _, query = plain.target.partition("?")
    lines = [plain.method, quote(path, safe="/~"), query]
    lines += [f"{name}:{headers[name]}" for name in names]
    lines += ["", ";".join(names), hashlib.sha256(plain.body).hexdigest()]
    scope = f"{TIME[:8]}/us-east-1/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = b"AWS4" + credentials.secret.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), "sha256").digest()
    signature = hmac.new(key, f"AWS4-HMAC-SHA256\n{TIME}\n{scope}\n{digest}".encode(), "sha256").hexdigest()
    authorization = (
        f"AWS4-HMAC-SHA256 Credential={credentials.key}/{scope}, SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return Request(
        method=plain.method,
        target=plain.target,
        headers=(*headers.items(), ("authorization", authorization)),
        body=plain.body,
    )


def document(response: Response | None) -> Any:
    """Return the JSON in the body of *response*."""
    assert response is not None
    return json.loads(response.body)


def server_sent(response: Response | None) -> list[Any]:
    """Return the JSON in each server-sent event, the last of which must be ``[DONE]``."""
    assert response is not None
    assert response.chunks is not None
    data = [chunk.removeprefix(b"data: ").removesuffix(b"\n\n") for chunk in response.chunks]
    assert data[-1] == b"[DONE]"
    return [json.loads(each) for each in data[:-1]]


def frames(response: Response | None) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield headers and payload of each message of an AWS event stream; check all lengths and checksums."""
    assert response is not None
    for chunk in response.chunks or ():
        total, length, checksum = struct.unpack("!III", chunk[:12])
        assert total == len(chunk)
        assert checksum == zlib.crc32(chunk[:8])
        assert struct.unpack("!I", chunk[-4:])[0] == zlib.crc32(chunk[:-4])
        yield _headers(chunk[12 : 12 + length]), chunk[12 + length : -4]


def events(response: Response | None) -> list[tuple[str, Any]]:
    """Return type and JSON payload of each event."""
    return [(headers[":event-type"], json.loads(payload)) for headers, payload in frames(response)]


def _headers(block: bytes) -> dict[str, str]:
    headers = {}
    while block:
        end = 1 + block[0]
        kind, length = struct.unpack("!BH", block[end : end + 3])
        assert kind == 7  # A string.
        headers[block[1:end].decode()] = block[end + 3 : end + 3 + length].decode()
        block = block[end + 3 + length :]
    return headers
