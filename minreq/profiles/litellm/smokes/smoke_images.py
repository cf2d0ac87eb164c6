"""Pictures for texts, sync and async."""

import base64
from types import SimpleNamespace
from typing import Any

import litellm
from smoke_calls import calls, run

PROMPT = "Zürich"


def check(call: SimpleNamespace, answer: Any) -> None:
    """There is a picture."""
    [picture] = answer.data
    assert base64.b64decode(picture.b64_json).startswith(b"\x89PNG"), answer
    print(call.name, len(picture.b64_json))


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        check(call, await litellm.aimage_generation(model=call.model, prompt=PROMPT, **call.arguments))


for call in calls():
    check(call, litellm.image_generation(model=call.model, prompt=PROMPT, **call.arguments))
run(main)
