"""The content of emulated answers: texts, tool arguments, embeddings, token counts; equal input gives equal content."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: The one time in all answers: the day on which Python 3.0 was released, in seconds since 1970 and as text.
CREATED = 1_228_262_400
CREATED_TEXT = "2008-12-03T00:00:00.000000Z"

#: The length of an embedding, unless the request has another.
DIMENSIONS = 8

#: Credentials or models with these texts in them are refused, rate-limited, or rate-limited at the first try only.
REFUSED, LIMITED, LIMITED_ONCE = "refused-401", "limited-429", "limited-once-429"

#: The header with the seconds that a rate-limited client is to wait.
RETRY_AFTER = {"retry-after": "1"}

_END = re.compile(r"<\|eot_id\|>(?:<\|start_header_id\|>assistant<\|end_header_id\|>)?\s*$|\s*\[/INST\]\s*$")
_ROLE = re.compile(r"^(?:user|human|assistant): *", re.IGNORECASE)
_WORD = re.compile(r"\w+|[^\w\s]")


def access_status(key: str, model: str) -> int:
    """Return the status of a call with the credential *key* for *model*: 200, 401 or 429."""
    if not key or REFUSED in key or REFUSED in model:
        return 401
    return 429 if LIMITED in model else 200


def count_tokens(text: str) -> int:
    """Return the number of tokens in *text*: words and signs, at least one."""
    return max(1, len(_WORD.findall(text)))


def reply_text(prompt: str) -> str:
    """Return the answer of a model: a sentence with the prompt, and with letters beyond ASCII to test the decoding."""
    return f"Grüße, you said {prompt!r}."


def last_user_text(prompt: str) -> str:
    """Return the last message of the user from a conversation that a client has put into one text.

    It is the last line, without the role and without the tokens that some templates end with.
    """
    lines = [line.strip() for line in _END.sub("", prompt).splitlines() if line.strip()]
    return _ROLE.sub("", lines[-1]) if lines else ""


def split_at_blanks(text: str) -> list[str]:
    """Return the parts of *text* for streaming; together they are *text* again."""
    return re.findall(r"\s*\S+", text)


def split_in_half(text: str) -> tuple[str, str]:
    """Return *text* in two parts, for arguments of tools that are streamed."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def example_value(schema: Mapping[str, Any]) -> Any:
    """Return a value that fits a JSON schema: the first of an enumeration, all properties of an object, one item."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return example_value(schema[union][0])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    # Google writes types in capitals.
    kind = str(kind).lower()
    if kind == "object":
        return {name: example_value(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_value(schema.get("items", {"type": "string"}))]
    return {"string": "Zürich", "integer": 7, "number": 1.5, "boolean": True}.get(kind)


def example_json(schema: Mapping[str, Any]) -> str:
    """Return a value that fits a JSON schema as JSON, as a model writes the arguments of a tool."""
    return json.dumps(example_value(schema), ensure_ascii=False)


def embedding(text: str, dimensions: int) -> list[float]:
    """Return the embedding of *text*: numbers between -1 and 1 that a 32-bit float holds exactly."""
    digest = b"".join(hashlib.sha256(f"{block} {text}".encode()).digest() for block in range((dimensions + 31) // 32))
    return [byte / 128 - 1 for byte in digest[:dimensions]]


def text_of(content: object) -> str:
    """Return the text in the content of a message: a string, or parts with ``text`` or with the result of a tool."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of(content.get("text") or content.get("content") or content.get("toolResult"))
    if isinstance(content, Sequence):
        return "".join(text_of(part) for part in content)
    return ""
