"""The protocols of the emulator. A new provider is a module with a function ``answer``, and a line here."""

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

#: Called in this order; each returns ``None`` for a request of another protocol.
PROTOCOLS: Sequence[Callable[[Request], Response | None]] = (
    # Recognized by its host, the others by their paths.
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

#: Hosts whose clients accept no other address. The emulator is a proxy too, and these clients go through it.
PROXIED_HOSTS: Sequence[str] = (replicate.HOST,)


def answer(request: Request) -> Response:
    """Answer by the protocol that *request* belongs to, with 404 if it belongs to none."""
    for protocol in PROTOCOLS:
        if response := protocol(request):
            return response
    message = f"The emulator has no provider that answers {request.method} {request.raw_path}."
    return json_response({"error": {"message": message}}, status=404)
