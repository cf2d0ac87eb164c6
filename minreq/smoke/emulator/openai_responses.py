"""OpenAI's Responses API, in one piece and as events.

Source: https://platform.openai.com/docs/api-reference/responses
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Document, Response, event_stream, json_response

_MESSAGE = "msg_00000000000000000000000000000001"


def responses(body: Document, model: str) -> Response:
    """Return the answer to an input: a text, or messages."""
    messages = body["input"]
    prompt = messages if isinstance(messages, str) else content.text_of(messages[-1]["content"])
    text = content.reply_text(prompt)
    if body.get("stream"):
        events = enumerate(_events(model, prompt, text))
        return event_stream((each["type"], {**each, "sequence_number": number}) for number, each in events)
    return json_response(_response(model, prompt, text, status="completed"))


def _response(model: str, prompt: str, text: str, *, status: str) -> dict[str, Any]:
    is_done = status == "completed"
    input_tokens, output_tokens = content.count_tokens(prompt), content.count_tokens(text)
    usage = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": input_tokens + output_tokens,
    }
    return {
        "id": "resp_00000000000000000000000000000001",
        "object": "response",
        "created_at": content.CREATED,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "model": model,
        "output": [_message(text, status)] if is_done else [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": True,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage if is_done else None,
        "user": None,
    }


def _message(text: str, status: str) -> dict[str, Any]:
    parts = [_part(text)] if status == "completed" else []
    return {"id": _MESSAGE, "type": "message", "status": status, "role": "assistant", "content": parts}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _events(model: str, prompt: str, text: str) -> Iterator[dict[str, Any]]:
    place = {"item_id": _MESSAGE, "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": _response(model, prompt, text, status="in_progress")}
    yield {"type": "response.output_item.added", "output_index": 0, "item": _message("", "in_progress")}
    yield {"type": "response.content_part.added", **place, "part": _part("")}
    for piece in content.split_at_blanks(text):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": _part(text)}
    yield {"type": "response.output_item.done", "output_index": 0, "item": _message(text, "completed")}
    yield {"type": "response.completed", "response": _response(model, prompt, text, status="completed")}
