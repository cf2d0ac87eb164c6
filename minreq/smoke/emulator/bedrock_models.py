"""What the models on Bedrock take and give: the common form of Converse, and a native form per family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minreq.smoke.emulator import content

_TOOL_ID = "tooluse_0000000000000000000000"
_ANTHROPIC_TOOL_ID = "toolu_bdrk_000000000000000000000000"
_DIMENSIONS = 8

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A native form: the whole answer to a request, and the documents of the streamed one."""

    whole: Callable[[Document], Document]
    parts: Callable[[Document], Iterable[Document]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reply:
    """What a model says: a text, or a call of a tool."""

    text: str = ""
    tool: str = ""
    schema: Mapping[str, Any] | None = None
    prompt_tokens: int

    @property
    def said(self) -> str:
        return content.arguments(self.schema or {}) if self.tool else self.text

    @property
    def tokens(self) -> int:
        return content.tokens(self.said)


def family(model: str) -> Family:
    """The native form of *model*; `ValueError` where there is none."""
    # Inference profiles put a region in front: us.anthropic.claude-...
    for name, form in _FAMILIES.items():
        if name in model:
            return form
    message = "The provided model identifier is invalid."
    raise ValueError(message)


def converse(body: Document) -> dict[str, Any]:
    """The answer of Converse, which is the native form of Amazon Nova too."""
    reply = _converse_reply(body)
    block: dict[str, Any] = {"text": reply.text}
    if reply.tool:
        block = {"toolUse": {"toolUseId": _TOOL_ID, "name": reply.tool, "input": content.value(reply.schema or {})}}
    return {
        "output": {"message": {"role": "assistant", "content": [block]}},
        "stopReason": "tool_use" if reply.tool else "end_turn",
        "usage": _usage(reply),
        "metrics": {"latencyMs": 1},
    }


def converse_events(body: Document) -> Iterator[tuple[str, Document]]:
    """The events of ConverseStream: type and payload."""
    reply = _converse_reply(body)
    yield "messageStart", {"role": "assistant"}
    if reply.tool:
        start = {"toolUse": {"toolUseId": _TOOL_ID, "name": reply.tool}}
        yield "contentBlockStart", {"contentBlockIndex": 0, "start": start}
        for part in content.halves(reply.said):
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": part}}}
    else:
        for piece in content.pieces(reply.text):
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}
    yield "contentBlockStop", {"contentBlockIndex": 0}
    yield "messageStop", {"stopReason": "tool_use" if reply.tool else "end_turn"}
    yield "metadata", {"usage": _usage(reply), "metrics": {"latencyMs": 1}}


def _converse_reply(body: Document) -> _Reply:
    messages, tools = body["messages"], (body.get("toolConfig") or {}).get("tools") or []
    last = messages[-1]["content"]
    prompt = sum(content.tokens(content.text_of(message["content"])) for message in messages)
    if tools and not any("toolResult" in block for block in last):
        tool = tools[0]["toolSpec"]
        return _Reply(tool=tool["name"], schema=tool["inputSchema"]["json"], prompt_tokens=prompt)
    return _Reply(text=content.reply(content.text_of(last)), prompt_tokens=prompt)


def _usage(reply: _Reply) -> dict[str, int]:
    total = reply.prompt_tokens + reply.tokens
    return {"inputTokens": reply.prompt_tokens, "outputTokens": reply.tokens, "totalTokens": total}


def _nova_parts(body: Document) -> Iterator[Document]:
    for kind, document in converse_events(body):
        yield {kind: document}


def _anthropic_reply(body: Document) -> _Reply:
    messages, tools = body["messages"], body.get("tools") or []
    if body["anthropic_version"] != "bedrock-2023-05-31" or body["max_tokens"] < 1:
        message = "anthropic_version and max_tokens are required"
        raise ValueError(message)
    last = messages[-1]["content"]
    answered = not isinstance(last, str) and any(block["type"] == "tool_result" for block in last)
    prompt = sum(content.tokens(content.text_of(message["content"])) for message in messages)
    if tools and not answered:
        return _Reply(tool=tools[0]["name"], schema=tools[0]["input_schema"], prompt_tokens=prompt)
    return _Reply(text=content.reply(content.text_of(last)), prompt_tokens=prompt)


