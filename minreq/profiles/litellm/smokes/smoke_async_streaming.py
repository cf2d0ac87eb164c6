"""Answers in pieces to a coroutine."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run, told


async def main() -> None:
    """Make the calls."""
    for call in calls():
        stream = await litellm.acompletion(
            model=call.model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **call.arguments
        )
        chunks = [chunk async for chunk in stream]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert text == ANSWER, chunks
        whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
        print(call.name, len(chunks), whole.choices[0].finish_reason, told(whole.usage))


run(main)
