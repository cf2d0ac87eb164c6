"""A request as it is compared between two runs: what changes with every run is written as its name in braces."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from minreq.smoke.emulator.message import Request

#: Patterns of what no two runs share, and what stands for them. A signature was checked when the request was answered.
_VOLATILE = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "{uuid}"),
    (re.compile(r"\b\d{8}T\d{6}Z\b"), "{time}"),
    (re.compile(r"(?<=Credential=)([^/,]+)/\d{8}/"), r"\1/{date}/"),
    # A JSON web token tells the time it was made.
    (re.compile(r"\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]*"), "{token}"),
    (re.compile(r"(?<=Signature=)[0-9a-f]{64}\b"), "{signature}"),
)

#: What separates the parts of a form is chosen at random (RFC 2046, section 5.1.1).
_BOUNDARY = re.compile(r'\bboundary="?([^";\s]+)')

#: What botocore tells of the features in use: a set, in the order of its hash table.
_FEATURES = re.compile(r"(?<= m/)[A-Za-z0-9+,-]+")


def recorded(request: Request, ports: Mapping[str, int]) -> dict[str, object]:
    """The fields of a recorded request, as JSON; *ports* are the listeners' own, by scheme."""
    boundary = _BOUNDARY.search(request.header("content-type"))
    body = request.body.replace(boundary[1].encode(), b"{boundary}") if boundary else request.body

    def stable(text: str) -> str:
        for scheme, port in ports.items():
            text = text.replace(f"127.0.0.1:{port}", f"{{{scheme}}}").replace(f"localhost:{port}", f"{{{scheme}}}")
        for pattern, name in _VOLATILE:
            text = pattern.sub(name, text)
        if boundary:
            text = text.replace(boundary[1], "{boundary}")
        return _FEATURES.sub(lambda match: ",".join(sorted(match[0].split(","))), text)

    return {
        "method": request.method,
        "target": stable(request.target),
        "headers": [[name, stable(value)] for name, value in request.headers],
        "body": stable(_text(body)),
    }


def _text(body: bytes) -> str:
    """*body* where it is UTF-8, else its digest."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"sha256:{hashlib.sha256(body).hexdigest()}"
