"""The runtime of Amazon Bedrock: Converse, InvokeModel, both also as event streams, embeddings, and Rerank.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html and
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_agent-runtime_Rerank.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from minreq.smoke.emulator import bedrock_models, content, eventstream, sigv4
from minreq.smoke.emulator.message import Request, Response, encode_json, json_response, stream_response

_REQUEST_ID = {"x-amzn-requestid": "00000000-0000-4000-8000-000000000002"}


class _Failure(Exception):
    """A request that is answered with an exception of the service."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(status, kind, message)
        self.status, self.kind, self.message = status, kind, message


def answer(request: Request) -> Response | None:
    """Answer a call of the Bedrock runtime; return ``None`` for any other request."""
    try:
        match request.segments:
            case ("model", *model, operation) if model:
                _authenticate(request)
                return _run_operation(request, "/".join(model), operation)
            case ("rerank",) if request.method == "POST":
                _authenticate(request)
                return _read_body(request, _rerank)
            case _:
                return None
    except _Failure as error:
        headers = {**_REQUEST_ID, "x-amzn-errortype": error.kind}
        return json_response({"message": error.message}, status=error.status, headers=headers)


def _authenticate(request: Request) -> None:
    """Check the bearer token (an API key of Bedrock), or else the signature."""
    scheme, _, token = request.header("authorization").partition(" ")
    if scheme == "Bearer":
        if not token or content.REFUSED in token:
            message = "Authentication failed: Please make sure your API Key is valid."
            raise _Failure(403, "AccessDeniedException", message)
        return
    try:
        sigv4.verify(request, "bedrock")
    except sigv4.SignatureError as error:
        raise _Failure(403, error.code, error.message) from error


def _run_operation(request: Request, model: str, operation: str) -> Response:
    operations = {
        "converse": _converse,
        "converse-stream": _converse_stream,
        "invoke": _invoke,
        "invoke-with-response-stream": _invoke_stream,
    }
    if request.method != "POST" or operation not in operations:
        raise _Failure(404, "UnknownOperationException", f"No operation {operation!r}")
    if content.REFUSED in model:
        message = "The security token included in the request is invalid."
        raise _Failure(403, "UnrecognizedClientException", message)
    if content.LIMITED in model:
        raise _Failure(429, "ThrottlingException", "Too many requests, please wait before trying again.")
    return _read_body(request, partial(operations[operation], model))


def _read_body(request: Request, answer_body: Callable[[Mapping[str, Any]], Response]) -> Response:
    try:
        return answer_body(request.document())
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _Failure(400, "ValidationException", f"Malformed input request: {error!r}") from error


def _rerank(body: Mapping[str, Any]) -> Response:
    """Answer the agent runtime's Rerank (API_agent-runtime_Rerank); the last document is the first."""
    configuration = body["rerankingConfiguration"]["bedrockRerankingConfiguration"]
    if content.LIMITED in configuration["modelConfiguration"]["modelArn"]:
        raise _Failure(429, "ThrottlingException", "Too many requests, please wait before trying again.")
    if not body["queries"][0]["textQuery"]["text"]:
        raise _Failure(400, "ValidationException", "The query is empty.")
    ranked = [*range(len(body["sources"]))][::-1][: configuration.get("numberOfResults")]
    results = [{"index": index, "relevanceScore": 1 / (rank + 1)} for rank, index in enumerate(ranked)]
    return json_response({"results": results}, headers=_REQUEST_ID)


def _converse(_model: str, body: Mapping[str, Any]) -> Response:
    return json_response(bedrock_models.converse(body), headers=_REQUEST_ID)


def _converse_stream(_model: str, body: Mapping[str, Any]) -> Response:
    events = [eventstream.event(kind, document) for kind, document in bedrock_models.converse_events(body)]
    return stream_response(eventstream.CONTENT_TYPE, events, _REQUEST_ID)


def _invoke(model: str, body: Mapping[str, Any]) -> Response:
    return json_response(bedrock_models.find_family(model).answer(body), headers=_REQUEST_ID)


def _invoke_stream(model: str, body: Mapping[str, Any]) -> Response:
    events = [
        eventstream.event("chunk", {"bytes": base64.b64encode(encode_json(document)).decode()})
        for document in bedrock_models.find_family(model).stream(body)
    ]
    headers = {**_REQUEST_ID, "x-amzn-bedrock-content-type": "application/json"}
    return stream_response(eventstream.CONTENT_TYPE, events, headers)
