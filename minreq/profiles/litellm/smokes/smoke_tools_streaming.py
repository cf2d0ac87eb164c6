"""Tool calls in pieces, sync and async."""

import litellm
from smoke_calls import MESSAGES, called, calls, run, tools


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        stream = await litellm.acompletion(
            model=call.model, messages=MESSAGES, tools=tools(), stream=True, **call.arguments
        )
        called(call, litellm.stream_chunk_builder([chunk async for chunk in stream]).choices[0].message)


for call in calls():
    chunks = list(litellm.completion(model=call.model, messages=MESSAGES, tools=tools(), stream=True, **call.arguments))
    called(call, litellm.stream_chunk_builder(chunks).choices[0].message)
run(main)
