"""What the smokes share: the calls of a stage, and what is said in them."""

import json
import os
from types import SimpleNamespace

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is Zürich?"},
]
ANSWER = "Grüße, you said 'Where is Zürich?'."

TOOLS = [
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


def calls():
    """The calls of this stage: what stands in the environment, as objects."""
    return [SimpleNamespace(**call) for call in json.loads(os.environ["MINREQ_CALLS"])]


def told(usage):
    """Token counts in one form."""
    return f"{usage.prompt_tokens}+{usage.completion_tokens}={usage.total_tokens}"


def run(main):
    """Run a coroutine function, and close what litellm holds open for its event loop."""
    import asyncio

    from litellm.llms.custom_httpx.async_client_cleanup import close_litellm_async_clients

    async def closed():
        try:
            await main()
        finally:
            await close_litellm_async_clients()

    asyncio.run(closed())
