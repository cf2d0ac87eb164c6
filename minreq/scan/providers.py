"""Finds the provider of each model name: by its prefix, or in the model table of the root; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from minreq.scan.patterns import provider_prefix
from minreq.scan.usage import FeatureUse, Findings, ModelName, ProviderUse, ScanRules, UnknownModel, Usage

#: Of two findings for one place the first in this order stays: a call describes a model better than a mere text.
_PRECEDENCE = ("call", "model", "text")


def find_usage(findings: Findings, rules: ScanRules, models: Callable[[], Mapping[str, str]]) -> Usage:
    """Return the providers and features that *findings* show.

    *models* returns the root's own table, model name -> provider as the root calls it. It is called only when a model
    name has no known prefix.
    """
    lookup = _ProviderLookup(rules, models)
    provider_uses: dict[tuple[object, ...], ProviderUse] = {}
    unknown = {(each.place, each.reason): each for each in findings.unknown}
    for model_name in sorted(findings.model_names, key=lambda each: _PRECEDENCE.index(each.where)):
        if model_name.text in findings.aliases and model_name.where != "call":
            continue
        found = lookup.find_provider(model_name)
        if isinstance(found, ProviderUse):
            provider_uses.setdefault((found.place, found.provider, found.model), found)
        elif found is not None:
            unknown.setdefault((found.place, found.reason), found)
    return Usage(
        provider_uses=tuple(
            sorted(provider_uses.values(), key=lambda each: (str(each.place.file), each.place.line, each.model))
        ),
        unknown=tuple(sorted(unknown.values(), key=lambda each: (each.place.file, each.place.line, each.reason))),
        feature_uses=_feature_uses(findings, rules, provider_uses.values()),
        skipped=findings.skipped,
        files=findings.files,
    )


def _feature_uses(findings: Findings, rules: ScanRules, provider_uses: Iterable[ProviderUse]) -> tuple[FeatureUse, ...]:
    """Return the features in *findings*, and those that the names of the models of *provider_uses* show."""
    by_model = {
        FeatureUse(place=each.place, feature=feature, description=f"the model {each.model}")
        for each in provider_uses
        for feature, patterns in rules.model_features.items()
        if any(pattern.search(each.model) for pattern in patterns)
    }
    return tuple(
        sorted(
            {*findings.feature_uses, *by_model},
            key=lambda each: (each.place.file, each.place.line, each.description, each.feature),
        )
    )


@dataclass(frozen=True, slots=True)
class _ProviderLookup:
    rules: ScanRules
    models: Callable[[], Mapping[str, str]]

    def find_provider(self, model_name: ModelName) -> ProviderUse | UnknownModel | None:
        """Return the provider of *model_name*; ``None`` where the text is no name of a model."""
        prefixes = self.rules.prefixes
        if model_name.provider:
            return _provider_use(model_name, model_name.provider)
        prefix = provider_prefix(model_name.text, prefixes, exact=model_name.exact and model_name.where == "text")
        if prefix is not None:
            return _provider_use(model_name, prefixes[prefix])
        if model_name.where == "text":
            return None
        label = self._label_in_table(model_name.text) if model_name.exact else None
        if label is not None and (provider := self._provider_of_label(label)) is not None:
            return _provider_use(model_name, provider)
        if model_name.where == "model" and (label or model_name.text.partition("/")[0]) not in self._all_labels():
            return None
        return UnknownModel(
            place=model_name.place,
            description=model_name.description,
            reason=self._reason_unknown(model_name, label),
        )

    def _label_in_table(self, name: str) -> str | None:
        """What the root calls the provider of *name*. The name of a fine-tuned model has more parts, after colons."""
        models = self.models()
        while name not in models and ":" in name:
            name = name.rpartition(":")[0]
        return models.get(name)

    def _provider_of_label(self, label: str) -> str | None:
        """The provider that the root calls *label*, by its longest known beginning: ``vertex_ai-language-models``."""
        prefixes = self.rules.prefixes
        names: Iterator[str] = (label[:end] for end in range(len(label), 0, -1) if label[end : end + 1] in {"", "-"})
        return next((prefixes[name] for name in names if name in prefixes), None)

    def _all_labels(self) -> frozenset[str]:
        return frozenset(self.models().values())

    def _reason_unknown(self, model_name: ModelName, label: str | None) -> str:
        if not model_name.exact:
            return f"begins with {model_name.text!r}, and the rest is put together at run time"
        prefix, slash, _ = model_name.text.partition("/")
        if label is None and not slash:
            return f"is {model_name.text!r}, which {self.rules.module} has in no list of models"
        return f"is of {label or prefix}, which is none of the providers of the profile"


def _provider_use(model_name: ModelName, provider: str) -> ProviderUse:
    model = model_name.text if model_name.exact else f"{model_name.text}..."
    return ProviderUse(place=model_name.place, provider=provider, model=model, description=model_name.description)
