"""OpenAI's Responses API, which litellm speaks for every provider: whole, in pieces, and to a coroutine."""

from typing import Any

import litellm
from smoke_calls import ANSWER, calls, run

ASKED = "Where is Zürich?"


def said(answer: Any) -> str:
    """The text of the messages in an answer."""
    return "".join(part.text for item in answer.output if item.type == "message" for part in item.content)


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        answer = await litellm.aresponses(model=call.model, input=ASKED, **call.arguments)
        assert said(answer) == ANSWER, answer
        print(call.name, answer.status)


for call in calls():
    answer = litellm.responses(model=call.model, input=ASKED, **call.arguments)
    assert said(answer) == ANSWER, answer
    events = list(litellm.responses(model=call.model, input=ASKED, stream=True, **call.arguments))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == ANSWER, events
    print(call.name, answer.status, answer.usage.total_tokens, len(events))
run(main)
