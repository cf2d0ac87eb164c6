"""Google's models: the Gemini API, under ``/gemini``, and Vertex AI, under ``/vertex_ai``, with Claude on it.

Sources: https://ai.google.dev/api and https://cloud.google.com/vertex-ai/docs/reference/rest
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minreq.smoke.emulator import anthropic_models, content
from minreq.smoke.emulator.message import Request, Response, event_stream, json_response
from minreq.smoke.emulator.oauth import GOOGLE_TOKEN
from minreq.smoke.emulator.reply import Reply

_DIMENSIONS = 8
_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
_MESSAGES = {
    401: "Request had invalid authentication credentials.",
    429: "Resource has been exhausted (e.g. check quota).",
}

Document = Mapping[str, Any]


def answer(request: Request) -> Response | None:
    """The answer to a call of Gemini or Vertex AI, ``None`` where *request* is neither."""
    match request.segments:
        case ("gemini", "v1beta" | "v1", "models", called):
            key = request.header("x-goog-api-key") or request.parameter("key")
            # What older releases of litellm send when they are told of another address: a gateway takes it.
            key = key or request.header("authorization").removeprefix("Bearer ")
        case ("vertex_ai", "v1" | "v1beta1", "projects", _, "locations", _, "publishers", _, "models", called):
            key = request.header("authorization").removeprefix("Bearer ")
            key = key if key == GOOGLE_TOKEN else ""
        case _:
            return None
    model, _, operation = called.partition(":")
    status = content.verdict(key, model)
    if status in _MESSAGES:
        return _error(status, _MESSAGES[status])
    operations: Mapping[str, Callable[[Document], Response]] = {
        "generateContent": _generate,
        "streamGenerateContent": _stream,
        "countTokens": _count,
        "batchEmbedContents": _embed_batch,
        "embedContent": _embed,
        "predict": _predict,
        "rawPredict": _claude,
        "streamRawPredict": _claude,
    }
    if operation not in operations:
        return _error(404, f"Method not found: {operation}")
    try:
        return operations[operation](request.document())
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return _error(400, f"Invalid JSON payload received: {error!r}")


def _error(status: int, message: str) -> Response:
    document = {"error": {"code": status, "message": message, "status": _STATUSES[status]}}
    return json_response(document, status=status)


def _reply(body: Document) -> Reply:
    contents = body["contents"]
    prompt = sum(content.tokens(content.text_of(each["parts"])) for each in contents)
    last = contents[-1]["parts"]
    results = [_either(part, "functionResponse", "function_response") for part in last]
    if any(results):
        text = " ".join(str(result["response"]) for result in results if result)
        return Reply(text=content.reply(text), prompt_tokens=prompt)
    for tool in body.get("tools") or []:
        for function in _either(tool, "functionDeclarations", "function_declarations") or ():
            return Reply(tool=function["name"], schema=function.get("parameters") or {}, prompt_tokens=prompt)
    form = _either(body, "generationConfig", "generation_config") or {}
    schema = form.get("responseSchema") or form.get("response_schema") or form.get("responseJsonSchema")
    schema = schema or form.get("response_json_schema")
    if schema:
        return Reply(text=content.arguments(schema), prompt_tokens=prompt)
    return Reply(text=content.reply(content.text_of(last)), prompt_tokens=prompt)


def _either(document: Document, camel: str, snake: str) -> Any:
    """JSON of Protocol Buffers may spell a field either way."""
    return document.get(camel) or document.get(snake)


def _candidate(reply: Reply, parts: list[Document], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini", "responseId": "0" * 22}
    if reason:
        candidate["finishReason"] = reason
        document["usageMetadata"] = {
            "promptTokenCount": reply.prompt_tokens,
            "candidatesTokenCount": reply.tokens,
            "totalTokenCount": reply.total,
        }
    return document


def _generate(body: Document) -> Response:
    reply = _reply(body)
    part: Document = {"text": reply.text}
    if reply.tool:
        part = {"functionCall": {"name": reply.tool, "args": reply.arguments}}
    return json_response(_candidate(reply, [part], "STOP"))


def _stream(body: Document) -> Response:
    return event_stream(("", each) for each in _parts(_reply(body)))


def _parts(reply: Reply) -> Iterator[Document]:
    if reply.tool:
        yield _candidate(reply, [{"functionCall": {"name": reply.tool, "args": reply.arguments}}], "STOP")
        return
    *first, last = content.pieces(reply.text)
    for piece in first:
        yield _candidate(reply, [{"text": piece}], None)
    yield _candidate(reply, [{"text": last}], "STOP")


def _count(body: Document) -> Response:
    return json_response({"totalTokens": _reply(body).prompt_tokens})


def _embed_batch(body: Document) -> Response:
    texts = [content.text_of(each["content"]["parts"]) for each in body["requests"]]
    return json_response({"embeddings": [{"values": content.vector(text, _DIMENSIONS)} for text in texts]})


def _embed(body: Document) -> Response:
    text = content.text_of(body["content"]["parts"])
    return json_response({"embedding": {"values": content.vector(text, _DIMENSIONS)}})


def _predict(body: Document) -> Response:
    """Vertex AI's embeddings of texts."""
    texts = [each["content"] for each in body["instances"]]
    return json_response(
        {
            "predictions": [
                {
                    "embeddings": {
                        "values": content.vector(text, _DIMENSIONS),
                        "statistics": {"truncated": False, "token_count": content.tokens(text)},
                    }
                }
                for text in texts
            ]
        }
    )


def _claude(body: Document) -> Response:
    if not body["anthropic_version"].startswith("vertex-"):
        message = "anthropic_version: 'vertex-2023-10-16' is wanted"
        raise ValueError(message)
    if body.get("stream"):
        return event_stream((each["type"], each) for each in anthropic_models.parts(body))
    return json_response(anthropic_models.whole(body))
