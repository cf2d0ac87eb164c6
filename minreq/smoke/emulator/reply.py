"""What a model answers, before a protocol gives it its form: a text, or a call of a tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minreq.smoke.emulator import content


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model says."""

    text: str = ""
    #: The name of the tool it calls, "" where it says a text.
    tool: str = ""
    #: The JSON schema of the tool's arguments.
    schema: Mapping[str, Any] | None = None
    prompt_tokens: int

    @property
    def arguments(self) -> Any:
        """The arguments of the tool."""
        return content.value(self.schema or {})

    @property
    def said(self) -> str:
        """The text, or the arguments as the JSON a model writes."""
        return content.arguments(self.schema or {}) if self.tool else self.text

    @property
    def tokens(self) -> int:
        """What the answer is billed as."""
        return content.tokens(self.said)

    @property
    def total(self) -> int:
        """What prompt and answer are billed as."""
        return self.prompt_tokens + self.tokens
