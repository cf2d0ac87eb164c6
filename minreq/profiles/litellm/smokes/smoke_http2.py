"""Chat over HTTP/2, sync and async."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        answer = await litellm.acompletion(model=call.model, messages=MESSAGES, **call.arguments)
        assert answer.choices[0].message.content == ANSWER, answer
        print(call.name, "async", answer.choices[0].finish_reason)


# Clients that litellm keeps were made without it.
litellm.http2 = True
litellm.in_memory_llm_clients_cache.flush_cache()
for call in calls():
    answer = litellm.completion(model=call.model, messages=MESSAGES, **call.arguments)
    assert answer.choices[0].message.content == ANSWER, answer
    print(call.name, "sync", answer.choices[0].finish_reason)
run(main)
litellm.http2 = False
litellm.in_memory_llm_clients_cache.flush_cache()
