"""Embeddings of an inference endpoint of Hugging Face, under ``/huggingface``; its chat is in OpenAI's format.

Source: https://huggingface.co/docs/text-embeddings-inference/quick_tour
"""

from __future__ import annotations

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Request, Response, json_response

_DIMENSIONS = 8
_MESSAGES = {401: "Invalid username or password.", 429: "Too Many Requests"}


def answer(request: Request) -> Response | None:
    """The answer to a call of an inference endpoint, ``None`` where *request* is none."""
    match request.segments:
        case ("huggingface", model):
            pass
        case _:
            return None
    status = content.verdict(request.header("authorization").partition(" ")[2], model)
    if status in _MESSAGES:
        return json_response({"error": _MESSAGES[status]}, status=status)
    try:
        given = request.document()["inputs"]
        texts = [given] if isinstance(given, str) else list(given)
        return json_response([content.vector(text, _DIMENSIONS) for text in texts])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return json_response({"error": f"{error!r}", "error_type": "validation"}, status=422)
