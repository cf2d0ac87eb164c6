"""What the emulated models say: texts, tool arguments, vectors and token counts, the same for the same input."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Every time the emulator tells: a release day of Python 3.0, in seconds since 1970.
CREATED = 1_228_262_400

#: The credential or model that is refused, the one that is limited, and the one limited at the first try only.
REFUSED, LIMITED, LIMITED_ONCE = "refused-401", "limited-429", "limited-once-429"

#: How long a limited client is told to wait, in seconds.
RETRY_AFTER = {"retry-after": "1"}

_END = re.compile(r"<\|eot_id\|>(?:<\|start_header_id\|>assistant<\|end_header_id\|>)?\s*$|\s*\[/INST\]\s*$")
_ROLE = re.compile(r"^(?:user|human|assistant): *", re.IGNORECASE)
_WORD = re.compile(r"\w+|[^\w\s]")


def verdict(key: str, model: str) -> int:
    """The status of a call with the credential *key* for *model*: 200, 401 or 429."""
    if not key or REFUSED in key or REFUSED in model:
        return 401
    return 429 if LIMITED in model else 200


def tokens(text: str) -> int:
    """How many tokens *text* is billed as: words and signs, at least one."""
    return max(1, len(_WORD.findall(text)))


def reply(prompt: str) -> str:
    """What a model answers: a sentence beyond ASCII, so that decoding is tried too, that names the prompt."""
    return f"Grüße, you said {prompt!r}."


def asked(prompt: str) -> str:
    """The last words of a person in the one text that a client made of a conversation.

    They are the last line, without a role and without what some templates end with.
    """
    lines = [line.strip() for line in _END.sub("", prompt).splitlines() if line.strip()]
    return _ROLE.sub("", lines[-1]) if lines else ""


def pieces(text: str) -> list[str]:
    """*text* cut for streaming, at the blanks; together they are *text* again."""
    return re.findall(r"\s*\S+", text)


def halves(text: str) -> tuple[str, str]:
    """*text* in two parts, for arguments of tools that are streamed."""
    return text[: len(text) // 2], text[len(text) // 2 :]


def value(schema: Mapping[str, Any]) -> Any:
    """A value that a JSON schema admits: the first of an enumeration, all properties of an object, one of a list."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for union in ("anyOf", "oneOf", "allOf"):
        if schema.get(union):
            return value(schema[union][0])
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0]
    # Google writes them in capitals.
    kind = str(kind).lower()
    if kind == "object":
        return {name: value(part) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [value(schema.get("items", {"type": "string"}))]
    return {"string": "Zürich", "integer": 7, "number": 1.5, "boolean": True}.get(kind)


def arguments(schema: Mapping[str, Any]) -> str:
    """The arguments of a tool call, as the JSON text a model writes."""
    return json.dumps(value(schema), ensure_ascii=False)


def vector(text: str, dimensions: int) -> list[float]:
    """An embedding: numbers between -1 and 1 that a 32-bit float holds exactly."""
    digest = b"".join(hashlib.sha256(f"{block} {text}".encode()).digest() for block in range((dimensions + 31) // 32))
    return [byte / 128 - 1 for byte in digest[:dimensions]]


def text_of(content: object) -> str:
    """The text in a message's content: a string, or parts with ``text``, results of tools among them."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return text_of(content.get("text") or content.get("content") or content.get("toolResult"))
    if isinstance(content, Sequence):
        return "".join(text_of(part) for part in content)
    return ""
