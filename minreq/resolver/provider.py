"""Gives resolvelib the requirements and versions of packages; an extra is pinned apart, and requires its project.

The order of versions is decided in `finder`.
"""

from __future__ import annotations

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
from minreq.resolver.finder import ANY, Release, ReleaseFinder, applies, is_pin, platform_label, supports


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
    #: The release with this version; two pins are equal by key and version alone.
    release: Release = field(compare=False)


class Relaxation(Enum):
    """How the requirements on a distribution that the root does not import are relaxed."""

    #: Any version will do.
    ANY_VERSION = "any version"
    #: It is left out of the closure.
    LEFT_OUT = "left out"


#: A requirement, and the pin that has it, as resolvelib reports the causes of a conflict.
Cause = RequirementInformation[KeyRequirement, Pin]


class Provider(AbstractProvider[KeyRequirement, Pin, Key]):
    """Answers resolvelib from a `ReleaseFinder`.

    *relaxations* names distributions whose requirements are relaxed, except those of the packages in *strict*. The
    releases in *fixed* stay pinned; of these, resolvelib sees only the requirements of further extras.
    """

    def __init__(
        self,
        finder: ReleaseFinder,
        *,
        relaxations: Mapping[NormalizedName, Relaxation] | None = None,
        strict: Collection[NormalizedName] = frozenset(),
        fixed: Mapping[NormalizedName, Release] | None = None,
    ) -> None:
        self._finder = finder
        self._relaxations = relaxations or {}
        self._strict = strict
        self._fixed = fixed or {}
        self._dependencies: dict[Pin, tuple[KeyRequirement, ...]] = {}
        self._user_order: dict[NormalizedName, int] = {}

    def user_requirements(self, user_requirement: UserRequirement) -> Iterator[KeyRequirement]:
        """Yield a requirement of the user, by key; nothing where its marker holds on no platform."""
        requirement = user_requirement.requirement
        if applies(requirement, self._finder.inputs.platforms, ""):
            self._user_order.setdefault(canonicalize_name(requirement.name), len(self._user_order))
            yield from _split_by_key(requirement, origin=user_requirement.place)

    def root_requirements(self, requirement: Requirement, release: Release) -> Iterator[KeyRequirement]:
        """Yield the requirement on the root, by key, at exactly one version."""
        self._user_order[release.name] = -1
        exactly = SpecifierSet(f"==={release.version}")
        yield from _split_by_key(requirement, specifier=exactly, origin="the root")

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
    ) -> tuple[bool, bool, int, bool, Key]:
        """Return a sort key: resolvelib pins first what leaves the least choice, in pip's order.

        Names pinned by ``==``, then names with an upper limit, then what the user requires in that order, then names
        with any limit, then by the alphabet.
        """
        specifiers = [requirement.specifier for requirement, _ in information[identifier]]
        pinned = any(is_pin(specifier) for specifier in specifiers)
        capped = any(
            s.operator in {"<", "<=", "~="} or (s.operator == "==" and s.version.endswith(".*"))
            for specifier in specifiers
            for s in specifier
        )
        order = self._user_order.get(identifier.name, len(self._user_order))
        return not pinned, not capped, order, not any(specifiers), identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Key],
        resolutions: Mapping[Key, Pin],  # noqa: ARG002 - resolvelib's signature.
        candidates: Mapping[Key, Iterator[Pin]],  # noqa: ARG002 - resolvelib's signature.
        information: Mapping[Key, Iterator[Cause]],  # noqa: ARG002 - resolvelib's signature.
        backtrack_causes: Sequence[Cause],
    ) -> Iterable[Key]:
        """After a conflict, return the keys that took part in it: these show a dead end soonest."""
        identifiers = list(identifiers)
        involved = {requirement.key for requirement, _ in backtrack_causes}
        involved |= {parent.key for _, parent in backtrack_causes if parent is not None}
        return [key for key in identifiers if key in involved] or identifiers

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[KeyRequirement]],
        incompatibilities: Mapping[Key, Iterator[Pin]],
    ) -> Callable[[], Iterator[Pin]]:
        """Return the releases that satisfy all requirements on the project and on the extra."""
        keys = {identifier, Key(identifier.name)}
        on_project = [each for key in keys if key in requirements for each in requirements[key]]
        excluded = {pin.version for key in keys if key in incompatibilities for pin in incompatibilities[key]}
        if any(each.blocker is not None for each in on_project):
            return lambda: iter(())
        specifier = reduce(and_, (each.specifier for each in on_project), ANY)
        from_user = any(each.origin is not None for each in on_project)

        def pins() -> Iterator[Pin]:
            for release in self._releases(identifier.name, specifier, must_exist=from_user):
                if release.version not in excluded:
                    yield Pin(key=identifier, version=release.version, release=release)

        return pins

    def is_satisfied_by(self, requirement: KeyRequirement, candidate: Pin) -> bool:
        """Return whether the requirement allows the version of the pin."""
        return requirement.blocker is None and requirement.specifier.contains(candidate.version, prereleases=True)

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

    def _releases(self, name: NormalizedName, specifier: SpecifierSet, *, must_exist: bool) -> Iterator[Release]:
        if (fixed := self._fixed.get(name)) is not None:
            return iter((fixed,) if specifier.contains(fixed.version, prereleases=True) else ())
        find = self._finder.matches if must_exist else self._finder.matches_if_project_exists
        return find(name, specifier)

    def _read_dependencies(self, pin: Pin) -> Iterator[KeyRequirement]:
        release = pin.release
        if pin.key.extra:
            same = SpecifierSet(f"==={release.version}")
            yield KeyRequirement(key=Key(release.name), specifier=same, text=f"{release.name}=={release.version}")
        elif release.name in self._fixed:
            return
        try:
            requires_python = self._finder.metadata(release).requires_python
        except NoWheel as refusal:
            # The builder may refuse a project (--only-binary); an older version may have a wheel.
            reason, remedy = f"none can be built: {refusal.why}", "allow it with --no-binary, or provide one"
            blocker = Blocker(reason=reason, remedy=remedy)
            yield KeyRequirement(key=pin.key, specifier=ANY, text="a wheel", blocker=blocker)
            return
        for platform in self._finder.inputs.platforms:
            if not supports(requires_python, platform):
                blocker = Blocker(
                    reason=f"{platform_label(platform)} has {platform.python_version}",
                    remedy="name another interpreter with --python, or another version with --constraint",
                )
                yield KeyRequirement(key=pin.key, specifier=ANY, text=f"Python {requires_python}", blocker=blocker)
                return
        requirements = list(self._finder.requirements(release, pin.key.extra))
        for requirement in requirements:
            self._finder.prefetch(requirement)
        for requirement in requirements:
            yield from self._package_requirements(requirement, release.name)

    def _package_requirements(self, requirement: Requirement, package: NormalizedName) -> Iterator[KeyRequirement]:
        name = canonicalize_name(requirement.name)
        relaxation = None if package in self._strict else self._relaxations.get(name)
        if relaxation is Relaxation.LEFT_OUT:
            return
        override = self._finder.inputs.override_specifiers.get(name)
        if override is not None:
            yield from _split_by_key(requirement, specifier=override)
        elif requirement.url is not None:
            remedy = f"take it from the index by its version with --override '{name}==VERSION'"
            blocker = Blocker(reason="a URL has no place in a lock of versions", remedy=remedy, not_on_index=True)
            text = format_requirement(requirement)
            yield KeyRequirement(key=Key(name), specifier=ANY, text=text, blocker=blocker)
        elif relaxation is Relaxation.ANY_VERSION:
            yield from _split_by_key(requirement, specifier=ANY)
        else:
            yield from _split_by_key(requirement)


def _split_by_key(
    requirement: Requirement, *, specifier: SpecifierSet | None = None, origin: str | None = None
) -> Iterator[KeyRequirement]:
    """Yield the requirement on the project, and on each of the extras that it names."""
    name = canonicalize_name(requirement.name)
    text = format_requirement(requirement)
    specifier = requirement.specifier if specifier is None else specifier
    for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
        yield KeyRequirement(key=Key(name, extra), specifier=specifier, text=text, origin=origin)


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
