"""Tool calls: asked for, sync and async, and answered."""

import litellm
from smoke_calls import MESSAGES, called, calls, run, tools


def sync() -> None:
    """Ask for a tool call, and answer it."""
    for call in calls():
        arguments = {"model": call.model, "tools": tools(), **call.arguments}
        answer = litellm.completion(messages=MESSAGES, **arguments)
        print(call.name, answer.choices[0].finish_reason)
        asked = called(call, answer.choices[0].message)
        result = {"role": "tool", "tool_call_id": asked.id, "name": "weather", "content": "17 degrees"}
        messages = [*MESSAGES, answer.choices[0].message.model_dump(), result]
        final = litellm.completion(messages=messages, **arguments)
        assert "17" in final.choices[0].message.content, final
        print(call.name, final.choices[0].finish_reason, final.choices[0].message.content)


async def main() -> None:
    """Ask for a tool call."""
    for call in calls():
        answer = await litellm.acompletion(model=call.model, messages=MESSAGES, tools=tools(), **call.arguments)
        called(call, answer.choices[0].message)


sync()
run(main)
