"""Gives resolvelib the requirements and versions of packages; an extra is pinned apart, and requires its project.

The order of versions is decided in `finder`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce
from operator import and_
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version
from resolvelib import AbstractProvider, BaseReporter
from resolvelib.structs import RequirementInformation

from minreq.errors import NoWheel
from minreq.requirements import UserRequirement
from minreq.resolver.finder import ANY, PackageRequirement, PlatformNames, ReleaseFinder
from minreq.resolver.releases import Release, applies, is_pin, platform_label, supports


class Key(NamedTuple):
    """What resolvelib pins: a project, or one extra of it."""

    name: NormalizedName
    #: Empty for the project itself.
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """Why no version can satisfy a requirement, as a clause, and what the user can do."""

    reason: str
    remedy: str
    #: The requirement means something that is not on the index; a project of that name on the index is another one.
    not_on_index: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRequirement:
    """A requirement on one key."""

    key: Key
    specifier: SpecifierSet
    #: Where it applies.
    platforms: PlatformNames
    #: As a person would write it, ``certifi>=2026.10.19``.
    text: str
    #: The option or file in which the user requires it; ``None`` where a package requires it.
    origin: str | None = None
    #: Why no version can satisfy it.
    blocker: Blocker | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version chosen for a key."""

    key: Key
    version: Version
    #: Where something requires it. Packages that only the others require are none of its requirements.
    platforms: PlatformNames
    #: The release with this version for these platforms.
    release: Release = field(compare=False)


class Relaxation(Enum):
    """How the requirements on a distribution that the root does not import are relaxed."""

    #: Any version will do.
    ANY_VERSION = "any version"
    #: It is left out of the closure.
    LEFT_OUT = "left out"


#: Conflicts after which a key is promoted, as in pip.
_PROMOTED_FROM = 5


class ConflictCounts:
    """Counts in how many conflicts each key took part before it was pinned.

    A key that conflicts again and again is pinned earlier, so that its requirements limit the versions of others.
    """

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()

    def count(self, keys: Iterable[Key]) -> None:
        """Count each of *keys* once for each time that it is named."""
        self._counts.update(keys)

    def is_promoted(self, key: Key) -> bool:
        """Return whether *key* took part in so many conflicts that it is pinned first."""
        return self._counts[key] >= _PROMOTED_FROM


#: A requirement, and the pin that has it, as resolvelib reports the causes of a conflict.
Cause = RequirementInformation[KeyRequirement, Pin]


