"""Loads profiles as frozen values and finds the profile of a root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import ProfileInvalid
from minreq.model.parsing import parse_requirement, parse_specifiers
from minreq.profiles.documents import FOLDER, PROFILE, load_document
from minreq.profiles.forms import apply_form
from minreq.profiles.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedReleases:
    """Releases that minreq never installs."""

    name: NormalizedName
    versions: SpecifierSet
    #: Completes "litellm 1.82.7 is refused: ".
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Limitation:
    """Features or calls that some releases of the root do not support."""

    #: The features; empty: all.
    features: frozenset[str]
    #: The names of calls; empty: all.
    calls: frozenset[str]
    #: The releases that do not support them.
    versions: SpecifierSet
    #: The reason, for the user.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A smoke script, and the kind of calls it makes."""

    name: str
    file: Path
    calls: str
    #: Whether it runs when the user names no features.
    default: bool
    #: Added to the closure when the feature runs; kept only if the smoke needs them.
    requirements: tuple[Requirement, ...]
    #: What a lock keeps for this feature and mostly for no other.
    keeps: frozenset[NormalizedName]
    #: Apply to every provider.
    limitations: tuple[Limitation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call that a smoke makes. Texts may contain ``{http}`` and ``{https}``, the addresses of the emulator."""

    kind: str
    name: str
    model: str
    arguments: Mapping[str, Any]
    #: Environment variables for this call; an empty value removes the variable.
    variables: Mapping[str, str]
    #: Environment variables that name a temporary file -> content of that file.
    files: Mapping[str, str]
    #: The name of the exception that the call must raise, "" where it must return.
    expected: str
    #: The features that make this call; empty: all features of its kind.
    features: frozenset[str]
    #: The releases of the root that support it.
    versions: SpecifierSet
    #: Why the others do not, "" where all do.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider, and the calls of its smoke."""

    name: str
    aliases: tuple[str, ...]
    #: Added to the closure; kept only if the smoke needs them.
    requirements: tuple[Requirement, ...]
    #: Environment variables of its stages.
    environment: Mapping[str, str]
    #: Its own calls, then those of the providers it includes.
    calls: tuple[Call, ...]
    limitations: tuple[Limitation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealEndpoints:
    """How the smoke changes for a script that calls the real endpoints."""

    #: Modules that the scripts share, then modules that replace parts of them.
    files: tuple[Path, ...]
    #: Features that only the emulator can answer.
    without: frozenset[str]
    #: Names of arguments with the address of the emulator or a credential.
    arguments: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What minreq knows of a root package."""

    name: str
    #: The distributions that the profile is for.
    roots: tuple[NormalizedName, ...]
    refused: tuple[RefusedReleases, ...]
    #: By root, what it uses without declaring it: added to the closure; kept only if the smoke needs it.
    undeclared: Mapping[NormalizedName, tuple[Requirement, ...]]
    #: Environment variables of every stage.
    environment: Mapping[str, str]
    #: The script of the first stage.
    first: Path
    #: In the order they run.
    features: tuple[Feature, ...]
    #: Sorted by name.
    providers: tuple[Provider, ...]
    #: The file with the rules of a scan; ``None``: code that uses the root cannot be scanned.
    scan: Path | None
    #: ``None``: the smoke can run with the emulator only.
    real_endpoints: RealEndpoints | None


def find_profile(root: NormalizedName, folders: Iterable[Path] = ()) -> Profile | None:
    """Return the profile of *root*: from *folders*, the last first, else from those that come with minreq.

    The profile in a folder may extend that of a folder before it, so that several folders can add to one profile.
    Raises `ProfileInvalid`.
    """
    contents: dict[str, dict[str, Any]] = {}
    own_profiles: list[Profile] = []
    for file in (folder / PROFILE for folder in folders):
        content = load_document(file, contents)
        own_profiles.insert(0, _validate(file, content))
        contents[own_profiles[0].name] = content
    for profile in own_profiles:
        if root in profile.roots:
            return profile
    for file in sorted(FOLDER.glob(f"*/{PROFILE}")):
        profile = _load_bundled(file)
        if root in profile.roots:
            return profile
    return None


def bundled_roots() -> tuple[str, ...]:
    """Return the roots of the profiles that come with minreq."""
    return tuple(root for file in sorted(FOLDER.glob(f"*/{PROFILE}")) for root in load_profile(file).roots)


def load_profile(file: Path) -> Profile:
    """Return the profile in *file*. Raises `ProfileInvalid` with all faults in it."""
    return _validate(file, load_document(file))


# The files of minreq itself stay the same, and a command asks for their profiles several times.
_load_bundled = cache(load_profile)


def _validate(file: Path, content: Mapping[str, Any]) -> Profile:
    faults: list[str] = []
    profile = _profile(Table(content, "", faults), file.parent)
    if faults:
        raise ProfileInvalid(file, tuple(faults))
    return profile


def _profile(table: Table, folder: Path) -> Profile:
    features = tuple(_feature(name, each, folder) for name, each in table.table("features").items())
    profile = Profile(
        name=table.string("name"),
        roots=tuple(canonicalize_name(name) for name in table.strings("roots")),
        refused=tuple(refused for each in table.tables("refused") if (refused := _refused(each))),
        undeclared=_undeclared(table.table("undeclared")),
        environment=table.string_table("environment"),
        first=_script(table, "first", folder),
        features=features,
        providers=_providers(table.table("providers"), table.json_table("forms"), features),
        scan=Path(scan) if (scan := table.string("scan", "")) else None,
        real_endpoints=_real_endpoints(table.table("real"), folder) if "real" in table else None,
    )
    table.refuse_unknown_keys()
    return profile


def _real_endpoints(table: Table, folder: Path) -> RealEndpoints:
    real_endpoints = RealEndpoints(
        files=_scripts(table, "files", folder),
        without=frozenset(table.strings("without")),
        arguments=frozenset(table.strings("arguments")),
    )
    table.refuse_unknown_keys()
    return real_endpoints


def _refused(table: Table) -> RefusedReleases | None:
    text, reason = table.string("release"), table.string("reason")
    release = table.parse("release", text, parse_requirement, InvalidRequirement)
    table.refuse_unknown_keys()
    if release is None:
        return None
    return RefusedReleases(name=canonicalize_name(release.name), versions=release.specifier, reason=reason)


def _feature(name: str, table: Table, folder: Path) -> Feature:
    feature = Feature(
        name=name,
        file=_script(table, "file", folder),
        calls=table.string("calls"),
        default=table.boolean("default", default=True),
        requirements=_requirements(table, "requirements"),
        keeps=frozenset(map(canonicalize_name, table.strings("keeps"))),
        limitations=tuple(_limitations(table)),
    )
    table.refuse_unknown_keys()
    return feature


def _script(table: Table, key: str, folder: Path) -> Path:
    file = folder / table.string(key)
    if not file.is_file():
        table.add_fault(key, f"no such file: {file}")
    return file


def _scripts(table: Table, key: str, folder: Path) -> tuple[Path, ...]:
    files = tuple(folder / text for text in table.strings(key))
    for file in files:
        if not file.is_file():
            table.add_fault(key, f"no such file: {file}")
    return files


def _providers(table: Table, forms: Mapping[str, Any], features: Sequence[Feature]) -> tuple[Provider, ...]:
    """Return the providers, each with the calls of the providers it includes."""
    own, includes = {}, {}
    for name, each in table.items():
        includes[name] = each.strings("includes")
        own[name] = _provider(name, apply_form(name, each, forms), features)
    for name, others in includes.items():
        for other in others:
            if other not in own:
                table.add_fault(f"{name}.includes", f"no provider {other!r}")
    return tuple(
        _with_included(own[name], [own[other] for other in includes[name] if other in own]) for name in sorted(own)
    )


def _with_included(provider: Provider, others: list[Provider]) -> Provider:
    providers = [provider, *others]
    return Provider(
        name=provider.name,
        aliases=provider.aliases,
        requirements=tuple(requirement for each in providers for requirement in each.requirements),
        environment={name: value for each in providers for name, value in each.environment.items()},
        calls=tuple(call for each in providers for call in each.calls),
        limitations=tuple(limitation for each in providers for limitation in each.limitations),
    )


def _undeclared(table: Table) -> dict[NormalizedName, tuple[Requirement, ...]]:
    return {canonicalize_name(name): _requirements(table, name) for name in table}


def _requirements(table: Table, key: str) -> tuple[Requirement, ...]:
    found = (
        table.parse(f"{key}[{index}]", text, parse_requirement, InvalidRequirement)
        for index, text in enumerate(table.strings(key))
    )
    return tuple(requirement for requirement in found if requirement)


def _provider(name: str, table: Table, features: Sequence[Feature]) -> Provider:
    shared = table.json_table("arguments")
    provider = Provider(
        name=name,
        aliases=table.strings("aliases"),
        requirements=_requirements(table, "requirements"),
        environment=table.string_table("environment"),
        calls=tuple(_calls(table, shared, features)),
        limitations=tuple(_limitations(table, frozenset(feature.name for feature in features))),
    )
    table.refuse_unknown_keys()
    return provider


def _calls(table: Table, shared: Mapping[str, Any], features: Sequence[Feature]) -> Iterator[Call]:
    for each in table.tables("calls"):
        versions = each.parse("versions", each.string("versions", ""), parse_specifiers, InvalidSpecifier)
        call = Call(
            kind=each.string("kind"),
            name=each.string("name"),
            model=each.string("model"),
            arguments={**shared, **each.json_table("arguments")},
            variables=each.string_table("variables"),
            files=each.string_table("files"),
            expected=each.string("expected", ""),
            features=frozenset(each.strings("features")),
            versions=versions or SpecifierSet(),
            reason=each.string("reason", ""),
        )
        of_kind = {feature.name for feature in features if feature.calls == call.kind}
        if call.kind and not of_kind:
            each.add_fault("kind", f"no feature makes calls of the kind {call.kind!r}")
        for name in sorted(call.features - of_kind):
            each.add_fault("features", f"no feature {name!r} makes calls of the kind {call.kind!r}")
        each.refuse_unknown_keys()
        yield call


def _limitations(table: Table, features: frozenset[str] | None = None) -> Iterator[Limitation]:
    """Yield the limitations in *table*. Those of a provider may name *features*; a feature has its own alone."""
    for each in table.tables("cannot"):
        versions = each.parse("versions", each.string("versions", ""), parse_specifiers, InvalidSpecifier)
        limitation = Limitation(
            features=frozenset(each.strings("features")) if features is not None else frozenset(),
            calls=frozenset(each.strings("calls")),
            versions=versions or SpecifierSet(),
            reason=each.string("reason"),
        )
        for name in sorted(limitation.features - (features or frozenset())):
            each.add_fault("features", f"no feature {name!r}")
        each.refuse_unknown_keys()
        yield limitation
