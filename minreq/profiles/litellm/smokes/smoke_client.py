"""Clients of openai itself, sync and async: used beside litellm, and passed to it."""

from types import SimpleNamespace
from typing import Any

import litellm
import openai
from smoke_calls import ANSWER, MESSAGES, calls, run


def parts(call: SimpleNamespace) -> tuple[str, dict[str, Any], str]:
    """The name of the client's class, its arguments, and the model without the prefix of litellm."""
    arguments = dict(call.arguments)
    return arguments.pop("client"), arguments, call.model.partition("/")[2]


def beside(arguments: dict[str, Any]) -> dict[str, Any]:
    """What litellm takes beside a client: older releases look for the address themselves."""
    names = {"base_url": "api_base", "azure_endpoint": "api_base", "api_key": "api_key", "api_version": "api_version"}
    return {names[name]: value for name, value in arguments.items() if name in names}


def check(call: SimpleNamespace, how: str, answer: Any) -> None:
    """The answer is the one of the emulator."""
    assert answer.choices[0].message.content == ANSWER, answer
    print(call.name, how, answer.choices[0].finish_reason)


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        kind, arguments, model = parts(call)
        async with getattr(openai, f"Async{kind}")(**arguments) as client:
            check(call, "async", await client.chat.completions.create(model=model, messages=MESSAGES))
            answer = await litellm.acompletion(model=call.model, messages=MESSAGES, client=client, **beside(arguments))
            check(call, "async, by litellm", answer)


for call in calls():
    kind, arguments, model = parts(call)
    with getattr(openai, kind)(**arguments) as client:
        check(call, "sync", client.chat.completions.create(model=model, messages=MESSAGES))
        answer = litellm.completion(model=call.model, messages=MESSAGES, client=client, **beside(arguments))
        check(call, "sync, by litellm", answer)
run(main)
