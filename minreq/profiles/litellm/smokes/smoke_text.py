"""Completions of a text: whole, in pieces, and to a coroutine."""

import litellm
from smoke_calls import ANSWER, calls, run

PROMPT = "Where is Zürich?"


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        answer = await litellm.atext_completion(model=call.model, prompt=PROMPT, max_tokens=64, **call.arguments)
        assert answer.choices[0].text == ANSWER, answer
        print(call.name, answer.choices[0].finish_reason)


for call in calls():
    answer = litellm.text_completion(model=call.model, prompt=PROMPT, max_tokens=64, **call.arguments)
    assert answer.choices[0].text == ANSWER, answer
    chunks = list(litellm.text_completion(model=call.model, prompt=PROMPT, stream=True, **call.arguments))
    assert "".join(chunk.choices[0].text or "" for chunk in chunks) == ANSWER, chunks
    print(call.name, answer.choices[0].finish_reason, len(chunks))
run(main)
