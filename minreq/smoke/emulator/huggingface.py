"""Embeddings of an inference endpoint of Hugging Face, under ``/huggingface``; its chat is in OpenAI's format.

Source: https://huggingface.co/docs/text-embeddings-inference/quick_tour
"""

from __future__ import annotations

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Request, Response, json_response

_MESSAGES = {401: "Invalid username or password.", 429: "Too Many Requests"}


def answer(request: Request) -> Response | None:
    """Answer a call of an inference endpoint; return ``None`` for any other request."""
    match request.segments:
        case ("huggingface", model):
            pass
        case _:
            return None
    status = content.access_status(request.header("authorization").partition(" ")[2], model)
    if status in _MESSAGES:
        return json_response({"error": _MESSAGES[status]}, status=status)
    try:
        inputs = request.document()["inputs"]
        texts = [inputs] if isinstance(inputs, str) else list(inputs)
        return json_response([content.embedding(text, content.DIMENSIONS) for text in texts])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return json_response({"error": f"{error!r}", "error_type": "validation"}, status=422)
