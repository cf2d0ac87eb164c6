"""What the resolver gets: the requirements and settings of the user, and the services that it calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol, TypeVar

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.model import Metadata, PassedOver, Platform, Runtime, Sdist, Wheel
from minreq.requirements import UserRequirement

F = TypeVar("F", bound=Wheel | Sdist)


class Index(Protocol):
    """Provides files and metadata; the resolver calls it from several threads at once."""

    def releases(self, name: NormalizedName, /) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Return all files of the project, by version; raise `ProjectNotFound` and the other index failures.

        The resolver looks up one version after the other, and most versions never: the index may parse the files of a
        version at that moment.
        """
        ...

    def metadata(self, wheel: Wheel, /) -> Metadata:
        """Return the core metadata of the wheel."""
        ...

    def identify(self, file: F, /) -> F:
        """Return *file* with its SHA-256 and all hashes that pip accepts, computed from the file."""
        ...


class Builder(Protocol):
    """Builds a wheel for the host from a source distribution."""

    def build(self, sdist: Sdist, /) -> Wheel:
        """Return the wheel, whose URL names a local file; raise `NoWheel` where the build is not allowed."""
        ...


class ImportFinder(Protocol):
    """Finds imports without running anything; the resolver calls it from several threads at once."""

    def find_import(self, root: Wheel, blocked: NormalizedName, sample: Wheel | None) -> str | None:
        """Return the place in *root* that imports *blocked* and handles no failure (``a/b.py:8``), else ``None``.

        *sample* is a wheel of *blocked*, which shows the modules that it owns; ``None`` when the index has no wheel
        that fits.
        """
        ...


def _known_hashes(file: Wheel | Sdist) -> frozenset[str]:
    return file.other_hashes | ({f"sha256:{file.sha256}"} if file.sha256 else frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class HashRule:
    """The files of a project that the user allows."""

    #: ``sha256:DIGEST``.
    allowed: frozenset[str]
    #: The lines that allow them.
    places: tuple[str, ...]

    def allows(self, file: Wheel | Sdist, index: Index) -> bool:
        """Return whether the user allows *file*; *index* computes what it does not give of the user's algorithms."""
        algorithms = {each.partition(":")[0] for each in self.allowed}
        if all(each.partition(":")[0] not in algorithms for each in _known_hashes(file)):
            file = index.identify(file)
        return not self.allowed.isdisjoint(_known_hashes(file))


@dataclass(frozen=True, kw_only=True)
class ResolverInput:
    """What the resolver pins, for which platforms, and which rules of the user it obeys."""

    root: Requirement
    #: The platform that the smoke runs on.
    host: Platform
    #: The platforms that the lock is for; the host when empty.
    targets: tuple[Platform, ...] = ()
    #: ``--with``: part of the closure, kept only if the smoke needs it.
    available: tuple[UserRequirement, ...] = ()
    #: ``-r`` and ``--whole``: kept with their closures. A line that names the root only limits the version of the root.
    whole: tuple[UserRequirement, ...] = ()
    #: ``--provided NAME==VERSION``: pinned to the version that the runtime has.
    provided: tuple[UserRequirement, ...] = ()
    #: ``--runtime``: has its distributions in versions that nobody named.
    runtime: Runtime | None = None
    constraints: tuple[UserRequirement, ...] = ()
    #: Each replaces every version that packages require of that project.
    overrides: tuple[UserRequirement, ...] = ()
    #: Pins of the existing lock, chosen where they are still possible; without those that may move (``-U``, ``-P``).
    preferred: Mapping[NormalizedName, Version] = field(default_factory=dict)
    #: Newer versions of the root that the existing lock passed over; they are reported again while its pin is chosen.
    passed_over: tuple[PassedOver, ...] = ()
    #: Releases that are never chosen; an error where the user requires exactly one of them.
    known_bad: Mapping[NormalizedName, frozenset[Version]] = field(default_factory=dict)
    #: The resolver ignores files that were uploaded later, or whose upload time the index does not give.
    exclude_newer: datetime | None = None
    #: Projects whose source distributions (or wheels) are ignored: names, or ``:all:``, as in pip.
    only_binary: frozenset[str] = frozenset()
    no_binary: frozenset[str] = frozenset()
    #: Projects whose pre-releases count, and those whose final releases alone count: as above.
    all_releases: frozenset[str] = frozenset()
    only_final: frozenset[str] = frozenset()
    #: Prefer a wheel of an older version to a newer source distribution.
    prefer_binary: bool = False
    #: Whether the user has to allow the files of each distribution of the lock by their hashes.
    require_hashes: bool = False
    #: ``None``: source distributions are not built.
    builder: Builder | None = None

    @cached_property
    def root_name(self) -> NormalizedName:
        """The project of the root."""
        return canonicalize_name(self.root.name)

    @cached_property
    def versioned(self) -> frozenset[NormalizedName]:
        """The projects that the runtime has in versions that the user named; a project that is the root, too."""
        return frozenset(canonicalize_name(each.requirement.name) for each in self.provided)

    @cached_property
    def platforms(self) -> tuple[Platform, ...]:
        """The host first, then the targets that differ from it."""
        return (self.host, *(target for target in self.targets if target != self.host))

    @cached_property
    def override_specifiers(self) -> Mapping[NormalizedName, SpecifierSet]:
        """By project, the specifier that replaces those of all packages."""
        specifiers: dict[NormalizedName, SpecifierSet] = {}
        for override in self.overrides:
            name = canonicalize_name(override.requirement.name)
            specifiers[name] = specifiers.get(name, SpecifierSet()) & override.requirement.specifier
        return specifiers

    @cached_property
    def limits(self) -> Mapping[NormalizedName, tuple[UserRequirement, ...]]:
        """By project, the user's constraints on its version, which do not require the project itself."""
        limits: dict[NormalizedName, tuple[UserRequirement, ...]] = {}
        for limit in (*self.provided, *self.constraints):
            name = canonicalize_name(limit.requirement.name)
            limits[name] = (*limits.get(name, ()), limit)
        return limits

    @cached_property
    def hash_rules(self) -> Mapping[NormalizedName, HashRule]:
        """By project, the rule that the hashes of all lines about it make together."""
        rules: dict[NormalizedName, HashRule] = {}
        for each in (*self.whole, *self.available, *self.constraints):
            if each.hashes:
                name = canonicalize_name(each.requirement.name)
                before = rules.get(name, HashRule(allowed=each.hashes, places=()))
                rules[name] = HashRule(allowed=before.allowed & each.hashes, places=(*before.places, each.place))
        return rules

    def allows_prereleases(self, name: NormalizedName) -> bool | None:
        """Return whether pre-releases of a project count, ``None`` for the usual rule; a name has precedence."""
        for word in (name, ":all:"):
            if word in self.all_releases:
                return True
            if word in self.only_final:
                return False
        return None

    def forbidden_kind(self, name: NormalizedName) -> type[Wheel | Sdist] | None:
        """Return the kind of file that the user forbids for a project; a name has precedence over ``:all:``."""
        for word in (name, ":all:"):
            if word in self.only_binary:
                return Sdist
            if word in self.no_binary:
                return Wheel
        return None
