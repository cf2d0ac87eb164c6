"""Answers in pieces, with the token counts at the end."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, told

for call in calls():
    chunks = list(
        litellm.completion(
            model=call.model, messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **call.arguments
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ANSWER, chunks
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    assert whole.choices[0].message.content == ANSWER, whole
    print(call.name, len(chunks), whole.choices[0].finish_reason, told(whole.usage))