class Provider(AbstractProvider[KeyRequirement, Pin, Key]):
    """Answers resolvelib from a `ReleaseFinder`.

    *relaxations* names distributions whose requirements are relaxed, except those of the packages in *strict*. The
    releases in *fixed* stay pinned; of these, resolvelib sees only the requirements of further extras. Searches that
    follow each other may share *conflicts*.
    """

    def __init__(
        self,
        finder: ReleaseFinder,
        *,
        relaxations: Mapping[NormalizedName, Relaxation] | None = None,
        strict: Collection[NormalizedName] = frozenset(),
        fixed: Mapping[NormalizedName, Release] | None = None,
        conflicts: ConflictCounts | None = None,
    ) -> None:
        self._finder = finder
        self._relaxations = relaxations or {}
        self._strict = strict
        self._fixed = fixed or {}
        self._conflicts = conflicts or ConflictCounts()
        self._dependencies: dict[Pin, tuple[KeyRequirement, ...]] = {}
        self._user_order: dict[NormalizedName, int] = {}

    def user_requirements(self, user_requirement: UserRequirement) -> Iterator[KeyRequirement]:
        """Yield a requirement of the user, by key; nothing where its marker holds on no platform."""
        requirement = user_requirement.requirement
        platforms = frozenset(each.name for each in self._finder.inputs.platforms if applies(requirement, each, ""))
        if platforms:
            self._user_order.setdefault(canonicalize_name(requirement.name), len(self._user_order))
            yield from _split_by_key(requirement, platforms, origin=user_requirement.place)

    def root_requirements(self, requirement: Requirement, release: Release) -> Iterator[KeyRequirement]:
        """Yield the requirement on the root, by key, at exactly one version."""
        self._user_order[release.name] = -1
        exactly = SpecifierSet(f"==={release.version}")
        yield from _split_by_key(requirement, self._finder.everywhere, specifier=exactly, origin="the root")

    def identify(self, requirement_or_candidate: KeyRequirement | Pin) -> Key:
        """Return the key of a requirement or pin."""
        return requirement_or_candidate.key

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Pin],  # noqa: ARG002 - resolvelib's signature.
        candidates: Mapping[Key, Iterator[Pin]],  # noqa: ARG002 - resolvelib's signature.
        information: Mapping[Key, Iterator[Cause]],
        backtrack_causes: Sequence[Cause],  # noqa: ARG002 - resolvelib's signature.
    ) -> tuple[bool, bool, bool, int, bool, Key]:
        """Return a sort key: resolvelib pins first what leaves the least choice, in pip's order.

        Names that conflict again and again, names pinned by ``==``, then names with an upper limit, then what the user
        requires in that order, then names with any limit, then by the alphabet.
        """
        specifiers = [requirement.specifier for requirement, _ in information[identifier]]
        pinned = any(is_pin(specifier) for specifier in specifiers)
        capped = any(
            s.operator in {"<", "<=", "~="} or (s.operator == "==" and s.version.endswith(".*"))
            for specifier in specifiers
            for s in specifier
        )
        order = self._user_order.get(identifier.name, len(self._user_order))
        promoted = self._conflicts.is_promoted(identifier)
        return not promoted, not pinned, not capped, order, not any(specifiers), identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Key],
        resolutions: Mapping[Key, Pin],
        candidates: Mapping[Key, Iterator[Pin]],  # noqa: ARG002 - resolvelib's signature.
        information: Mapping[Key, Iterator[Cause]],  # noqa: ARG002 - resolvelib's signature.
        backtrack_causes: Sequence[Cause],
    ) -> Iterable[Key]:
        """After a conflict, return the keys that took part in it: these show a dead end soonest.

        Where none of them is left, return the keys that conflict again and again.
        """
        identifiers = list(identifiers)
        involved: list[Key] = []
        for requirement, parent in backtrack_causes:
            involved += [requirement.key] if parent is None else [requirement.key, parent.key]
        self._conflicts.count(key for key in involved if key not in resolutions)
        return (
            [key for key in identifiers if key in involved]
            or [key for key in identifiers if self._conflicts.is_promoted(key)]
            or identifiers
        )

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[KeyRequirement]],
        incompatibilities: Mapping[Key, Iterator[Pin]],
    ) -> Callable[[], Iterator[Pin]]:
        """Return the releases that satisfy all requirements on the project and on the extra."""
        keys = {identifier, Key(identifier.name)}
        on_key = list(requirements[identifier])
        on_project = [*on_key, *requirements.get(Key(identifier.name), ())] if identifier.extra else on_key
        excluded = [pin for key in keys if key in incompatibilities for pin in incompatibilities[key]]
        if any(each.blocker is not None for each in on_project):
            return lambda: iter(())
        specifier = reduce(and_, (each.specifier for each in on_project), ANY)
        from_user = any(each.origin is not None for each in on_project)
        platforms = _join(on_key)

        def pins() -> Iterator[Pin]:
            for release in self._releases(identifier.name, specifier, _join(on_project), must_exist=from_user):
                # A version that failed for some platforms fails for these and others.
                known = any(pin.version == release.version and pin.platforms <= platforms for pin in excluded)
                # A release that has to be built is built only when it is pinned.
                if not known and (release.wheel is None or self._finder.find_defect(release) is None):
                    yield Pin(key=identifier, version=release.version, platforms=platforms, release=release)

        return pins

    def is_satisfied_by(self, requirement: KeyRequirement, candidate: Pin) -> bool:
        """Return whether the requirement allows the version of the pin, and the pin counts where it applies."""
        allowed = requirement.blocker is None and requirement.specifier.contains(candidate.version, prereleases=True)
        return allowed and requirement.platforms <= candidate.platforms

    def get_dependencies(self, candidate: Pin) -> tuple[KeyRequirement, ...]:
        """Return what a pin requires; an extra first requires its project at the same version."""
        if candidate not in self._dependencies:
            self._dependencies[candidate] = tuple(self._read_dependencies(candidate))
        return self._dependencies[candidate]

    def whole_keys(self) -> frozenset[Key]:
        """Return the keys that the user requests whole (``--whole``, ``-r``)."""
        return frozenset(each.key for whole in self._finder.inputs.whole for each in self.user_requirements(whole))

    def fixed_release(self, name: NormalizedName) -> Release | None:
        """Return the release of a project that stays pinned."""
        return self._fixed.get(name)

    def _releases(
        self, name: NormalizedName, specifier: SpecifierSet, platforms: PlatformNames, *, must_exist: bool
    ) -> Iterator[Release]:
        if (fixed := self._fixed.get(name)) is not None:
            fits = specifier.contains(fixed.version, prereleases=True) and fixed.fits(self._finder.platforms(platforms))
            return iter((fixed,) if fits else ())
        find = self._finder.matches if must_exist else self._finder.matches_if_project_exists
        return find(name, specifier, platforms)

    def _read_dependencies(self, pin: Pin) -> Iterator[KeyRequirement]:
        release = pin.release
        if pin.key.extra:
            same, text = SpecifierSet(f"==={release.version}"), f"{release.name}=={release.version}"
            yield KeyRequirement(key=Key(release.name), specifier=same, text=text, platforms=pin.platforms)
        elif release.name in self._fixed:
            return
        try:
            blocker = self._find_blocker(pin)
        except NoWheel as refusal:
            # The builder may refuse a project (--only-binary); an older version may have a wheel.
            reason, remedy = f"none can be built: {refusal.why}", "allow it with --no-binary, or provide one"
            blocker = "a wheel", Blocker(reason=reason, remedy=remedy)
        if blocker is not None:
            text, why = blocker
            yield KeyRequirement(key=pin.key, specifier=ANY, platforms=pin.platforms, text=text, blocker=why)
            return
        requirements = self._finder.requirements(release, pin.key.extra, pin.platforms)
        for each in requirements:
            self._finder.prefetch(each.requirement, each.platforms)
        for each in requirements:
            yield from self._package_requirements(each, release.name)

    def _find_blocker(self, pin: Pin) -> tuple[str, Blocker] | None:
        """Return what the release of *pin* requires in vain, and why; raise `NoWheel` where it may not be built."""
        if (defect := self._finder.find_defect(pin.release)) is not None:
            return "a wheel", Blocker(reason=defect, remedy="choose another version with --constraint")
        requires_python = self._finder.metadata(pin.release).requires_python
        for platform in self._finder.platforms(pin.platforms):
            if not supports(requires_python, platform):
                remedy = "name another interpreter with --python, or another version with --constraint"
                reason = f"{platform_label(platform)} has {platform.python_version}"
                return f"Python {requires_python}", Blocker(reason=reason, remedy=remedy)
        return None

    def _package_requirements(self, required: PackageRequirement, package: NormalizedName) -> Iterator[KeyRequirement]:
        name, requirement, platforms = required.name, required.requirement, required.platforms
        relaxation = None if package in self._strict else self._relaxations.get(name)
        if relaxation is Relaxation.LEFT_OUT:
            return
        override = self._finder.inputs.override_specifiers.get(name)
        if override is not None:
            yield from _split_by_key(requirement, platforms, specifier=override)
        elif requirement.url is not None:
            remedy = f"take it from the index by its version with --override '{name}==VERSION'"
            blocker = Blocker(reason="a URL has no place in a lock of versions", remedy=remedy, not_on_index=True)
            text = format_requirement(requirement)
            yield KeyRequirement(key=Key(name), specifier=ANY, platforms=platforms, text=text, blocker=blocker)
        elif relaxation is Relaxation.ANY_VERSION:
            yield from _split_by_key(requirement, platforms, specifier=ANY)
        else:
            yield from _split_by_key(requirement, platforms)


