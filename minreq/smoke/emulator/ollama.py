"""Ollama's API, under ``/ollama``: chat, generation and embeddings; streams are lines of JSON.

Source: https://github.com/ollama/ollama/blob/main/docs/api.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from minreq.smoke.emulator import content
from minreq.smoke.emulator.message import Document, Request, Response, encode_json, json_response, stream_response
from minreq.smoke.emulator.reply import ModelReply


def answer(request: Request) -> Response | None:
    """Answer a call of Ollama; return ``None`` for any other request."""
    operations: Mapping[str, Callable[[Document], Response]] = {
        "chat": _chat,
        "generate": _generate,
        "embed": _embed,
        "show": _show,
    }
    match request.segments:
        case ("ollama", "api", operation) if operation in operations:
            pass
        case _:
            return None
    try:
        body = request.document()
        if content.LIMITED in (body.get("model") or body.get("name") or ""):
            return json_response({"error": "too many requests"}, status=429)
        return operations[operation](body)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return json_response({"error": f"invalid request: {error!r}"}, status=400)


def _chat(body: Document) -> Response:
    messages, tools = body["messages"], body.get("tools") or []
    prompt = sum(content.count_tokens(content.text_of(each.get("content"))) for each in messages)
    reply = ModelReply(text=_text(body, content.text_of(messages[-1].get("content"))), prompt_tokens=prompt)
    if tools and messages[-1]["role"] != "tool":
        function = tools[0]["function"]
        reply = ModelReply(tool=function["name"], schema=function["parameters"], prompt_tokens=prompt)
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.tool:
        message["tool_calls"] = [{"function": {"name": reply.tool, "arguments": reply.arguments}}]
    if not body.get("stream", True):
        return json_response({**_head(body), "message": message, **_end(reply)})
    parts: list[Document] = [{"role": "assistant", "content": piece} for piece in content.split_at_blanks(reply.text)]
    return _lines(body, "message", [message] if reply.tool else parts, {"role": "assistant", "content": ""}, reply)


def _generate(body: Document) -> Response:
    prompt = body["prompt"]
    reply = ModelReply(text=_text(body, content.last_user_text(prompt)), prompt_tokens=content.count_tokens(prompt))
    if not body.get("stream", True):
        return json_response({**_head(body), "response": reply.text, **_end(reply)})
    return _lines(body, "response", content.split_at_blanks(reply.text), "", reply)


def _text(body: Document, prompt: str) -> str:
    form = body.get("format")
    return content.example_json(form) if isinstance(form, Mapping) else content.reply_text(prompt)


def _lines(body: Document, key: str, parts: Iterable[object], last: object, reply: ModelReply) -> Response:
    documents = [{**_head(body), key: part, "done": False} for part in parts]
    documents.append({**_head(body), key: last, **_end(reply)})
    return stream_response("application/x-ndjson", [encode_json(each) + b"\n" for each in documents])


def _head(body: Document) -> dict[str, Any]:
    return {"model": body["model"], "created_at": content.CREATED_TEXT}


def _end(reply: ModelReply) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 1000,
        "load_duration": 100,
        "prompt_eval_count": reply.prompt_tokens,
        "prompt_eval_duration": 100,
        "eval_count": reply.completion_tokens,
        "eval_duration": 800,
    }


def _embed(body: Document) -> Response:
    texts_or_text = body["input"]
    texts = [texts_or_text] if isinstance(texts_or_text, str) else texts_or_text
    vectors = [content.embedding(text, content.DIMENSIONS) for text in texts]
    count = sum(map(content.count_tokens, texts))
    return json_response({"model": body["model"], "embeddings": vectors, "prompt_eval_count": count})


def _show(_body: Document) -> Response:
    details = {"format": "gguf", "family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_0"}
    information = {"general.architecture": "llama", "llama.context_length": 8192}
    capabilities = ["completion", "tools"]
    return json_response(
        {"template": "{{ .Prompt }}", "details": details, "model_info": information, "capabilities": capabilities}
    )
