"""Chat, streaming, a tool call and embeddings, against the emulator."""

import asyncio
import os

from langchain_openai import ChatOpenAI, OpenAIEmbeddings

address = os.environ["MINREQ_HTTPS"] + "/v1"
chat = ChatOpenAI(model="gpt-4o-mini", base_url=address, api_key="sk-example", max_retries=0)

print(chat.invoke("Hello").content)
print("".join(str(part.content) for part in chat.stream("Hello")))
print(asyncio.run(chat.ainvoke("Hello")).content)


def weather(city: str) -> str:
    """Tell the weather of a city."""
    return city


print([call["name"] for call in chat.bind_tools([weather]).invoke("The weather in Paris?").tool_calls])

embeddings = OpenAIEmbeddings(
    model="text-embedding-3-small", base_url=address, api_key="sk-example", check_embedding_ctx_length=False
)
print(len(embeddings.embed_query("Hello")) > 0)
