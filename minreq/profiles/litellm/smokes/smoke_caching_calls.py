"""Calls that ask for what was asked before, for the smokes of caches."""

from types import SimpleNamespace

import litellm
from smoke_calls import ANSWER, MESSAGES, calls


def check_twice(call: SimpleNamespace, kind: str) -> None:
    """Ask twice; the second answer is the first."""
    answers = [litellm.completion(model=call.model, messages=MESSAGES, caching=True, **call.arguments) for _ in "12"]
    assert [answer.choices[0].message.content for answer in answers] == [ANSWER, ANSWER], answers
    assert answers[0].id == answers[1].id, answers
    print(call.name, kind, "kept")


async def ask_again() -> None:
    """Ask in a coroutine for what was asked before."""
    for call in calls():
        answer = await litellm.acompletion(model=call.model, messages=MESSAGES, caching=True, **call.arguments)
        assert answer.choices[0].message.content == ANSWER, answer
