"""Profiles as frozen values, read from their TOML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import ProfileInvalid
from minreq.profiles.documents import FOLDER, PROFILE, document
from minreq.profiles.forms import filled
from minreq.profiles.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Releases that are never installed, whatever the user asks for."""

    name: NormalizedName
    versions: SpecifierSet
    #: Completes "litellm 1.82.7 is refused: ".
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A script, and the kind of calls it makes."""

    name: str
    file: Path
    calls: str
    #: Runs unless the user names others.
    default: bool
    #: Made available to the smoke where it runs, kept only where it needs them.
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cannot:
    """What releases of the root cannot do with a provider."""

    #: Empty: all.
    features: frozenset[str]
    #: The names of calls; empty: all.
    calls: frozenset[str]
    #: The releases that cannot.
    versions: SpecifierSet
    #: Why, for a person.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call a smoke makes; texts may hold ``{http}`` and ``{https}``, the emulator's addresses."""

    kind: str
    name: str
    model: str
    arguments: Mapping[str, Any]
    #: Variables that hold for this call; an empty one is taken away.
    variables: Mapping[str, str]
    #: Variables that name a temporary file, and what stands in it.
    files: Mapping[str, str]
    #: The name of the exception that is right, "" where an answer is.
    expected: str
    #: The features that make it; empty: all of its kind.
    features: frozenset[str]
    #: The releases of the root that can do this.
    versions: SpecifierSet
    #: Why the others cannot, "" where all can.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A provider, and what its smokes call."""

    name: str
    aliases: tuple[str, ...]
    #: Made available to the smoke, kept only where it needs them.
    requirements: tuple[Requirement, ...]
    #: Variables of the environment of its stages.
    environment: Mapping[str, str]
    #: Its own, then those of the providers it includes.
    calls: tuple[Call, ...]
    cannot: tuple[Cannot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Real:
    """What becomes of the smokes where real endpoints answer."""

    #: What the scripts share, and then what says it again where it differs.
    files: tuple[Path, ...]
    #: Names of features that only the emulator can be asked for.
    without: frozenset[str]
    #: Names of arguments that say where the emulator is, or who calls.
    arguments: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a root package."""

    name: str
    #: Distributions the profile is for.
    roots: tuple[NormalizedName, ...]
    refused: tuple[Refused, ...]
    #: By root, what it uses and does not declare: made available to the smoke, kept only where it needs it.
    undeclared: Mapping[NormalizedName, tuple[Requirement, ...]]
    #: Variables of the environment of every stage.
    environment: Mapping[str, str]
    #: The script of the first stage.
    first: Path
    #: In the order they run.
    features: tuple[Feature, ...]
    #: Sorted by name.
    providers: tuple[Provider, ...]
    #: What to look for in programs that use a root; ``None``: nothing is known of that.
    scan: Path | None
    #: ``None``: the smokes are for the emulator alone.
    real: Real | None


def find(root: NormalizedName, folders: Iterable[Path] = ()) -> Profile | None:
    """The profile that *root* belongs to, of those in *folders*, the last first, then of those that come with minreq.

    What a folder extends may be that of a folder before it, so that each can add to the same profile. Raises
    `ProfileInvalid`.
    """
    known: dict[str, dict[str, Any]] = {}
    own: list[Profile] = []
    for file in (folder / PROFILE for folder in folders):
        content = document(file, known)
        own.insert(0, _checked(file, content))
        known[own[0].name] = content
    for profile in own:
        if root in profile.roots:
            return profile
    for file in sorted(FOLDER.glob(f"*/{PROFILE}")):
        profile = load(file)
        if root in profile.roots:
            return profile
    return None


def roots() -> tuple[str, ...]:
    """Whatever a profile that comes with minreq is for."""
    return tuple(root for file in sorted(FOLDER.glob(f"*/{PROFILE}")) for root in load(file).roots)


def load(file: Path) -> Profile:
    """The profile in *file*; raises `ProfileInvalid` with everything that is wrong with it."""
    return _checked(file, document(file))


def _checked(file: Path, content: Mapping[str, Any]) -> Profile:
    faults: list[str] = []
    profile = _profile(Table(content, "", faults), file.parent)
    if faults:
        raise ProfileInvalid(file, tuple(faults))
    return profile


def _profile(table: Table, folder: Path) -> Profile:
    features = tuple(_feature(name, each, folder) for name, each in table.table("features").named())
    profile = Profile(
        name=table.text("name"),
        roots=tuple(canonicalize_name(name) for name in table.texts("roots")),
        refused=tuple(refused for each in table.tables("refused") if (refused := _refused(each))),
        undeclared=_undeclared(table.table("undeclared")),
        environment=table.strings("environment"),
        first=_script(table, "first", folder),
        features=features,
        providers=_providers(table.table("providers"), table.anything("forms"), features),
        scan=Path(scan) if (scan := table.text("scan", "")) else None,
        real=_real(table.table("real"), folder) if "real" in table else None,
    )
    table.end()
    return profile


def _real(table: Table, folder: Path) -> Real:
    real = Real(
        files=_scripts(table, "files", folder),
        without=frozenset(table.texts("without")),
        arguments=frozenset(table.texts("arguments")),
    )
    table.end()
    return real


def _refused(table: Table) -> Refused | None:
    text, reason = table.text("release"), table.text("reason")
    release = table.parsed("release", text, Requirement, InvalidRequirement)
    table.end()
    if release is None:
        return None
    return Refused(name=canonicalize_name(release.name), versions=release.specifier, reason=reason)


def _feature(name: str, table: Table, folder: Path) -> Feature:
    feature = Feature(
        name=name,
        file=_script(table, "file", folder),
        calls=table.text("calls"),
        default=table.switch("default", default=True),
        requirements=_requirements(table, "requirements"),
    )
    table.end()
    return feature


def _script(table: Table, key: str, folder: Path) -> Path:
    file = folder / table.text(key)
    if not file.is_file():
        table.fault(key, f"no such file: {file}")
    return file


def _scripts(table: Table, key: str, folder: Path) -> tuple[Path, ...]:
    files = tuple(folder / text for text in table.texts(key))
    for file in files:
        if not file.is_file():
            table.fault(key, f"no such file: {file}")
    return files


def _providers(table: Table, forms: Mapping[str, Any], features: Sequence[Feature]) -> tuple[Provider, ...]:
    """The providers, each with the calls of those it includes."""
    own, includes = {}, {}
    for name, each in table.named():
        includes[name] = each.texts("includes")
        own[name] = _provider(name, filled(name, each, forms), features)
    for name, others in includes.items():
        for other in others:
            if other not in own:
                table.fault(f"{name}.includes", f"no provider {other!r}")
    return tuple(_joined(own[name], [own[other] for other in includes[name] if other in own]) for name in sorted(own))


def _joined(provider: Provider, others: list[Provider]) -> Provider:
    together = [provider, *others]
    return Provider(
        name=provider.name,
        aliases=provider.aliases,
        requirements=tuple(requirement for each in together for requirement in each.requirements),
        environment={name: value for each in together for name, value in each.environment.items()},
        calls=tuple(call for each in together for call in each.calls),
        cannot=tuple(cannot for each in together for cannot in each.cannot),
    )


def _undeclared(table: Table) -> dict[NormalizedName, tuple[Requirement, ...]]:
    return {canonicalize_name(name): _requirements(table, name) for name in table}


def _requirements(table: Table, key: str) -> tuple[Requirement, ...]:
    found = (
        table.parsed(f"{key}[{index}]", text, Requirement, InvalidRequirement)
        for index, text in enumerate(table.texts(key))
    )
    return tuple(requirement for requirement in found if requirement)


def _provider(name: str, table: Table, features: Sequence[Feature]) -> Provider:
    shared = table.anything("arguments")
    provider = Provider(
        name=name,
        aliases=table.texts("aliases"),
        requirements=_requirements(table, "requirements"),
        environment=table.strings("environment"),
        calls=tuple(_calls(table, shared, features)),
        cannot=tuple(_cannot(table, features)),
    )
    table.end()
    return provider


def _calls(table: Table, shared: Mapping[str, Any], features: Sequence[Feature]) -> Iterator[Call]:
    for each in table.tables("calls"):
        versions = each.parsed("versions", each.text("versions", ""), SpecifierSet, InvalidSpecifier)
        call = Call(
            kind=each.text("kind"),
            name=each.text("name"),
            model=each.text("model"),
            arguments={**shared, **each.anything("arguments")},
            variables=each.strings("variables"),
            files=each.strings("files"),
            expected=each.text("expected", ""),
            features=frozenset(each.texts("features")),
            versions=versions or SpecifierSet(),
            reason=each.text("reason", ""),
        )
        of_kind = {feature.name for feature in features if feature.calls == call.kind}
        if call.kind and not of_kind:
            each.fault("kind", f"no feature makes calls of the kind {call.kind!r}")
        for name in sorted(call.features - of_kind):
            each.fault("features", f"no feature {name!r} makes calls of the kind {call.kind!r}")
        each.end()
        yield call


def _cannot(table: Table, features: Sequence[Feature]) -> Iterator[Cannot]:
    for each in table.tables("cannot"):
        versions = each.parsed("versions", each.text("versions", ""), SpecifierSet, InvalidSpecifier)
        cannot = Cannot(
            features=frozenset(each.texts("features")),
            calls=frozenset(each.texts("calls")),
            versions=versions or SpecifierSet(),
            reason=each.text("reason"),
        )
        for name in sorted(cannot.features - {feature.name for feature in features}):
            each.fault("features", f"no feature {name!r}")
        each.end()
        yield cannot
