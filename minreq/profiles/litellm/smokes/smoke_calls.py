"""What the smokes share: the calls of a stage, what is said in them, and the event loop."""

import asyncio
import atexit
import functools
import json
import os
import sys
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import litellm

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is Zürich?"},
]
ANSWER = "Grüße, you said 'Where is Zürich?'."


def tools() -> list[dict[str, Any]]:
    """One tool; a list of its own each time, since litellm writes into it for some providers."""
    return [
        {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "The weather of a city.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                    "required": ["city"],
                },
            },
        }
    ]


def calls() -> list[SimpleNamespace]:
    """The calls of this stage: what stands in the environment, as objects."""
    if "HTTPS_PROXY" in os.environ:
        # A client that litellm keeps goes on asking the proxy of the stage before.
        litellm.in_memory_llm_clients_cache.flush_cache()
    return [SimpleNamespace(**call) for call in json.loads(os.environ["MINREQ_CALLS"])]


def told(usage: Any) -> str:
    """Token counts in one form."""
    return f"{usage.prompt_tokens}+{usage.completion_tokens}={usage.total_tokens}"


def called(call: SimpleNamespace, message: Any) -> Any:
    """The one tool call of *message*, in the form of OpenAI."""
    [asked] = message.tool_calls
    arguments = json.loads(asked.function.arguments)
    assert (asked.function.name, arguments) == ("weather", {"city": "Zürich", "days": 7}), message
    # Where a provider gives it no name, litellm makes one up.
    print(call.name, asked.function.name, json.dumps(arguments, ensure_ascii=False))
    return asked


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function, and leave nothing of litellm behind on the event loop."""
    _loop().run_until_complete(_tidied(main))


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The one loop of a process, as a server has: litellm's queue of log records stays bound to its first."""
    loop = asyncio.new_event_loop()
    atexit.register(_close, loop)
    return loop


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Before litellm does it at exit, on another loop than the one its clients belong to."""
    loop.run_until_complete(_tidied(litellm.close_litellm_async_clients))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _tidied(main: Callable[[], Awaitable[None]]) -> None:
    try:
        await main()
    finally:
        worker = sys.modules.get("litellm.litellm_core_utils.logging_worker")
        if worker:
            await worker.GLOBAL_LOGGING_WORKER.flush()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
