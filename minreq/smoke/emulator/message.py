"""Requests and responses of HTTP as values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

#: A JSON object.
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, as it came over the wire."""

    method: str
    #: Path and query, still percent-encoded: what a signature covers.
    target: str
    #: In the order sent, names in lower case.
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def raw_path(self) -> str:
        """The path, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def segments(self) -> tuple[str, ...]:
        """The decoded parts of the path, without the empty one in front."""
        return tuple(unquote(part) for part in self.raw_path.split("/")[1:])

    @property
    def raw_query(self) -> str:
        """What follows the question mark, still percent-encoded."""
        return self.target.partition("?")[2]

    def parameter(self, name: str) -> str:
        """Return the first value of a query parameter, "" where it is missing."""
        return parse_qs(self.raw_query).get(name, [""])[0]

    def header(self, name: str) -> str:
        """Return the value of the header *name* (in lower case), "" where it is missing."""
        return next((value for key, value in self.headers if key == name), "")

    def document(self) -> dict[str, Any]:
        """Return the body as a JSON object.

        Raises `ValueError` for anything else, with a sentence to send back.
        """
        try:
            document = json.loads(self.body)
        except ValueError as error:
            message = f"The body of the request is not valid JSON: {error}"
            raise ValueError(message) from error
        if not isinstance(document, dict):
            message = "The body of the request is not a JSON object."
            raise ValueError(message)  # noqa: TRY004 - For the client both are a bad body.
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response: a ``body``, or ``chunks`` that are sent one by one with the chunked transfer coding."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    #: ``None``: the body has a length. Else the parts of a stream.
    chunks: tuple[bytes, ...] | None = None


def encode_json(document: object) -> bytes:
    """Return *document* as compact JSON."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def json_response(document: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON body."""
    all_headers = {"content-type": "application/json", **(headers or {})}
    return Response(status=status, headers=tuple(all_headers.items()), body=encode_json(document))


def stream_response(content_type: str, chunks: Iterable[bytes], headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that is sent in parts."""
    all_headers = {"content-type": content_type, **(headers or {})}
    return Response(headers=tuple(all_headers.items()), chunks=tuple(chunks))


def event_stream(events: Iterable[tuple[str, object]], headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of server-sent events; each has a JSON document, and a name unless that is ""."""
    chunks = [(f"event: {name}\n".encode() if name else b"") + b"data: " + encode_json(each) for name, each in events]
    return stream_response("text/event-stream", [chunk + b"\n\n" for chunk in chunks], headers)
