"""Vectors for texts, sync and async."""

import litellm
from smoke_calls import calls, run

TEXTS = ["Zürich", "Genève"]


def check(call, answer):
    vectors = [each["embedding"] for each in answer.data]
    assert len(vectors) == len(TEXTS), answer
    assert all(isinstance(number, float) for vector in vectors for number in vector), answer
    print(call.name, answer.usage.prompt_tokens, *(vector[:2] for vector in vectors))


async def main():
    for call in calls():
        check(call, await litellm.aembedding(model=call.model, input=TEXTS, **call.arguments))


for call in calls():
    check(call, litellm.embedding(model=call.model, input=TEXTS, **call.arguments))
run(main)
