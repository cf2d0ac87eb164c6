"""Python packaging as resolvelib sees it: a project and each extra of it are pinned apart, ``a[x]`` requires ``a``."""

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
from minreq.requirements import StatedRequirement
from minreq.resolver.catalogue import ANY, Catalogue, Release, applies, is_pin, place, supports


class Key(NamedTuple):
    """What is pinned: a project, or one extra of it."""

    name: NormalizedName
    #: Empty for the project itself.
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Barrier:
    """Why a wish cannot be granted by any version, as a clause, and what the user can do."""

    why: str
    remedy: str
    #: What is meant is not on the index; a project of the same name there is another.
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A requirement on one key."""

    key: Key
    specifier: SpecifierSet
    #: As a person would write it, ``certifi>=2026.10.19``.
    text: str
    #: The user's words, ``None`` where a package asks.
    origin: str | None = None
    #: Why no version can grant it.
    barrier: Barrier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """A version chosen for a key."""

    key: Key
    version: Version
    #: What is at this version; says nothing more about which pin this is.
    release: Release = field(compare=False)


class Aside(Enum):
    """How far the requirements of a distribution that nothing needs are set aside."""

    #: Any version will do.
    VERSIONS = "versions"
    #: It is left out of the closure.
    ALTOGETHER = "altogether"


Information = RequirementInformation[Wish, Pin]


class Provider(AbstractProvider[Wish, Pin, Key]):
    """Answers resolvelib from a catalogue.

    *aside* names the distributions whose requirements are set aside, but for what the *firm* ones say; *fixed* are pins
    that stay, of which nothing is asked but further extras.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        *,
        aside: Mapping[NormalizedName, Aside] | None = None,
        firm: Collection[NormalizedName] = frozenset(),
        fixed: Mapping[NormalizedName, Release] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._aside = aside or {}
        self._firm = firm
        self._fixed = fixed or {}
        self._wishes: dict[Pin, tuple[Wish, ...]] = {}
        self._order: dict[NormalizedName, int] = {}

    def stated(self, stated: StatedRequirement) -> Iterator[Wish]:
        """The wishes of a requirement of the user's; none where its marker holds nowhere."""
        requirement = stated.requirement
        if applies(requirement, self._catalogue.demand.platforms, ""):
            self._order.setdefault(canonicalize_name(requirement.name), len(self._order))
            yield from self._parts(requirement, origin=stated.place)

    def root(self, requirement: Requirement, release: Release) -> Iterator[Wish]:
        """The wishes of the root, at one version of it."""
        self._order[release.name] = -1
        exactly = SpecifierSet(f"==={release.version}")
        yield from self._parts(requirement, specifier=exactly, origin="the root")

    def identify(self, requirement_or_candidate: Wish | Pin) -> Key:
        """The key of a wish or pin."""
        return requirement_or_candidate.key

    def get_preference(
        self,
        identifier: Key,
        resolutions: Mapping[Key, Pin],  # noqa: ARG002 - resolvelib's signature.
        candidates: Mapping[Key, Iterator[Pin]],  # noqa: ARG002 - resolvelib's signature.
        information: Mapping[Key, Iterator[Information]],
        backtrack_causes: Sequence[Information],  # noqa: ARG002 - resolvelib's signature.
    ) -> tuple[bool, bool, int, bool, Key]:
        """What to pin first: what leaves the least choice, as pip orders it.

        Names pinned by ``==``, then names with an upper limit, then what the user asked for in that order, then
        names with any limit, then by the alphabet.
        """
        specifiers = [wish.specifier for wish, _ in information[identifier]]
        pinned = any(is_pin(specifier) for specifier in specifiers)
        capped = any(
            s.operator in {"<", "<=", "~="} or (s.operator == "==" and s.version.endswith(".*"))
            for specifier in specifiers
            for s in specifier
        )
        order = self._order.get(identifier.name, len(self._order))
        return not pinned, not capped, order, not any(specifiers), identifier

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[Key],
        resolutions: Mapping[Key, Pin],  # noqa: ARG002 - resolvelib's signature.
        candidates: Mapping[Key, Iterator[Pin]],  # noqa: ARG002 - resolvelib's signature.
        information: Mapping[Key, Iterator[Information]],  # noqa: ARG002 - resolvelib's signature.
        backtrack_causes: Sequence[Information],
    ) -> Iterable[Key]:
        """After a conflict, first the keys that took part in it: a dead end shows soonest there."""
        identifiers = list(identifiers)
        involved = {wish.key for wish, _ in backtrack_causes}
        involved |= {parent.key for _, parent in backtrack_causes if parent is not None}
        return [key for key in identifiers if key in involved] or identifiers

    def find_matches(
        self,
        identifier: Key,
        requirements: Mapping[Key, Iterator[Wish]],
        incompatibilities: Mapping[Key, Iterator[Pin]],
    ) -> Callable[[], Iterator[Pin]]:
        """The releases that satisfy all wishes about the project, whether they come through an extra or not."""
        keys = {identifier, Key(identifier.name)}
        wishes = [wish for key in keys if key in requirements for wish in requirements[key]]
        excluded = {pin.version for key in keys if key in incompatibilities for pin in incompatibilities[key]}
        if any(wish.barrier is not None for wish in wishes):
            return lambda: iter(())
        specifier = reduce(and_, (wish.specifier for wish in wishes), ANY)
        asked = any(wish.origin is not None for wish in wishes)

        def pins() -> Iterator[Pin]:
            for release in self.releases(identifier.name, specifier, asked=asked):
                if release.version not in excluded:
                    yield Pin(key=identifier, version=release.version, release=release)

        return pins

    def is_satisfied_by(self, requirement: Wish, candidate: Pin) -> bool:
        """Whether the version is one that the wish allows."""
        return requirement.barrier is None and requirement.specifier.contains(candidate.version, prereleases=True)

    def get_dependencies(self, candidate: Pin) -> tuple[Wish, ...]:
        """What a pin requires; that of an extra starts with the project itself at the same version."""
        if candidate not in self._wishes:
            self._wishes[candidate] = tuple(self._dependencies(candidate))
        return self._wishes[candidate]

    def releases(self, name: NormalizedName, specifier: SpecifierSet, *, asked: bool = False) -> Iterator[Release]:
        """What can be chosen. A project the index does not know has nothing; *asked* for by the user it is an error."""
        if (fixed := self._fixed.get(name)) is not None:
            return iter((fixed,) if specifier.contains(fixed.version, prereleases=True) else ())
        return self._catalogue.matches(name, specifier) if asked else self._catalogue.known_matches(name, specifier)

    def whole(self) -> frozenset[Key]:
        """What the user wants whole, as it is pinned."""
        return frozenset(wish.key for stated in self._catalogue.demand.whole for wish in self.stated(stated))

    def fixed(self, name: NormalizedName) -> Release | None:
        """The pin that stays."""
        return self._fixed.get(name)

    def _dependencies(self, pin: Pin) -> Iterator[Wish]:
        release = pin.release
        if pin.key.extra:
            same = SpecifierSet(f"==={release.version}")
            yield Wish(key=Key(release.name), specifier=same, text=f"{release.name}=={release.version}")
        elif release.name in self._fixed:
            return
        try:
            requires_python = self._catalogue.metadata(release).requires_python
        except NoWheel as refusal:
            # The builder may refuse a project (--only-binary); an older version may have a wheel.
            barrier = Barrier(
                why=f"none can be built: {refusal.why}", remedy="allow it with --no-binary, or provide one"
            )
            yield Wish(key=pin.key, specifier=ANY, text="a wheel", barrier=barrier)
            return
        for platform in self._catalogue.demand.platforms:
            if not supports(requires_python, platform):
                barrier = Barrier(
                    why=f"{place(platform)} has {platform.python_version}",
                    remedy="name another interpreter with --python, or another version with --constraint",
                )
                yield Wish(key=pin.key, specifier=ANY, text=f"Python {requires_python}", barrier=barrier)
                return
        requirements = list(self._catalogue.requires(release, pin.key.extra))
        for requirement in requirements:
            self._catalogue.look_ahead(requirement)
        for requirement in requirements:
            yield from self._of_package(requirement, release.name)

    def _of_package(self, requirement: Requirement, package: NormalizedName) -> Iterator[Wish]:
        name = canonicalize_name(requirement.name)
        aside = None if package in self._firm else self._aside.get(name)
        if aside is Aside.ALTOGETHER:
            return
        overriding = self._catalogue.demand.overriding.get(name)
        if overriding is not None:
            yield from self._parts(requirement, specifier=overriding)
        elif requirement.url is not None:
            remedy = f"take it from the index by its version with --override '{name}==VERSION'"
            barrier = Barrier(why="a URL has no place in a lock of versions", remedy=remedy, foreign=True)
            yield Wish(key=Key(name), specifier=ANY, text=written(requirement), barrier=barrier)
        elif aside is Aside.VERSIONS:
            yield from self._parts(requirement, specifier=ANY)
        else:
            yield from self._parts(requirement)

    def _parts(
        self, requirement: Requirement, *, specifier: SpecifierSet | None = None, origin: str | None = None
    ) -> Iterator[Wish]:
        name = canonicalize_name(requirement.name)
        text = written(requirement)
        specifier = requirement.specifier if specifier is None else specifier
        for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
            yield Wish(key=Key(name, extra), specifier=specifier, text=text, origin=origin)


class Trail(BaseReporter[Wish, Pin, Key]):
    """Remembers who asked for what, so that a conflict can be told with the chain that led there."""

    def __init__(self) -> None:
        self._parents: dict[Key, Pin | None] = {}

    def adding_requirement(self, requirement: Wish, parent: Pin | None) -> None:
        """A wish is added; the first that asked for a key is the one told of."""
        self._parents.setdefault(requirement.key, parent)

    def chain(self, pin: Pin) -> tuple[Release, ...]:
        """The pins that led to *pin*, it first, the root last."""
        chain: list[Pin] = []
        here: Pin | None = pin
        while here is not None and here not in chain:
            chain.append(here)
            here = self._parents.get(here.key)
        # An extra and its project are one link.
        return tuple(dict.fromkeys(link.release for link in chain))


def written(requirement: Requirement) -> str:
    """The requirement without its marker, ``a[x]>=1``."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    url = "" if requirement.url is None else f" @ {requirement.url}"
    return f"{requirement.name}{extras}{requirement.specifier}{url}"


def said(place: str, text: str) -> str:
    """What the user said, with the place; the words of an option often hold it already."""
    return place if text in place else f"{text} ({place})"