def _join(requirements: Iterable[KeyRequirement]) -> PlatformNames:
    """Return the platforms on which any of *requirements* applies."""
    return frozenset().union(*(each.platforms for each in requirements))


def _split_by_key(
    requirement: Requirement,
    platforms: PlatformNames,
    *,
    specifier: SpecifierSet | None = None,
    origin: str | None = None,
) -> Iterator[KeyRequirement]:
    """Yield the requirement on the project, and on each of the extras that it names."""
    name = canonicalize_name(requirement.name)
    text = format_requirement(requirement)
    specifier = requirement.specifier if specifier is None else specifier
    for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
        key = Key(name, extra)
        yield KeyRequirement(key=key, specifier=specifier, platforms=platforms, text=text, origin=origin)


class RequirementChains(BaseReporter[KeyRequirement, Pin, Key]):
    """Records which pin required which key, so that an error can show the chain of requirements."""

    def __init__(self) -> None:
        self._parents: dict[Key, Pin | None] = {}

    def adding_requirement(self, requirement: KeyRequirement, parent: Pin | None) -> None:
        """Record the first pin that requires a key."""
        self._parents.setdefault(requirement.key, parent)

    def chain(self, pin: Pin) -> tuple[Release, ...]:
        """Return the releases that led to *pin*: *pin* first, the root last."""
        chain: list[Pin] = []
        link: Pin | None = pin
        while link is not None and link not in chain:
            chain.append(link)
            link = self._parents.get(link.key)
        # An extra and its project are one link.
        return tuple(dict.fromkeys(link.release for link in chain))


def format_requirement(requirement: Requirement) -> str:
    """Return the requirement without its marker, ``a[x]>=1``."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    url = "" if requirement.url is None else f" @ {requirement.url}"
    return f"{requirement.name}{extras}{requirement.specifier}{url}"


def format_origin(place: str, text: str) -> str:
    """Return what the user requires and where; an option as *place* often contains the *text* already."""
    return place if text in place else f"{text} ({place})"
