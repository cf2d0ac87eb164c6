"""Requests to and answers of Claude, the same wherever it runs: Anthropic's own API, Bedrock, Vertex AI.

Source: https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Document
from minreq.smoke.emulator.reply import ModelReply

_TOOL_ID = "toolu_000000000000000000000000"


def make_reply(body: Document) -> ModelReply:
    """Return the reply to a request; raise `KeyError`, `TypeError` or `ValueError` if it is malformed."""
    messages, tools = body["messages"], body.get("tools") or []
    if body["max_tokens"] < 1:
        message = "max_tokens: must be greater than or equal to 1"
        raise ValueError(message)
    last = messages[-1]["content"]
    has_tool_result = not isinstance(last, str) and any(block["type"] == "tool_result" for block in last)
    prompt = sum(content.count_tokens(content.text_of(message["content"])) for message in messages)
    if tools and not has_tool_result:
        return ModelReply(tool=tools[0]["name"], schema=tools[0]["input_schema"], prompt_tokens=prompt)
    form = body.get("output_format") or (body.get("output_config") or {}).get("format")
    if form:
        return ModelReply(text=content.example_json(form["schema"]), prompt_tokens=prompt)
    return ModelReply(text=content.reply_text(content.text_of(last)), prompt_tokens=prompt)


def make_message(body: Document) -> Document:
    """Return the message that answers *body*."""
    reply = make_reply(body)
    block: Document = {"type": "text", "text": reply.text}
    if reply.tool:
        block = {"type": "tool_use", "id": _TOOL_ID, "name": reply.tool, "input": reply.arguments}
    return _message(reply, [block], _stop(reply), reply.completion_tokens)


def stream_events(body: Document) -> Iterator[Document]:
    """Yield the events of a streamed answer, each with its ``type``."""
    reply = make_reply(body)
    yield {"type": "message_start", "message": _message(reply, [], None, 1)}
    if reply.tool:
        block: Document = {"type": "tool_use", "id": _TOOL_ID, "name": reply.tool, "input": {}}
        deltas = [
            {"type": "input_json_delta", "partial_json": part} for part in content.split_in_half(reply.generated_text)
        ]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in content.split_at_blanks(reply.text)]
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": _stop(reply), "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": reply.completion_tokens}}
    yield {"type": "message_stop"}


def _stop(reply: ModelReply) -> str:
    return "tool_use" if reply.tool else "end_turn"


def _message(reply: ModelReply, blocks: Sequence[Document], stop: str | None, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_000000000000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.prompt_tokens, "output_tokens": tokens},
    }
