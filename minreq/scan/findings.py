"""Collects what the readers of all languages find in one file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from minreq.scan.patterns import is_reference, looks_like_model_name, provider_prefix
from minreq.scan.usage import FeatureUse, Findings, ModelName, Place, ScanRules, SkippedFile, UnknownModel

#: No model name is longer: the ARN of an inference profile has about 150 characters.
_MAX_LENGTH = 300
#: Nearly every file has these.
_NO_FINDINGS = Findings(files=1)


@dataclass(slots=True)
class FileFindings:
    """What a reader has found in *file*."""

    file: str
    rules: ScanRules
    _model_names: dict[ModelName, None] = field(default_factory=dict)
    _unknown: dict[UnknownModel, None] = field(default_factory=dict)
    _feature_uses: dict[FeatureUse, None] = field(default_factory=dict)
    _aliases: set[str] = field(default_factory=set)
    _skipped: list[SkippedFile] = field(default_factory=list)

    def add_text(self, line: int, text: str, *, exact: bool = True, is_model: bool) -> None:
        """Add a text if it has the form of a model name; *is_model*: it stands under a name such as ``model``."""
        if not 0 < len(text) <= _MAX_LENGTH or (exact and is_reference(text)):
            return
        if provider_prefix(text, self.rules.prefixes, exact=exact) is not None:
            where: Literal["model", "text"] = "model" if is_model else "text"
        elif is_model and exact and looks_like_model_name(text):
            where = "model"
        else:
            return
        description = "a name of a model" if is_model else "a text"
        self.add_model_name(line, text, exact=exact, where=where, description=description)

    def add_model_name(
        self,
        line: int,
        text: str,
        *,
        exact: bool = True,
        where: Literal["call", "model", "text"],
        description: str,
        provider: str = "",
    ) -> None:
        """Add a text that may be the name of a model."""
        model_name = ModelName(
            place=self._place(line),
            text=text[:_MAX_LENGTH],
            exact=exact,
            where=where,
            description=description,
            provider=provider,
        )
        self._model_names[model_name] = None

    def add_deployment(self, line: int, text: str) -> None:
        """Add the model of an entry in a list of models."""
        description = f"{self.rules.parameters}.model"
        if is_reference(text) or text == "*":
            self.add_unknown(line, description, f"comes from {text}" if text != "*" else "is any model")
        else:
            self.add_model_name(line, text, where="call", description=description)

    def add_unknown(self, line: int, description: str, reason: str) -> None:
        """Add a call whose model cannot be read from the code."""
        self._unknown[UnknownModel(place=self._place(line), description=description, reason=reason)] = None

    def add_feature_use(self, line: int, feature: str, description: str) -> None:
        """Add a feature in use."""
        self._feature_uses[FeatureUse(place=self._place(line), feature=feature, description=description)] = None

    def add_alias(self, name: str) -> None:
        """Add a name that a list of models gives to one of its models."""
        self._aliases.add(name)

    def skip(self, reason: str) -> None:
        """Record that the file, or the rest of it, is not read."""
        self._skipped.append(SkippedFile(file=self.file, reason=reason))

    def findings(self) -> Findings:
        """Everything that was added, as a value."""
        if not (self._model_names or self._unknown or self._feature_uses or self._aliases or self._skipped):
            return _NO_FINDINGS
        return Findings(
            model_names=tuple(self._model_names),
            unknown=tuple(self._unknown),
            feature_uses=tuple(self._feature_uses),
            aliases=frozenset(self._aliases),
            skipped=tuple(self._skipped),
            files=1,
        )

    def _place(self, line: int) -> Place:
        return Place(file=self.file, line=line)
