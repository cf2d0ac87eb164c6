"""A router: retries of a deployment that is limited, then the fallback to one that answers."""

from collections.abc import Iterator
from types import SimpleNamespace

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


def deployment(name: str, call: SimpleNamespace) -> dict[str, object]:
    """The entry of *call* in a list of models."""
    return {"model_name": name, "litellm_params": {"model": call.model, **call.arguments}}


def routers() -> Iterator[litellm.Router]:
    """A router for each deployment that answers, with one that fails: among several it would choose by chance."""
    failing = [call for call in calls() if call.expected]
    answering = [call for call in calls() if not call.expected]
    for number, call in enumerate(answering):
        models = [deployment("failing", failing[number % len(failing)]), deployment("answering", call)]
        fallbacks = [{"failing": ["answering"]}]
        yield litellm.Router(model_list=models, fallbacks=fallbacks, num_retries=1, retry_after=0, cooldown_time=0)


async def main() -> None:
    """Ask in a coroutine."""
    for router in routers():
        answer = await router.acompletion(model="failing", messages=MESSAGES)
        assert answer.choices[0].message.content == ANSWER, answer
        print("fallback", answer.choices[0].finish_reason)


for router in routers():
    answer = router.completion(model="failing", messages=MESSAGES)
    assert answer.choices[0].message.content == ANSWER, answer
    print("fallback", answer.choices[0].finish_reason)
run(main)
