"""Answers kept in memory: the second call makes no request."""

from types import SimpleNamespace

import litellm
from smoke_calls import ANSWER, MESSAGES, calls


def check(call: SimpleNamespace) -> None:
    """Ask twice; the second answer is the first."""
    answers = [litellm.completion(model=call.model, messages=MESSAGES, caching=True, **call.arguments) for _ in "12"]
    assert [answer.choices[0].message.content for answer in answers] == [ANSWER, ANSWER], answers
    assert answers[0].id == answers[1].id, answers
    print(call.name, "in memory", "kept")


litellm.enable_cache(type="local")
for call in calls():
    check(call)
litellm.disable_cache()
