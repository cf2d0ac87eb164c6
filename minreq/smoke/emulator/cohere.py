"""Cohere's API, under ``/cohere``: chat, embeddings and reranking.

Sources: https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/streaming,
https://docs.cohere.com/reference/embed and https://docs.cohere.com/reference/rerank
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minreq.smoke.emulator import cohere_v1, content
from minreq.smoke.emulator.message import (
    Document,
    Request,
    Response,
    encode_json,
    event_stream,
    json_response,
    stream_response,
)
from minreq.smoke.emulator.reply import ModelReply

_ID = "00000000-0000-4000-8000-000000000004"
_MESSAGES = {401: "invalid api token", 429: "You are using a Trial key, which is limited to 10 API calls / minute."}


def answer(request: Request) -> Response | None:
    """Answer a call of Cohere; return ``None`` for any other request."""
    operations: Mapping[str, Callable[[Request, Document], Response]] = {
        "chat": _chat,
        "embed": _embed,
        "rerank": _rerank,
    }
    match request.segments:
        case ("cohere", "v1" | "v2", operation) if operation in operations:
            pass
        case _:
            return None
    key = request.header("authorization").partition(" ")[2]
    try:
        body = request.document()
        status = content.access_status(key, body.get("model", ""))
        if status in _MESSAGES:
            return json_response({"id": _ID, "message": _MESSAGES[status]}, status=status)
        return operations[operation](request, body)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return json_response({"id": _ID, "message": f"invalid request: {error!r}"}, status=400)


def _chat(request: Request, body: Document) -> Response:
    if "messages" not in body:
        return cohere_v1.chat(body)
    reply = _reply(body)
    if body.get("stream"):
        if "text/event-stream" in request.header("accept"):
            return event_stream((each["type"], each) for each in _events(reply))
        # A client that does not ask for server-sent events gets lines.
        return stream_response("application/stream+json", [encode_json(each) + b"\n" for each in _events(reply)])
    message: dict[str, Any] = {"role": "assistant", "content": [{"type": "text", "text": reply.text}]}
    if reply.tool:
        message = {"role": "assistant", "tool_plan": "I will ask.", "tool_calls": [_call(reply, reply.generated_text)]}
    return json_response({"id": _ID, "message": message, "finish_reason": _reason(reply), "usage": _usage(reply)})


def _reply(body: Document) -> ModelReply:
    messages = body["messages"]
    prompt = sum(content.count_tokens(content.text_of(each.get("content"))) for each in messages)
    last, tools = messages[-1], body.get("tools") or []
    if tools and last["role"] != "tool":
        function = tools[0]["function"]
        return ModelReply(tool=function["name"], schema=function["parameters"], prompt_tokens=prompt)
    form = body.get("response_format") or {}
    schema = form.get("json_schema") or form.get("schema")
    if schema:
        return ModelReply(text=content.example_json(schema.get("schema", schema)), prompt_tokens=prompt)
    return ModelReply(text=content.reply_text(content.text_of(last["content"])), prompt_tokens=prompt)


def _call(reply: ModelReply, arguments: str) -> Document:
    return {"id": "weather_000000000000", "type": "function", "function": {"name": reply.tool, "arguments": arguments}}


def _reason(reply: ModelReply) -> str:
    return "TOOL_CALL" if reply.tool else "COMPLETE"


def _usage(reply: ModelReply) -> Document:
    tokens = {"input_tokens": reply.prompt_tokens, "output_tokens": reply.completion_tokens}
    return {"billed_units": tokens, "tokens": tokens}


def _events(reply: ModelReply) -> Iterator[Document]:
    yield {"type": "message-start", "id": _ID, "delta": {"message": {"role": "assistant", "content": []}}}
    if reply.tool:
        yield {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": _call(reply, "")}}}
        for part in content.split_in_half(reply.generated_text):
            delta = {"message": {"tool_calls": {"function": {"arguments": part}}}}
            yield {"type": "tool-call-delta", "index": 0, "delta": delta}
        yield {"type": "tool-call-end", "index": 0}
    else:
        start = {"message": {"content": {"type": "text", "text": ""}}}
        yield {"type": "content-start", "index": 0, "delta": start}
        for piece in content.split_at_blanks(reply.text):
            yield {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": piece}}}}
        yield {"type": "content-end", "index": 0}
    yield {"type": "message-end", "delta": {"finish_reason": _reason(reply), "usage": _usage(reply)}}


def _embed(request: Request, body: Document) -> Response:
    texts = body["texts"]
    vectors = [content.embedding(text, body.get("output_dimension") or content.DIMENSIONS) for text in texts]
    types = body.get("embedding_types") or (["float"] if request.segments[1] == "v2" else None)
    billed = {"input_tokens": sum(map(content.count_tokens, texts))}
    return json_response(
        {
            "id": _ID,
            "texts": texts,
            "embeddings": dict.fromkeys(types, vectors) if types else vectors,
            "response_type": "embeddings_by_type" if types else "embeddings_floats",
            "meta": {"api_version": {"version": "2"}, "billed_units": billed},
        }
    )


def _rerank(_request: Request, body: Document) -> Response:
    """Rank the last document first, so that the order changes."""
    documents = list(enumerate(body["documents"]))[::-1][: body.get("top_n")]
    results = [{"index": index, "relevance_score": 1 / (rank + 1)} for rank, (index, _) in enumerate(documents)]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return json_response({"id": _ID, "results": results, "meta": meta})
