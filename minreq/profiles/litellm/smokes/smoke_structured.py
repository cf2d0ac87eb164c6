"""Answers in the form of a model of pydantic, checked against its JSON schema, sync and async."""

import litellm
from pydantic import BaseModel
from smoke_calls import MESSAGES, calls, run


class Place(BaseModel):
    """Where something is."""

    city: str
    days: int


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        answer = await litellm.acompletion(
            model=call.model, messages=MESSAGES, response_format=Place, max_tokens=64, **call.arguments
        )
        print(call.name, Place.model_validate_json(answer.choices[0].message.content))


litellm.enable_json_schema_validation = True
for call in calls():
    answer = litellm.completion(
        model=call.model, messages=MESSAGES, response_format=Place, max_tokens=64, **call.arguments
    )
    print(call.name, Place.model_validate_json(answer.choices[0].message.content))
run(main)
litellm.enable_json_schema_validation = False
