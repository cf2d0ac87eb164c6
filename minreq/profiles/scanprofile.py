"""What a scan looks for in programs that use a root package, read from ``scan.toml`` beside the profile."""

from __future__ import annotations

import re
from dataclasses import dataclass

from minreq.errors import ProfileInvalid
from minreq.profiles import documents
from minreq.profiles.loader import Profile
from minreq.profiles.table import Table
from minreq.scan.usage import Constructor, Function, ScanRules


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanProfile:
    """The rules of a scan, and where the root keeps its own table of models."""

    rules: ScanRules
    #: A JSON file in the root's distribution: model name -> object.
    models_file: str
    #: The key of such an object that names the provider.
    provider_key: str


def load_scan_profile(profile: Profile) -> ScanProfile | None:
    """Return the scan profile of *profile*, ``None`` when it has none. Raises `ProfileInvalid`."""
    file = profile.scan
    if file is None:
        return None
    faults: list[str] = []
    table = Table(documents.read_toml(file), "", faults)
    other = table.table("other")
    scan_profile = ScanProfile(
        rules=ScanRules(
            module=table.string("module"),
            functions={name: _function(each) for name, each in table.table("functions").items()},
            model_list=table.string("model_list"),
            alias=table.string("alias"),
            parameters=table.string("parameters"),
            wrapper=table.string("wrapper"),
            methods={name: _function(each) for name, each in table.table("methods").items()},
            companions=frozenset(table.strings("companions")),
            arguments=table.string_table("arguments"),
            constructors={name: _constructor(each) for name, each in table.table("constructors").items()},
            attributes=table.string_table("attributes"),
            variables=table.string_table("variables"),
            services=table.string_table("services"),
            model_features=_model_features(table.table("model_features")),
            settings=table.string_table("settings"),
            hints=_only_known_providers(profile, table.string_table("hints")),
            prefixes=_only_known_providers(profile, {**table.string_table("prefixes"), **_prefixes(profile)}),
            other_functions=frozenset(other.strings("functions")),
            other_keys=frozenset(other.strings("keys")),
        ),
        models_file=table.string("models"),
        provider_key=table.string("provider"),
    )
    other.refuse_unknown_keys()
    table.refuse_unknown_keys()
    if faults:
        raise ProfileInvalid(file, tuple(faults))
    return scan_profile


def _function(table: Table) -> Function:
    takes = table.string("takes", "a model")
    function = Function(
        features=table.strings("features"),
        streaming=table.string("streaming", ""),
        model=None if takes == "nothing" else table.integer("model", 0),
    )
    table.refuse_unknown_keys()
    return function


def _constructor(table: Table) -> Constructor:
    constructor = Constructor(feature=table.string("feature"), unless=table.string("unless", ""))
    table.refuse_unknown_keys()
    return constructor


def _model_features(table: Table) -> dict[str, tuple[re.Pattern[str], ...]]:
    found: dict[str, tuple[re.Pattern[str], ...]] = {}
    for feature in table:
        patterns = (
            table.parse(f"{feature}[{index}]", text, _compile, re.error)
            for index, text in enumerate(table.strings(feature))
        )
        found[feature] = tuple(each for each in patterns if each is not None)
    return found


def _compile(text: str) -> re.Pattern[str]:
    return re.compile(text, re.IGNORECASE)


def _prefixes(profile: Profile) -> dict[str, str]:
    """The prefixes of the models that the profile's own calls name. The name of a provider is a prefix of it too."""
    found: dict[str, str] = {}
    for provider in profile.providers:
        for call in provider.calls:
            found.setdefault(call.model.partition("/")[0], provider.name)
    return found | {provider.name: provider.name for provider in profile.providers}


def _only_known_providers(profile: Profile, provider_of: dict[str, str]) -> dict[str, str]:
    """*provider_of* without the entries whose provider is not in the profile."""
    names = {provider.name for provider in profile.providers}
    return {key: name for key, name in provider_of.items() if name in names}
