"""Replicate's predictions, as ``api.replicate.com`` serves them: one request creates one, the next gets its result.

Source: https://replicate.com/docs/reference/http
"""

from __future__ import annotations

import base64
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Request, Response, json_response

HOST = "api.replicate.com"
_MESSAGES = {401: "You did not pass a valid authentication token", 429: "Request was throttled."}


def answer(request: Request) -> Response | None:
    """Answer a call of Replicate; return ``None`` for any other request."""
    if request.header("host").partition(":")[0] != HOST:
        return None
    key = request.header("authorization").partition(" ")[2]
    match request.method, request.segments:
        case "POST", ("v1", "models" | "deployments", *model, "predictions"):
            status = content.access_status(key, "/".join(model))
        case "GET", ("v1", "predictions", identifier):
            status = content.access_status(key, "")
        case _:
            return _problem(404, "The requested resource could not be found.")
    if status in _MESSAGES:
        return _problem(status, _MESSAGES[status])
    if request.method == "GET":
        # The identifier contains the prompt, so nothing is stored.
        return json_response(_prediction(base64.b32decode(identifier.upper() + "=" * (-len(identifier) % 8)).decode()))
    try:
        prompt = request.document()["input"]["prompt"]
        return json_response({**_prediction(prompt), "status": "starting", "output": None}, status=201)
    except (KeyError, TypeError, ValueError) as error:
        return _problem(422, f"input: {error!r}")


def _prediction(prompt: str) -> dict[str, Any]:
    identifier = base64.b32encode(prompt.encode()).decode().rstrip("=").lower()
    return {
        "id": identifier,
        "model": "model",
        "input": {"prompt": prompt},
        "logs": "",
        "output": content.split_at_blanks(content.reply_text(content.last_user_text(prompt))),
        "error": None,
        "status": "succeeded",
        "created_at": content.CREATED_TEXT,
        "urls": {"get": f"https://{HOST}/v1/predictions/{identifier}"},
    }


def _problem(status: int, detail: str) -> Response:
    return json_response({"title": "Error", "detail": detail, "status": status}, status=status)
