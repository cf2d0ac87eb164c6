"""Whole answers to a coroutine."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run, told


async def main() -> None:
    """Make the calls."""
    for call in calls():
        answer = await litellm.acompletion(
            model=call.model, messages=MESSAGES, temperature=0, max_tokens=64, **call.arguments
        )
        assert answer.choices[0].message.content == ANSWER, answer
        print(call.name, answer.choices[0].finish_reason, told(answer.usage), answer.choices[0].message.content)


run(main)
