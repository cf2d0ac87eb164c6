"""Counting tokens, and what an answer costs."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, tools

for call in calls():
    counts = [
        litellm.token_counter(model=call.model, text=ANSWER),
        litellm.token_counter(model=call.model, messages=MESSAGES),
        litellm.token_counter(model=call.model, messages=MESSAGES, tools=tools()),
    ]
    assert 0 < counts[0] < counts[1] < counts[2], counts
    encoded = litellm.encode(model=call.model, text=ANSWER)
    assert litellm.decode(model=call.model, tokens=encoded) == ANSWER, encoded
    answer = litellm.completion(model=call.model, messages=MESSAGES, **call.arguments)
    cost = litellm.completion_cost(completion_response=answer, model=call.model)
    assert cost >= 0, answer
    print(call.name, *counts, len(encoded), f"{cost:.9f}")
