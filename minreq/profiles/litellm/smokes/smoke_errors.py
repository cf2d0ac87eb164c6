"""What a refusal and a limit become, sync and async, and that a limited call is tried again."""

from types import SimpleNamespace
from typing import Any

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run

MAPPED = (litellm.AuthenticationError, litellm.RateLimitError)


def sync(call: SimpleNamespace) -> Any:
    """The answer, or what litellm made of the refusal."""
    try:
        return litellm.completion(model=call.model, messages=MESSAGES, **call.arguments)
    except MAPPED as error:
        return error


async def concurrent(call: SimpleNamespace) -> Any:
    """The same of a coroutine."""
    try:
        return await litellm.acompletion(model=call.model, messages=MESSAGES, **call.arguments)
    except MAPPED as error:
        return error


def check(call: SimpleNamespace, result: Any) -> None:
    """The exception is the one expected, or there is an answer after all."""
    if call.expected:
        assert type(result).__name__ == call.expected, result
        print(call.name, type(result).__name__, result.status_code, result.llm_provider)
    else:
        assert result.choices[0].message.content == ANSWER, result
        print(call.name, "answered")


async def main() -> None:
    """Make the calls."""
    for call in calls():
        check(call, await concurrent(call))


for call in calls():
    check(call, sync(call))
run(main)
