"""Which protocols the emulator speaks: a new provider is a module with ``answer``, and its line here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from minreq.smoke.emulator import (
    anthropic,
    bedrock,
    cohere,
    google,
    huggingface,
    oauth,
    ollama,
    openai,
    replicate,
    sagemaker,
    sts,
)
from minreq.smoke.emulator.message import Request, Response, json_response

#: Asked in this order; each gives ``None`` for a request of another protocol.
PROTOCOLS: Sequence[Callable[[Request], Response | None]] = (
    # Known by its host, the others by their paths.
    replicate.answer,
    openai.answer,
    anthropic.answer,
    google.answer,
    cohere.answer,
    ollama.answer,
    huggingface.answer,
    bedrock.answer,
    sagemaker.answer,
    sts.answer,
    oauth.answer,
)

#: Hosts whose clients cannot be told of another address: they come through a proxy, which the emulator is too.
PROXIED: Sequence[str] = (replicate.HOST,)


def answer(request: Request) -> Response:
    """The answer of the protocol that *request* belongs to, 404 where no protocol knows it."""
    for protocol in PROTOCOLS:
        if response := protocol(request):
            return response
    message = f"The emulator has no provider that answers {request.method} {request.raw_path}."
    return json_response({"error": {"message": message}}, status=404)
