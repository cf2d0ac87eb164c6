"""Token counts of models with a tokenizer of their own, of a stream without counts, and by a tokenizer of the user."""

import json

import litellm
from smoke_calls import ANSWER, MESSAGES, calls

TEXT = "Hello Zürich 你好 world"
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"Hello": 0, "world": 1, "?": 2}, "unk_token": "?"},
}

for call in calls():
    counts = [litellm.token_counter(model=call.model, text=text) for text in (TEXT, ANSWER)]
    counts.append(litellm.token_counter(model=call.model, messages=MESSAGES))
    print(call.name, "counts", *counts)
    chunks = list(litellm.completion(model=call.model, messages=MESSAGES, stream=True, **call.arguments))
    for chunk in chunks:
        # As from a server that sends none.
        if hasattr(chunk, "usage"):
            del chunk.usage
    whole = litellm.stream_chunk_builder(chunks, messages=MESSAGES)
    print(call.name, "stream", whole.usage.prompt_tokens, whole.usage.completion_tokens)
own = litellm.create_tokenizer(json.dumps(TOKENIZER))
count = litellm.token_counter(custom_tokenizer=own, text=TEXT)
assert count == len(TEXT.split()), count
