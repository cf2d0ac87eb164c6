"""Requests to and answers of the models on Bedrock: the common form of Converse, and a native form for each family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from minreq.smoke.emulator import anthropic_models, content
from minreq.smoke.emulator.message import Document
from minreq.smoke.emulator.reply import ModelReply

_TOOL_ID = "tooluse_0000000000000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of models: how it answers a request in its native form, in one document and as a stream of documents."""

    answer: Callable[[Document], Document]
    stream: Callable[[Document], Iterable[Document]]


def find_family(model: str) -> Family:
    """Return the family of *model*; raise `ValueError` where there is none."""
    # Inference profiles put a region in front: us.anthropic.claude-...
    for name, each in _FAMILIES.items():
        if name in model:
            return each
    message = "The provided model identifier is invalid."
    raise ValueError(message)


def converse(body: Document) -> dict[str, Any]:
    """Return the answer of Converse, which is the native form of Amazon Nova too."""
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
    """Yield the events of ConverseStream: type and payload."""
    reply = _converse_reply(body)
    yield "messageStart", {"role": "assistant"}
    if reply.tool:
        start = {"toolUse": {"toolUseId": _TOOL_ID, "name": reply.tool}}
        yield "contentBlockStart", {"contentBlockIndex": 0, "start": start}
        for part in content.split_in_half(reply.generated_text):
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": part}}}
    else:
        for piece in content.split_at_blanks(reply.text):
            yield "contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}}
    yield "contentBlockStop", {"contentBlockIndex": 0}
    yield "messageStop", {"stopReason": "tool_use" if reply.tool else "end_turn"}
    yield "metadata", {"usage": _usage(reply), "metrics": {"latencyMs": 1}}


def _converse_reply(body: Document) -> ModelReply:
    messages, tools = body["messages"], (body.get("toolConfig") or {}).get("tools") or []
    last = messages[-1]["content"]
    prompt = sum(content.count_tokens(content.text_of(message["content"])) for message in messages)
    if tools and not any("toolResult" in block for block in last):
        tool = tools[0]["toolSpec"]
        return ModelReply(tool=tool["name"], schema=tool["inputSchema"]["json"], prompt_tokens=prompt)
    return ModelReply(text=content.reply_text(content.text_of(last)), prompt_tokens=prompt)


def _usage(reply: ModelReply) -> dict[str, int]:
    total = reply.prompt_tokens + reply.completion_tokens
    return {"inputTokens": reply.prompt_tokens, "outputTokens": reply.completion_tokens, "totalTokens": total}


def _nova_parts(body: Document) -> Iterator[Document]:
    for kind, document in converse_events(body):
        yield {kind: document}


def _anthropic(body: Document) -> Document:
    return anthropic_models.make_message(_anthropic_body(body))


def _anthropic_parts(body: Document) -> Iterator[Document]:
    for document in anthropic_models.stream_events(_anthropic_body(body)):
        if document["type"] == "message_stop":
            yield {**document, **_metrics(anthropic_models.make_reply(body))}
        else:
            yield document


def _anthropic_body(body: Document) -> Document:
    if body["anthropic_version"] != "bedrock-2023-05-31":
        message = "anthropic_version is required"
        raise ValueError(message)
    return body


def _metrics(reply: ModelReply) -> dict[str, Any]:
    """Return what the last chunk of an InvokeModelWithResponseStream carries in every family."""
    return {
        "amazon-bedrock-invocationMetrics": {
            "inputTokenCount": reply.prompt_tokens,
            "outputTokenCount": reply.completion_tokens,
            "invocationLatency": 1,
            "firstByteLatency": 1,
        }
    }


def _llama_reply(body: Document) -> ModelReply:
    prompt = body["prompt"]
    # The prompt has special tokens around each message; the reply is to the last message of the user.
    last = prompt.rpartition("<|end_header_id|>")[0].rpartition("<|end_header_id|>")[2] or prompt
    text = content.reply_text(last.removesuffix("<|start_header_id|>assistant").strip().removesuffix("<|eot_id|>"))
    return ModelReply(text=text, prompt_tokens=content.count_tokens(prompt))


def _llama(body: Document) -> Document:
    reply = _llama_reply(body)
    counts = {"prompt_token_count": reply.prompt_tokens, "generation_token_count": reply.completion_tokens}
    return {"generation": reply.text, **counts, "stop_reason": "stop"}


def _llama_parts(body: Document) -> Iterator[Document]:
    reply = _llama_reply(body)
    for count, piece in enumerate(content.split_at_blanks(reply.text), 1):
        prompt = reply.prompt_tokens if count == 1 else None
        yield {"generation": piece, "prompt_token_count": prompt, "generation_token_count": count, "stop_reason": None}
    last = {
        "generation": "",
        "prompt_token_count": None,
        "generation_token_count": reply.completion_tokens,
        "stop_reason": "stop",
    }
    yield {**last, **_metrics(reply)}


def _titan(body: Document) -> Document:
    """Return Titan's embedding of one text; version 2 also has a field with an embedding for each type."""
    text = body["inputText"]
    vector = content.embedding(text, body.get("dimensions") or content.DIMENSIONS)
    return {
        "embedding": vector,
        "embeddingsByType": {"float": vector},
        "inputTextTokenCount": content.count_tokens(text),
    }


def _cohere(body: Document) -> Document:
    """Return Cohere's embeddings: a list of vectors, or one list for each requested type."""
    texts = body["texts"]
    vectors = [content.embedding(text, body.get("output_dimension") or content.DIMENSIONS) for text in texts]
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
    "anthropic.claude": Family(answer=_anthropic, stream=_anthropic_parts),
    "amazon.nova": Family(answer=converse, stream=_nova_parts),
    "meta.llama": Family(answer=_llama, stream=_llama_parts),
    "amazon.titan-embed": Family(answer=_titan, stream=_no_stream),
    "cohere.embed": Family(answer=_cohere, stream=_no_stream),
}
