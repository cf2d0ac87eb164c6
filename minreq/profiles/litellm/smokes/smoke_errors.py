"""What a refusal and a limit become, sync and async, and that a call is tried again."""

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


def check(call, error):
    assert type(error).__name__ == call.expected, repr(error)
    print(call.name, type(error).__name__, error.status_code, error.llm_provider)


def sync():
    for call in calls():
        try:
            answer = litellm.completion(model=call.model, messages=MESSAGES, **call.arguments)
        except litellm.exceptions.APIError as error:
            check(call, error)
        except (litellm.AuthenticationError, litellm.RateLimitError) as error:
            check(call, error)
        else:
            assert not call.expected, answer
            assert answer.choices[0].message.content == ANSWER, answer
            print(call.name, "answered")


async def main():
    for call in calls():
        try:
            answer = await litellm.acompletion(model=call.model, messages=MESSAGES, **call.arguments)
        except (litellm.AuthenticationError, litellm.RateLimitError) as error:
            check(call, error)
        else:
            assert not call.expected, answer
            print(call.name, "answered")


sync()
run(main)
