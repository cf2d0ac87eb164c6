"""What Claude takes and gives, wherever it runs: Anthropic's own API, Bedrock, Vertex AI.

Source: https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/api/messages-streaming
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.reply import Reply

_TOOL_ID = "toolu_000000000000000000000000"

Document = Mapping[str, Any]


def reply(body: Document) -> Reply:
    """The answer to a request; `KeyError`, `TypeError` or `ValueError` for one that is malformed."""
    messages, tools = body["messages"], body.get("tools") or []
    if body["max_tokens"] < 1:
        message = "max_tokens: must be greater than or equal to 1"
        raise ValueError(message)
    last = messages[-1]["content"]
    answered = not isinstance(last, str) and any(block["type"] == "tool_result" for block in last)
    prompt = sum(content.tokens(content.text_of(message["content"])) for message in messages)
    if tools and not answered:
        return Reply(tool=tools[0]["name"], schema=tools[0]["input_schema"], prompt_tokens=prompt)
    form = body.get("output_format") or (body.get("output_config") or {}).get("format")
    if form:
        return Reply(text=content.arguments(form["schema"]), prompt_tokens=prompt)
    return Reply(text=content.reply(content.text_of(last)), prompt_tokens=prompt)


def whole(body: Document) -> Document:
    """The message that answers *body*."""
    said = reply(body)
    block: Document = {"type": "text", "text": said.text}
    if said.tool:
        block = {"type": "tool_use", "id": _TOOL_ID, "name": said.tool, "input": said.arguments}
    return _message(said, [block], _stop(said), said.tokens)


def parts(body: Document) -> Iterator[Document]:
    """The same as the events of a stream, each with its ``type``."""
    said = reply(body)
    yield {"type": "message_start", "message": _message(said, [], None, 1)}
    if said.tool:
        block: Document = {"type": "tool_use", "id": _TOOL_ID, "name": said.tool, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in content.halves(said.said)]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in content.pieces(said.text)]
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": _stop(said), "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": said.tokens}}
    yield {"type": "message_stop"}


def _stop(said: Reply) -> str:
    return "tool_use" if said.tool else "end_turn"


def _message(said: Reply, blocks: Sequence[Document], stop: str | None, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_000000000000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": said.prompt_tokens, "output_tokens": tokens},
    }
