"""Where the credentials of AWS come from: variables of the environment and files they name, roles, bearer tokens."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import litellm
from smoke_calls import ANSWER, MESSAGES, calls, run


@contextlib.contextmanager
def surroundings(call: SimpleNamespace) -> Iterator[None]:
    """The variables of *call*, an empty one taken away, and files with the contents it gives, named by variables."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(call.variables)
        for name, text in call.files.items():
            file = Path(folder, name)
            file.write_text(text, encoding="utf-8")
            os.environ[name] = str(file)
        for name, value in call.variables.items():
            if not value:
                del os.environ[name]
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def sync(call: SimpleNamespace) -> None:
    """Ask for a whole answer, and for one in pieces."""
    answer = litellm.completion(model=call.model, messages=MESSAGES, **call.arguments)
    assert answer.choices[0].message.content == ANSWER, answer
    chunks = list(litellm.completion(model=call.model, messages=MESSAGES, stream=True, **call.arguments))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER, chunks
    print(call.name, answer.choices[0].finish_reason, len(chunks))


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        with surroundings(call):
            answer = await litellm.acompletion(model=call.model, messages=MESSAGES, **call.arguments)
        assert answer.choices[0].message.content == ANSWER, answer
        print(call.name, answer.choices[0].finish_reason)


for call in calls():
    with surroundings(call):
        sync(call)
run(main)
