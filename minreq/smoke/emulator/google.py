"""Google's models: the Gemini API, under ``/gemini``, and Vertex AI, under ``/vertex_ai``, with Claude on it.

Sources: https://ai.google.dev/api and https://cloud.google.com/vertex-ai/docs/reference/rest
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from minreq.smoke.emulator import anthropic_models, content
from minreq.smoke.emulator.message import Document, Request, Response, event_stream, json_response
from minreq.smoke.emulator.oauth import GOOGLE_TOKEN
from minreq.smoke.emulator.reply import ModelReply

_STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
_MESSAGES = {
    401: "Request had invalid authentication credentials.",
    429: "Resource has been exhausted (e.g. check quota).",
}


def answer(request: Request) -> Response | None:
    """Answer a call of Gemini or Vertex AI; return ``None`` for any other request."""
    match request.segments:
        case ("gemini", "v1beta" | "v1", "models", model_and_operation):
            key = request.header("x-goog-api-key") or request.parameter("key")
            # Older releases of litellm send a bearer token to an address that is not Google's own.
            key = key or request.header("authorization").removeprefix("Bearer ")
        case (
            "vertex_ai",
            "v1" | "v1beta1",
            "projects",
            _,
            "locations",
            _,
            "publishers",
            _,
            "models",
            model_and_operation,
        ):
            key = request.header("authorization").removeprefix("Bearer ")
            key = key if key == GOOGLE_TOKEN else ""
        case _:
            return None
    model, _, operation = model_and_operation.partition(":")
    status = content.access_status(key, model)
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


def _reply(body: Document) -> ModelReply:
    contents = body["contents"]
    prompt = sum(content.count_tokens(content.text_of(each["parts"])) for each in contents)
    last = contents[-1]["parts"]
    results = [_either(part, "functionResponse", "function_response") for part in last]
    if any(results):
        text = " ".join(str(result["response"]) for result in results if result)
        return ModelReply(text=content.reply_text(text), prompt_tokens=prompt)
    for tool in body.get("tools") or []:
        for function in _either(tool, "functionDeclarations", "function_declarations") or ():
            return ModelReply(tool=function["name"], schema=function.get("parameters") or {}, prompt_tokens=prompt)
    form = _either(body, "generationConfig", "generation_config") or {}
    schema = form.get("responseSchema") or form.get("response_schema") or form.get("responseJsonSchema")
    schema = schema or form.get("response_json_schema")
    if schema:
        return ModelReply(text=content.example_json(schema), prompt_tokens=prompt)
    return ModelReply(text=content.reply_text(content.text_of(last)), prompt_tokens=prompt)


def _either(document: Document, camel: str, snake: str) -> Any:
    """Return a field; JSON of Protocol Buffers may spell its name either way."""
    return document.get(camel) or document.get(snake)


def _candidate(reply: ModelReply, parts: list[Document], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    document: dict[str, Any] = {"candidates": [candidate], "modelVersion": "gemini", "responseId": "0" * 22}
    if reason:
        candidate["finishReason"] = reason
        document["usageMetadata"] = {
            "promptTokenCount": reply.prompt_tokens,
            "candidatesTokenCount": reply.completion_tokens,
            "totalTokenCount": reply.total_tokens,
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


def _parts(reply: ModelReply) -> Iterator[Document]:
    if reply.tool:
        yield _candidate(reply, [{"functionCall": {"name": reply.tool, "args": reply.arguments}}], "STOP")
        return
    *first, last = content.split_at_blanks(reply.text)
    for piece in first:
        yield _candidate(reply, [{"text": piece}], None)
    yield _candidate(reply, [{"text": last}], "STOP")


def _count(body: Document) -> Response:
    return json_response({"totalTokens": _reply(body).prompt_tokens})


def _embed_batch(body: Document) -> Response:
    texts = [content.text_of(each["content"]["parts"]) for each in body["requests"]]
    return json_response({"embeddings": [{"values": content.embedding(text, content.DIMENSIONS)} for text in texts]})


def _embed(body: Document) -> Response:
    text = content.text_of(body["content"]["parts"])
    return json_response({"embedding": {"values": content.embedding(text, content.DIMENSIONS)}})


def _predict(body: Document) -> Response:
    """Return Vertex AI's embeddings of texts."""
    texts = [each["content"] for each in body["instances"]]
    return json_response(
        {
            "predictions": [
                {
                    "embeddings": {
                        "values": content.embedding(text, content.DIMENSIONS),
                        "statistics": {"truncated": False, "token_count": content.count_tokens(text)},
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
        return event_stream((each["type"], each) for each in anthropic_models.stream_events(body))
    return json_response(anthropic_models.make_message(body))
