"""Where the readers of all languages put what they see in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from minreq.scan.texts import is_reference, may_be_bare, prefix_of
from minreq.scan.usage import Findings, Mention, Place, Skipped, Unknown, Use, Vocabulary

#: No name of a model is longer: an ARN of an inference profile has about 150 characters.
_LONGEST = 300


#: Of nearly every file.
_NOTHING = Findings(files=1)


@dataclass(slots=True)
class Gathering:
    """What was seen in *file*."""

    file: str
    vocabulary: Vocabulary
    _mentions: dict[Mention, None] = field(default_factory=dict)
    _unknown: dict[Unknown, None] = field(default_factory=dict)
    _uses: dict[Use, None] = field(default_factory=dict)
    _aliases: set[str] = field(default_factory=set)
    _skipped: list[Skipped] = field(default_factory=list)

    def text(self, line: int, text: str, *, exact: bool = True, is_model: bool) -> None:
        """A text that stands somewhere, under a name for models or not."""
        if not 0 < len(text) <= _LONGEST or (exact and is_reference(text)):
            return
        if prefix_of(text, self.vocabulary.prefixes, exact=exact) is not None:
            where: Literal["model", "text"] = "model" if is_model else "text"
        elif is_model and exact and may_be_bare(text):
            where = "model"
        else:
            return
        self.mention(line, text, exact=exact, where=where, seen="a name of a model" if is_model else "a text")

    def mention(
        self,
        line: int,
        text: str,
        *,
        exact: bool = True,
        where: Literal["call", "model", "text"],
        seen: str,
        provider: str = "",
    ) -> None:
        """Something that may be the name of a model."""
        mention = Mention(
            place=self._place(line), text=text[:_LONGEST], exact=exact, where=where, seen=seen, provider=provider
        )
        self._mentions[mention] = None

    def deployment(self, line: int, text: str) -> None:
        """The model of a member of a list of models."""
        seen = f"{self.vocabulary.parameters}.model"
        if is_reference(text) or text == "*":
            self.unknown(line, seen, f"comes from {text}" if text != "*" else "is any model")
        else:
            self.mention(line, text, where="call", seen=seen)

    def unknown(self, line: int, seen: str, why: str) -> None:
        """A call whose model cannot be read."""
        self._unknown[Unknown(place=self._place(line), seen=seen, why=why)] = None

    def use(self, line: int, feature: str, seen: str) -> None:
        """A feature in use."""
        self._uses[Use(place=self._place(line), feature=feature, seen=seen)] = None

    def alias(self, name: str) -> None:
        """A name that a list of models gives to one."""
        self._aliases.add(name)

    def skip(self, why: str) -> None:
        """The file, or what is left of it, is passed over."""
        self._skipped.append(Skipped(file=self.file, why=why))

    def findings(self) -> Findings:
        """Return all of it."""
        if not (self._mentions or self._unknown or self._uses or self._aliases or self._skipped):
            return _NOTHING
        return Findings(
            mentions=tuple(self._mentions),
            unknown=tuple(self._unknown),
            uses=tuple(self._uses),
            aliases=frozenset(self._aliases),
            skipped=tuple(self._skipped),
            files=1,
        )

    def _place(self, line: int) -> Place:
        return Place(file=self.file, line=line)
