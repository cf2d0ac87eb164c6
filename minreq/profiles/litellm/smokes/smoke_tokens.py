"""Counting tokens, and what an answer costs."""

from typing import Any

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, tools


def cost(model: str, answer: Any) -> str:
    """Whether an answer has a price: of some it depends on the time they took, and releases change the table."""
    try:
        price = litellm.completion_cost(completion_response=answer, model=model)
    except Exception as error:
        if "isn't mapped" not in str(error):
            raise
        return "no price"
    assert price >= 0, answer
    return "a price" if price else "free"


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
    print(call.name, *counts, len(encoded), cost(call.model, answer))
