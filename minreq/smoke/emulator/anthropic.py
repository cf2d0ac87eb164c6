"""Anthropic's Messages API, under ``/anthropic``.

Sources: https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minreq.smoke.emulator import anthropic_models, content
from minreq.smoke.emulator.message import Request, Response, event_stream, json_response

#: The header with the version of the API, without which no request belongs to the API.
_VERSION = "anthropic-version"
_HEADERS = {"request-id": "req_000000000000000000000000"}
_KINDS = {400: "invalid_request_error", 401: "authentication_error", 429: "rate_limit_error"}
_MESSAGES = {401: "invalid x-api-key", 429: "This request would exceed your account's rate limit."}


def answer(request: Request) -> Response | None:
    """Answer a call of Anthropic; return ``None`` for any other request."""
    match request.segments:
        case ("anthropic", "v1", "messages", *more) if more in ([], ["count_tokens"]) and request.header(_VERSION):
            pass
        case _:
            return None
    try:
        body = request.document()
        status = content.access_status(request.header("x-api-key"), body["model"])
        if status in _MESSAGES:
            return _error(status, _MESSAGES[status])
        return _count_tokens(body) if more else _create_message(body)
    except (KeyError, TypeError, ValueError) as error:
        return _error(400, f"messages: {error!r}")


def _count_tokens(body: Mapping[str, Any]) -> Response:
    reply = anthropic_models.make_reply({"max_tokens": 1, **body})
    return json_response({"input_tokens": reply.prompt_tokens}, headers=_HEADERS)


def _create_message(body: Mapping[str, Any]) -> Response:
    if body.get("stream"):
        return event_stream(((each["type"], each) for each in anthropic_models.stream_events(body)), _HEADERS)
    return json_response(anthropic_models.make_message(body), headers=_HEADERS)


def _error(status: int, message: str) -> Response:
    headers = {**_HEADERS, **(content.RETRY_AFTER if status == 429 else {})}  # noqa: PLR2004 - too many requests
    document = {"type": "error", "error": {"type": _KINDS[status], "message": message}}
    return json_response(document, status=status, headers=headers)
