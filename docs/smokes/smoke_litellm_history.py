"""Chat, streaming, async and a tool call with OpenAI and Bedrock, as every litellm since 1.60 can do them."""

import asyncio
import os

os.environ |= {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_MODE": "PRODUCTION",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_REGION_NAME": "us-east-1",
}

import litellm

MESSAGES = [{"role": "user", "content": "Where is Zürich?"}]
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALLS = [
    {"model": "openai/gpt-4o-mini", "api_base": os.environ["MINREQ_HTTPS"] + "/v1", "api_key": "sk-example"},
    {
        "model": "bedrock/converse/anthropic.claude-3-sonnet-20240229-v1:0",
        "aws_bedrock_runtime_endpoint": os.environ["MINREQ_HTTPS"],
    },
]


async def answers() -> None:
    """Ask each model once more, without waiting."""
    for call in CALLS:
        answer = await litellm.acompletion(messages=MESSAGES, **call)
        print(answer.choices[0].message.content)


for call in CALLS:
    print(litellm.completion(messages=MESSAGES, **call).choices[0].message.content)
    parts = litellm.completion(messages=MESSAGES, stream=True, **call)
    print("".join(part.choices[0].delta.content or "" for part in parts))
    message = litellm.completion(messages=MESSAGES, tools=[WEATHER], **call).choices[0].message
    print([asked.function.name for asked in message.tool_calls])
asyncio.run(answers())
