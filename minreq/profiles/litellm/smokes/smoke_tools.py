"""Tool calls: asked for, whole and in pieces, sync and async, and answered."""

import json
from types import SimpleNamespace
from typing import Any

import litellm
from smoke_calls import MESSAGES, TOOLS, calls, run


def check(call: SimpleNamespace, message: Any) -> Any:
    """The one tool call of *message*, in the form of OpenAI."""
    [asked] = message.tool_calls
    arguments = json.loads(asked.function.arguments)
    assert (asked.function.name, arguments) == ("weather", {"city": "Zürich", "days": 7}), message
    print(call.name, asked.id, asked.function.name, json.dumps(arguments, ensure_ascii=False))
    return asked


def sync() -> None:
    """Ask for a tool call, answer it, and ask for one in pieces."""
    for call in calls():
        arguments = {"model": call.model, "tools": TOOLS, **call.arguments}
        answer = litellm.completion(messages=MESSAGES, **arguments)
        assert answer.choices[0].finish_reason == "tool_calls", answer
        asked = check(call, answer.choices[0].message)
        result = {"role": "tool", "tool_call_id": asked.id, "name": "weather", "content": "17 degrees"}
        messages = [*MESSAGES, answer.choices[0].message.model_dump(), result]
        final = litellm.completion(messages=messages, **arguments)
        assert "17 degrees" in final.choices[0].message.content, final
        print(call.name, final.choices[0].finish_reason, final.choices[0].message.content)
        chunks = list(litellm.completion(messages=MESSAGES, stream=True, **arguments))
        check(call, litellm.stream_chunk_builder(chunks).choices[0].message)


async def main() -> None:
    """Ask for a tool call."""
    for call in calls():
        answer = await litellm.acompletion(model=call.model, messages=MESSAGES, tools=TOOLS, **call.arguments)
        check(call, answer.choices[0].message)


sync()
run(main)
