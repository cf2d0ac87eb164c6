"""A router: retries of a deployment that is limited, then the fallback to one that answers."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


def router() -> litellm.Router:
    """The deployments of the calls: those that are expected to fail, and the one that stands in for them."""
    deployments = [
        {
            "model_name": "failing" if call.expected else "answering",
            "litellm_params": {"model": call.model, **call.arguments},
        }
        for call in calls()
    ]
    return litellm.Router(
        model_list=deployments, fallbacks=[{"failing": ["answering"]}], num_retries=1, retry_after=0, cooldown_time=0
    )


async def main() -> None:
    """Ask in a coroutine."""
    answer = await router().acompletion(model="failing", messages=MESSAGES)
    assert answer.choices[0].message.content == ANSWER, answer
    print("fallback", answer.choices[0].finish_reason)


answer = router().completion(model="failing", messages=MESSAGES)
assert answer.choices[0].message.content == ANSWER, answer
print("fallback", answer.choices[0].finish_reason)
run(main)
