"""Vectors for texts, sync and async."""

from types import SimpleNamespace
from typing import Any

import litellm
from smoke_calls import calls, run

TEXTS = ["Zürich", "Genève"]


def check(call: SimpleNamespace, answer: Any) -> None:
    """There is a vector for each text."""
    vectors = [each["embedding"] for each in answer.data]
    assert len(vectors) == len(TEXTS), answer
    assert all(isinstance(number, float) for vector in vectors for number in vector), answer
    print(call.name, answer.usage.prompt_tokens, *(vector[:2] for vector in vectors))


async def main() -> None:
    """Make the calls."""
    for call in calls():
        check(call, await litellm.aembedding(model=call.model, input=TEXTS, **call.arguments))


for call in calls():
    check(call, litellm.embedding(model=call.model, input=TEXTS, **call.arguments))
run(main)
