"""OpenAI's API, and Azure's form of it: chat and text completions, embeddings, models.

Sources: https://platform.openai.com/docs/api-reference and
https://learn.microsoft.com/azure/ai-foundry/openai/reference
"""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from minreq.smoke.emulator import content, openai_media, openai_responses
from minreq.smoke.emulator.message import Request, Response, encode_json, json_response, stream_response

_FINGERPRINT = "fp_0000000000"
_HEADERS = {"x-request-id": "req_00000000000000000000000000000001", "openai-version": "2020-10-01"}
#: The headers with the time that a rate-limited client is to wait; clients prefer the first, so retries are fast.
_RETRY = {"retry-after-ms": "20", "retry-after": "1"}
_SAFE = {name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")}


class _Failure(Exception):
    """A request that is answered with an error object."""

    def __init__(self, status: int, message: str, kind: str, code: str | None) -> None:
        super().__init__(status, message, kind, code)
        self.status, self.message, self.kind, self.code = status, message, kind, code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What a path stands for: the operation and, on Azure, the deployment."""

    operation: str
    azure: bool = False
    deployment: str = ""


def answer(request: Request) -> Response | None:
    """Answer a call of OpenAI or Azure OpenAI; return ``None`` for any other request."""
    call = _parse_call(request)
    if call is None:
        return None
    try:
        _authenticate(request, call)
        return _run_operation(request, call)
    except _Failure as error:
        return _error(error, call)


def _parse_call(request: Request) -> _Call | None:
    match request.segments:
        case ("v1", *rest):
            return _Call(operation="/".join(rest))
        case ("openai", "v1", *rest):
            return _Call(operation="/".join(rest), azure=True)
        case ("openai", "responses"):
            return _Call(operation="responses", azure=True)
        case ("openai", "deployments", deployment, *rest):
            return _Call(operation="/".join(rest), azure=True, deployment=deployment)
    return None


def _authenticate(request: Request, call: _Call) -> None:
    scheme, _, key = request.header("authorization").partition(" ")
    if scheme.lower() != "bearer":
        key = ""
    if call.azure:
        key = request.header("api-key") or key
    if not key or content.REFUSED in key:
        _refuse(call, key)


def _refuse(call: _Call, key: str) -> None:
    if call.azure:
        message = (
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for "
            "an active subscription and use a correct regional API endpoint for your resource."
        )
        raise _Failure(401, message, "", "401")
    if not key:
        raise _Failure(401, "Missing bearer or basic authentication in header", "invalid_request_error", None)
    message = (
        f"Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys."
    )
    raise _Failure(401, message, "invalid_request_error", "invalid_api_key")


def _run_operation(request: Request, call: _Call) -> Response:
    if call.deployment and not request.parameter("api-version"):
        raise _Failure(404, "Resource not found", "", "404")
    if request.method == "GET" and call.operation == "models":
        return json_response({"object": "list", "data": [_model("gpt-4o-mini"), _model("gpt-4o")]}, headers=_HEADERS)
    if request.method == "GET" and call.operation.startswith("models/"):
        return json_response(_model(call.operation.partition("/")[2]), headers=_HEADERS)
    operations: Mapping[str, Callable[[Mapping[str, Any], str], Response]] = {
        "chat/completions": functools.partial(chat, azure=call.azure),
        "completions": _text_completion,
        "embeddings": _embeddings,
        "images/generations": openai_media.images,
        "audio/speech": openai_media.speech,
        "audio/transcriptions": openai_media.transcription,
        "responses": openai_responses.responses,
    }
    if request.method != "POST" or call.operation not in operations:
        message = f"Invalid URL ({request.method} {request.raw_path})"
        raise _Failure(404, message, "invalid_request_error", "404" if call.azure else None)
    try:
        is_form = request.header("content-type").startswith("multipart/form-data")
        body = openai_media.form_fields(request) if is_form else request.document()
    except ValueError as error:
        raise _Failure(400, str(error), "invalid_request_error", None) from error
    model = call.deployment or body.get("model")
    if not isinstance(model, str) or not model:
        raise _Failure(400, "you must provide a model parameter", "invalid_request_error", None)
    if content.REFUSED in model:
        _refuse(call, model)
    first = request.header("x-stainless-retry-count") in {"", "0"}
    if content.LIMITED in model or (content.LIMITED_ONCE in model and first):
        message = f"Rate limit reached for {model} on requests per min (RPM): Limit 3, Used 3, Requested 1."
        raise _Failure(429, message, "requests", "429" if call.azure else "rate_limit_exceeded")
    try:
        return operations[call.operation](body, model)
    except (KeyError, TypeError, ValueError) as error:
        raise _Failure(400, f"Invalid request: {error!r}", "invalid_request_error", None) from error


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": content.CREATED, "owned_by": "system"}


def _error(error: _Failure, call: _Call) -> Response:
    headers = {**_HEADERS, **(_RETRY if error.status == HTTPStatus.TOO_MANY_REQUESTS else {})}
    document: dict[str, Any] = {"code": error.code, "message": error.message}
    if not call.azure:
        document = {"message": error.message, "type": error.kind, "param": None, "code": error.code}
    return json_response({"error": document}, status=error.status, headers=headers)


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def chat(body: Mapping[str, Any], model: str, *, azure: bool = False) -> Response:
    """Return the answer of a chat model, in one piece or as events."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _Failure(400, "Missing required parameter: 'messages'.", "invalid_request_error", "missing_param")
    message = _message(body, messages)
    finish = "tool_calls" if "tool_calls" in message else "stop"
    generated_text = message["content"] or message["tool_calls"][0]["function"]["arguments"]
    prompt = sum(content.count_tokens(content.text_of(each.get("content"))) for each in messages)
    usage = _usage(prompt, content.count_tokens(generated_text))
    head = {
        "id": "chatcmpl-00000000000000000000000000001",
        "created": content.CREATED,
        "model": model,
        "system_fingerprint": _FINGERPRINT,
        "service_tier": "default",
    }
    if body.get("stream"):
        include_usage = (body.get("stream_options") or {}).get("include_usage")
        chunks = _chat_chunks({**head, "object": "chat.completion.chunk"}, message, finish, azure=azure)
        tail = {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
        events = [*chunks, *([tail] if include_usage else [])]
        return _events(events)
    choice: dict[str, Any] = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    document = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    if azure:
        choice["content_filter_results"] = _SAFE
        document["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": _SAFE}]
    return json_response(document, headers=_HEADERS)


def _message(body: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the assistant's message: a tool call where tools are offered and none has answered yet, else text."""
    last, tools = messages[-1], body.get("tools") or []
    message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    if tools and body.get("tool_choice") != "none" and last.get("role") != "tool":
        function = tools[0]["function"]
        function_call = {"name": function["name"], "arguments": content.example_json(function.get("parameters") or {})}
        message["tool_calls"] = [{"id": "call_000000000000000000000001", "type": "function", "function": function_call}]
        return message
    form = body.get("response_format") or {}
    if form.get("type") == "json_schema":
        message["content"] = content.example_json(form["json_schema"]["schema"])
    else:
        message["content"] = content.reply_text(content.text_of(last.get("content")))
    return message


def _chat_chunks(
    head: Mapping[str, Any], message: Mapping[str, Any], finish: str, *, azure: bool
) -> Iterator[dict[str, Any]]:
    def chunk(delta: Mapping[str, Any], reason: str | None = None) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        if azure:
            choice["content_filter_results"] = {} if reason is None else _SAFE
        return {**head, "choices": [choice]}

    if azure:
        # Azure sends the filter result for the prompt in a chunk without choices.
        filter_results = [{"prompt_index": 0, "content_filter_results": _SAFE}]
        yield {**head, "id": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": filter_results}
    yield chunk({"role": "assistant", "content": None if message["content"] is None else "", "refusal": None})
    for piece in content.split_at_blanks(message["content"] or ""):
        yield chunk({"content": piece})
    for index, call in enumerate(message.get("tool_calls", ())):
        name, text = call["function"]["name"], call["function"]["arguments"]
        start = {"index": index, "id": call["id"], "type": "function", "function": {"name": name, "arguments": ""}}
        yield chunk({"tool_calls": [start]})
        for part in content.split_in_half(text):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield chunk({}, finish)


def _events(documents: Sequence[object]) -> Response:
    """Return server-sent events with the end that OpenAI sends."""
    data = (*(encode_json(document) for document in documents), b"[DONE]")
    return stream_response("text/event-stream; charset=utf-8", [b"data: " + each + b"\n\n" for each in data], _HEADERS)


def _text_completion(body: Mapping[str, Any], model: str) -> Response:
    prompt = body.get("prompt")
    prompt = prompt[0] if isinstance(prompt, list) and prompt else prompt
    if not isinstance(prompt, str):
        raise _Failure(400, "Missing required parameter: 'prompt'.", "invalid_request_error", "missing_param")
    text = content.reply_text(prompt)
    head = {
        "id": "cmpl-00000000000000000000000000001",
        "object": "text_completion",
        "created": content.CREATED,
        "model": model,
    }
    if body.get("stream"):
        parts = [(piece, None) for piece in content.split_at_blanks(text)] + [("", "stop")]
        return _events([{**head, "choices": [_text_choice(part, reason)]} for part, reason in parts])
    usage = _usage(content.count_tokens(prompt), content.count_tokens(text))
    return json_response({**head, "choices": [_text_choice(text, "stop")], "usage": usage}, headers=_HEADERS)


def _text_choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


def _embeddings(body: Mapping[str, Any], model: str) -> Response:
    texts_or_tokens = body.get("input")
    if not texts_or_tokens:
        raise _Failure(400, "Missing required parameter: 'input'.", "invalid_request_error", "missing_param")
    # The input is a string, a list of strings, the tokens of one text, or a list of token lists.
    is_one_text = isinstance(texts_or_tokens, str) or isinstance(texts_or_tokens[0], int)
    texts = [str(each) for each in ([texts_or_tokens] if is_one_text else texts_or_tokens)]
    vectors = [content.embedding(text, int(body.get("dimensions") or content.DIMENSIONS)) for text in texts]
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _base64(vector) if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    count = sum(content.count_tokens(text) for text in texts)
    usage = {"prompt_tokens": count, "total_tokens": count}
    return json_response({"object": "list", "data": data, "model": model, "usage": usage}, headers=_HEADERS)


def _base64(vector: Sequence[float]) -> str:
    """Return numbers of 32 bits, little-endian, in Base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
