"""What to look for in programs that use a root package, read from ``scan.toml`` beside its profile."""

from __future__ import annotations

from dataclasses import dataclass

from minreq.errors import ProfileInvalid
from minreq.profiles import documents
from minreq.profiles.loading import Profile
from minreq.profiles.table import Table
from minreq.scan.usage import Function, Vocabulary


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What to look for, and where the root says whose a bare name of a model is."""

    vocabulary: Vocabulary
    #: A JSON file of the root's distribution: name of a model -> object.
    models: str
    #: The key of such an object that names the provider.
    provider: str


def guide(profile: Profile) -> Guide | None:
    """Return the guide of *profile*, ``None`` when it has none; raises `ProfileInvalid`."""
    file = profile.scan
    if file is None:
        return None
    faults: list[str] = []
    table = Table(documents.read(file), "", faults)
    other = table.table("other")
    found = Guide(
        vocabulary=Vocabulary(
            module=table.text("module"),
            functions={name: _function(each) for name, each in table.table("functions").named()},
            model_list=table.text("model_list"),
            alias=table.text("alias"),
            parameters=table.text("parameters"),
            wrapper=table.text("wrapper"),
            methods={name: _function(each) for name, each in table.table("methods").named()},
            companions=frozenset(table.texts("companions")),
            arguments=table.strings("arguments"),
            settings=table.strings("settings"),
            hints=_known(profile, table.strings("hints")),
            prefixes=_known(profile, {**table.strings("prefixes"), **_prefixes(profile)}),
            other_functions=frozenset(other.texts("functions")),
            other_keys=frozenset(other.texts("keys")),
        ),
        models=table.text("models"),
        provider=table.text("provider"),
    )
    other.end()
    table.end()
    if faults:
        raise ProfileInvalid(file, tuple(faults))
    return found


def _function(table: Table) -> Function:
    takes = table.text("takes", "a model")
    function = Function(
        features=table.texts("features"),
        streaming=table.text("streaming", ""),
        model=None if takes == "nothing" else table.number("model", 0),
    )
    table.end()
    return function


def _prefixes(profile: Profile) -> dict[str, str]:
    """What the models of the profile's own calls begin with; a provider's name is a prefix of its own."""
    found: dict[str, str] = {}
    for provider in profile.providers:
        for call in provider.calls:
            found.setdefault(call.model.partition("/")[0], provider.name)
    return found | {provider.name: provider.name for provider in profile.providers}


def _known(profile: Profile, named: dict[str, str]) -> dict[str, str]:
    """Without what leads to a provider that the profile does not have."""
    names = {provider.name for provider in profile.providers}
    return {key: name for key, name in named.items() if name in names}
