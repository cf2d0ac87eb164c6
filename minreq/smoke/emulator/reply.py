"""The answer of a model before a protocol gives it its form: a text, or a call of a tool."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from minreq.smoke.emulator import content


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReply:
    """The answer of a model."""

    text: str = ""
    #: The name of the tool that the model calls, "" where it answers with a text.
    tool: str = ""
    #: The JSON schema of the tool's arguments.
    schema: Mapping[str, Any] | None = None
    prompt_tokens: int

    @property
    def arguments(self) -> Any:
        """The arguments of the tool."""
        return content.example_value(self.schema or {})

    @property
    def generated_text(self) -> str:
        """The text, or the arguments of the tool as JSON."""
        return content.example_json(self.schema or {}) if self.tool else self.text

    @property
    def completion_tokens(self) -> int:
        """The number of tokens in the answer."""
        return content.count_tokens(self.generated_text)

    @property
    def total_tokens(self) -> int:
        """The number of tokens in prompt and answer."""
        return self.prompt_tokens + self.completion_tokens