def _anthropic_message(reply: _Reply, blocks: Sequence[Document], stop: str | None, tokens: int) -> dict[str, Any]:
    return {
        "id": "msg_bdrk_000000000000000000000000",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.prompt_tokens, "output_tokens": tokens},
    }


def _anthropic(body: Document) -> Document:
    reply = _anthropic_reply(body)
    block: Document = {"type": "text", "text": reply.text}
    if reply.tool:
        arguments = content.value(reply.schema or {})
        block = {"type": "tool_use", "id": _ANTHROPIC_TOOL_ID, "name": reply.tool, "input": arguments}
    return _anthropic_message(reply, [block], "tool_use" if reply.tool else "end_turn", reply.tokens)


def _anthropic_parts(body: Document) -> Iterator[Document]:
    reply = _anthropic_reply(body)
    yield {"type": "message_start", "message": _anthropic_message(reply, [], None, 1)}
    if reply.tool:
        block: Document = {"type": "tool_use", "id": _ANTHROPIC_TOOL_ID, "name": reply.tool, "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": part} for part in content.halves(reply.said)]
    else:
        block = {"type": "text", "text": ""}
        deltas = [{"type": "text_delta", "text": piece} for piece in content.pieces(reply.text)]
    yield {"type": "content_block_start", "index": 0, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": 0, "delta": delta}
    yield {"type": "content_block_stop", "index": 0}
    stop = {"stop_reason": "tool_use" if reply.tool else "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": reply.tokens}}
    yield {"type": "message_stop", **_metrics(reply)}


def _metrics(reply: _Reply) -> dict[str, Any]:
    """What the last chunk of an InvokeModelWithResponseStream carries, whatever the family."""
    return {
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": reply.prompt_tokens,
            "outputTokenCount": reply.tokens,
            "invocationLatency": 1,
            "firstByteLatency": 1,
        }
    }


def _llama_reply(body: Document) -> _Reply:
    prompt = body["prompt"]
    # The prompt is a template of special tokens around the messages: answer the last words of a person.
    asked = prompt.rpartition("<|end_header_id|>")[0].rpartition("<|end_header_id|>")[2] or prompt
    text = content.reply(asked.removesuffix("<|start_header_id|>assistant").strip().removesuffix("<|eot_id|>"))
    return _Reply(text=text, prompt_tokens=content.tokens(prompt))


def _llama(body: Document) -> Document:
    reply = _llama_reply(body)
    counts = {"prompt_token_count": reply.prompt_tokens, "generation_token_count": reply.tokens}
    return {"generation": reply.text, **counts, "stop_reason": "stop"}


def _llama_parts(body: Document) -> Iterator[Document]:
    reply = _llama_reply(body)
    for count, piece in enumerate(content.pieces(reply.text), 1):
        prompt = reply.prompt_tokens if count == 1 else None
        yield {"generation": piece, "prompt_token_count": prompt, "generation_token_count": count, "stop_reason": None}
    last = {"generation": "", "prompt_token_count": None, "generation_token_count": reply.tokens, "stop_reason": "stop"}
    yield {**last, **_metrics(reply)}


def _titan(body: Document) -> Document:
    """Titan's embedding of one text; version 2 says the types beside it."""
    text = body["inputText"]
    vector = content.vector(text, body.get("dimensions") or _DIMENSIONS)
    return {"embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": content.tokens(text)}


def _cohere(body: Document) -> Document:
    """Cohere's embeddings, a list of vectors or one list per type asked for."""
    texts = body["texts"]
    vectors = [content.vector(text, body.get("output_dimension") or _DIMENSIONS) for text in texts]
    types = body.get("embedding_types")
    return {
        "id": "00000000-0000-4000-8000-000000000003",
        "texts": texts,
        "embeddings": dict.fromkeys(types, vectors) if types else vectors,
        "response_type": "embeddings_by_type" if types else "embeddings_floats",
    }


def _no_stream(_body: Document) -> Iterator[Document]:
    message = "The model is unsupported for streaming."
    raise ValueError(message)


_FAMILIES: Mapping[str, Family] = {
    "anthropic.claude": Family(whole=_anthropic, parts=_anthropic_parts),
    "amazon.nova": Family(whole=converse, parts=_nova_parts),
    "meta.llama": Family(whole=_llama, parts=_llama_parts),
    "amazon.titan-embed": Family(whole=_titan, parts=_no_stream),
    "cohere.embed": Family(whole=_cohere, parts=_no_stream),
}
