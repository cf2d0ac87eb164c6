"""The runtime of Amazon SageMaker: endpoints that hold a text generator, a chat model or an embedding model.

Sources: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html and the containers of
Hugging Face, https://huggingface.co/docs/text-generation-inference
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from minreq.smoke.emulator import content, eventstream, openai, sigv4
from minreq.smoke.emulator.message import Request, Response, encode_json, json_response, stream_response

_STREAM = "invocations-response-stream"


def answer(request: Request) -> Response | None:
    """Answer a call of an endpoint; return ``None`` for any other request."""
    match request.segments:
        case ("endpoints", endpoint, "invocations" | "invocations-response-stream" as operation):
            pass
        case _:
            return None
    try:
        sigv4.verify(request, "sagemaker")
        if content.LIMITED in endpoint:
            return _error(429, "ThrottlingException", "Rate exceeded")
        return _invoke(endpoint, request.document(), streamed=operation == _STREAM)
    except sigv4.SignatureError as error:
        return _error(403, error.code, error.message)
    except (KeyError, TypeError, ValueError) as error:
        return _error(400, "ModelError", f"Received client error (400) from primary: {error!r}")


def _error(status: int, kind: str, message: str) -> Response:
    return json_response({"Message": message}, status=status, headers={"x-amzn-errortype": kind})


def _invoke(endpoint: str, body: Mapping[str, Any], *, streamed: bool) -> Response:
    if "messages" in body:
        response = openai.chat({**body, "stream": streamed}, endpoint)
        return _frame(response.chunks[:-1]) if response.chunks else response
    inputs = body["inputs"] if "inputs" in body else body["text_inputs"]
    if isinstance(inputs, list):
        return json_response({"embedding": [content.embedding(text, content.DIMENSIONS) for text in inputs]})
    text = content.reply_text(content.last_user_text(inputs))
    if not streamed:
        return json_response([{"generated_text": text}])
    tokens: list[dict[str, Any]] = [
        {"token": {"text": piece}, "generated_text": None} for piece in content.split_at_blanks(text)
    ]
    tokens.append({"token": {"text": "<|endoftext|>"}, "generated_text": text})
    return _frame(b"data:" + encode_json(each) + b"\n\n" for each in tokens)


def _frame(parts: Any) -> Response:
    headers = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
    return stream_response(eventstream.CONTENT_TYPE, [eventstream.frame(headers, part) for part in parts])
