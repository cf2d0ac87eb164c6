"""What the models on Bedrock take and give: the common form of Converse, and a native form per family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minreq.smoke.emulator import anthropic_models, content
from minreq.smoke.emulator.reply import Reply

_TOOL_ID = "tooluse_0000000000000000000000"
_DIMENSIONS = 8

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A native form: the whole answer to a request, and the documents of the streamed one."""

    whole: Callable[[Document], Document]
    parts: Callable[[Document], Iterable[Document]]


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
        block = {"toolUse": {"toolUseId": _TOOL_ID, "name": reply.tool, "input": reply.arguments}}
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


def _converse_reply(body: Document) -> Reply:
    messages, tools = body["messages"], (body.get("toolConfig") or {}).get("tools") or []
    last = messages[-1]["content"]
    prompt = sum(content.tokens(content.text_of(message["content"])) for message in messages)
    if tools and not any("toolResult" in block for block in last):
        tool = tools[0]["toolSpec"]
        return Reply(tool=tool["name"], schema=tool["inputSchema"]["json"], prompt_tokens=prompt)
    return Reply(text=content.reply(content.text_of(last)), prompt_tokens=prompt)


def _usage(reply: Reply) -> dict[str, int]:
    total = reply.prompt_tokens + reply.tokens
    return {"inputTokens": reply.prompt_tokens, "outputTokens": reply.tokens, "totalTokens": total}


def _nova_parts(body: Document) -> Iterator[Document]:
    for kind, document in converse_events(body):
        yield {kind: document}


def _anthropic(body: Document) -> Document:
    return anthropic_models.whole(_anthropic_body(body))


def _anthropic_parts(body: Document) -> Iterator[Document]:
    for document in anthropic_models.parts(_anthropic_body(body)):
        if document["type"] == "message_stop":
            yield {**document, **_metrics(anthropic_models.reply(body))}
        else:
            yield document


def _anthropic_body(body: Document) -> Document:
    if body["anthropic_version"] != "bedrock-2023-05-31":
        message = "anthropic_version is required"
        raise ValueError(message)
    return body


def _metrics(reply: Reply) -> dict[str, Any]:
    """What the last chunk of an InvokeModelWithResponseStream carries, whatever the family."""
    return {
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": reply.prompt_tokens,
            "outputTokenCount": reply.tokens,
            "invocationLatency": 1,
            "firstByteLatency": 1,
        }
    }


def _llama_reply(body: Document) -> Reply:
    prompt = body["prompt"]
    # The prompt is a template of special tokens around the messages: answer the last words of a person.
    asked = prompt.rpartition("<|end_header_id|>")[0].rpartition("<|end_header_id|>")[2] or prompt
    text = content.reply(asked.removesuffix("<|start_header_id|>assistant").strip().removesuffix("<|eot_id|>"))
    return Reply(text=text, prompt_tokens=content.tokens(prompt))


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
