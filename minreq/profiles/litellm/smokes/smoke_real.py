"""What differs where real endpoints answer: in the script of `verify --export-smoke` this follows smoke_calls."""

import json
from types import SimpleNamespace
from typing import Any

from smoke_calls import ANSWER


class Said(str):
    """What the emulator says; equal to whatever a real model says instead, as long as it says anything."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        """Whether *other* is a text with something in it."""
        return isinstance(other, str) and bool(other.strip())


ANSWER = Said(ANSWER)
MESSAGES = [
    {"role": "system", "content": "Be brief. Use a tool if there is one."},
    {"role": "user", "content": "What will the weather be in Zürich for the next 7 days?"},
]


def called(call: SimpleNamespace, message: Any) -> Any:
    """The first tool call of *message*, in the form of OpenAI."""
    asked = message.tool_calls[0]
    assert asked.function.name == "weather", message
    assert "city" in json.loads(asked.function.arguments), message
    print(call.name, asked.function.name, asked.function.arguments)
    return asked
