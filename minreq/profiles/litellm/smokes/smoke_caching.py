"""Answers kept in memory and on disk: the second call makes no request."""

import tempfile
from types import SimpleNamespace

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


def check(call: SimpleNamespace, kind: str) -> None:
    """Ask twice; the second answer is the first."""
    answers = [litellm.completion(model=call.model, messages=MESSAGES, caching=True, **call.arguments) for _ in "12"]
    assert [answer.choices[0].message.content for answer in answers] == [ANSWER, ANSWER], answers
    assert answers[0].id == answers[1].id, answers
    print(call.name, kind, "kept")


async def main() -> None:
    """Ask in a coroutine for what was asked before."""
    for call in calls():
        answer = await litellm.acompletion(model=call.model, messages=MESSAGES, caching=True, **call.arguments)
        assert answer.choices[0].message.content == ANSWER, answer


litellm.enable_cache(type="local")
for call in calls():
    check(call, "in memory")
run(main)
litellm.disable_cache()
with tempfile.TemporaryDirectory() as folder:
    litellm.enable_cache(type="disk", disk_cache_dir=folder)
    for call in calls():
        check(call, "on disk")
    litellm.disable_cache()
