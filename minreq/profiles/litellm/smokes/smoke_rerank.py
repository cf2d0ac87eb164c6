"""The order of documents by a query, sync and async."""

from types import SimpleNamespace
from typing import Any

import litellm
from smoke_calls import calls, run

DOCUMENTS = ["Genève", "Bern", "Zürich"]


def check(call: SimpleNamespace, answer: Any) -> None:
    """The last document is the first."""
    order = [result["index"] for result in answer.results]
    assert order == [2, 1], answer
    print(call.name, *(f"{result['index']}={result['relevance_score']}" for result in answer.results))


async def main() -> None:
    """Ask in a coroutine."""
    for call in calls():
        check(
            call,
            await litellm.arerank(model=call.model, query="Zürich", documents=DOCUMENTS, top_n=2, **call.arguments),
        )


for call in calls():
    check(call, litellm.rerank(model=call.model, query="Zürich", documents=DOCUMENTS, top_n=2, **call.arguments))
run(main)
