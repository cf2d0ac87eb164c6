"""Record requests so that two runs can be compared: what differs in every run is replaced by its name in braces."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress

from minreq.smoke.emulator.message import Request

#: Patterns of what differs in every run, and their replacements. The signature was checked when the request arrived.
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "{uuid}"),
    (re.compile(r"\b\d{8}T\d{6}Z\b"), "{time}"),
    (re.compile(r"(?<=Credential=)([^/,]+)/\d{8}/"), r"\1/{date}/"),
    # A JSON web token contains the time at which it was made.
    (re.compile(r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]*"), "{token}"),
    (re.compile(r"(?<=Signature=)[0-9a-f]{64}\b"), "{signature}"),
)

#: The boundary between the parts of a form is random (RFC 2046, section 5.1.1).
#: A shorter one is not random, and may be anywhere in the body.
_BOUNDARY = re.compile(r'\bboundary="?([^";\s]{10,})')
#: Bytes; of a longer body the digest is recorded.
_MAX_TEXT_SIZE = 1 << 20

#: botocore lists the features in use in the order of a set, which differs between runs.
_FEATURES = re.compile(r"(?<= m/)[A-Za-z0-9+,-]+")


def record_request(request: Request, ports: Mapping[str, int]) -> dict[str, object]:
    """Return the fields of a recorded request, as JSON; *ports* are those of the listeners by scheme."""
    boundary = _BOUNDARY.search(request.header("content-type"))
    body = request.body.replace(boundary[1].encode(), b"{boundary}") if boundary else request.body

    def make_stable(text: str) -> str:
        for scheme, port in ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"{{{scheme}}}").replace(f"localhost:{port}", f"{{{scheme}}}")
        for pattern, name in _VOLATILE:
            text = pattern.sub(name, text)
        if boundary:
            text = text.replace(boundary[1], "{boundary}")
        return _FEATURES.sub(lambda match: ",".join(sorted(match[0].split(","))), text)

    return {
        "method": request.method,
        "target": make_stable(request.target),
        "headers": [[name, make_stable(value)] for name, value in request.headers],
        "body": make_stable(_text(body)),
    }


def _text(body: bytes) -> str:
    """Return *body* if it is UTF-8 and not too long, else its digest."""
    if len(body) <= _MAX_TEXT_SIZE:
        with suppress(UnicodeDecodeError):
            return body.decode()
    return f"sha256:{hashlib.sha256(body).hexdigest()}"
