"""A dead end of the search as a sentence: who requires what, through whom, and what the index has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from minreq.errors import ProjectNotFound
from minreq.resolver.catalogue import Catalogue, Release
from minreq.resolver.provider import Information, Pin, Provider, Trail, said, written


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """No version of a project satisfies all that is asked of it."""

    name: NormalizedName
    #: Who asks for what, each once.
    causes: tuple[Information, ...]

    @property
    def stated(self) -> bool:
        """Whether the user asked for the project."""
        return any(wish.origin is not None for wish, _ in self.causes)

    @property
    def foreign(self) -> bool:
        """Whether what is asked for is not the project of that name on the index."""
        return any(wish.barrier is not None and wish.barrier.foreign for wish, _ in self.causes)


def conflicts(causes: Iterable[Information]) -> tuple[Conflict, ...]:
    """The causes that resolvelib tells, by project, in its order."""
    grouped: dict[NormalizedName, list[Information]] = {}
    for cause in causes:
        group = grouped.setdefault(cause.requirement.key.name, [])
        if cause not in group:
            group.append(cause)
    return tuple(Conflict(name=name, causes=tuple(group)) for name, group in grouped.items())


class Teller:
    """Tells conflicts met in one search."""

    def __init__(self, catalogue: Catalogue, provider: Provider, trail: Trail, *, root: NormalizedName) -> None:
        self._catalogue = catalogue
        self._provider = provider
        self._trail = trail
        self._root = root

    def why(self, conflict: Conflict, *, subject: str) -> str:
        """The clause that tells *conflict*; *subject* stands for the root: its name and version, or "it"."""
        name, causes = conflict.name, sorted(conflict.causes, key=self._order)
        for cause in causes:
            if cause.requirement.barrier is not None:
                return f"{self._asks(cause, subject)}, and {cause.requirement.barrier.why}"
            if not self._exists(name, cause.requirement.specifier):
                return f"{self._asks(cause, subject)}, and {self._available(name, cause.requirement.specifier)}"
        limiting = [cause for cause in causes if cause.requirement.specifier] or causes
        packages = [self._asks(cause, subject) for cause in limiting if cause.parent is not None]
        if name == self._root:
            # That the root is tried at one version is no news.
            return " and ".join(packages)
        if (fixed := self._provider.fixed(name)) is not None:
            return f"{' and '.join(packages)}, and {fixed} is pinned already"
        stated = [self._asks(cause, subject) for cause in limiting if cause.parent is None]
        limits = self._catalogue.demand.limits.get(name, ())
        stated += [said(limit.place, written(limit.requirement)) for limit in limits]
        if packages and stated:
            return f"{' and '.join(packages)}, against {' and '.join(stated)}"
        return f"{' and '.join(packages or stated)}, and no version of {name} satisfies all of it"

    def remedy(self, conflict: Conflict) -> str:
        """What the user can do about *conflict*."""
        for wish, _ in conflict.causes:
            if wish.barrier is not None:
                return wish.barrier.remedy
        newest = self._catalogue.newest(conflict.name)
        if newest is None:
            return "check --index-url and --extra-index-url"
        if conflict.stated or conflict.name in self._catalogue.demand.limits:
            return f"ask for another version of {conflict.name}, or set what packages say aside with --override"
        return f"to set that aside say --override '{conflict.name}>={newest.version}'"

    def _order(self, cause: Information) -> tuple[bool, int, str]:
        """Packages before the user, the root before what it leads to."""
        wish, parent = cause
        return parent is None, 0 if parent is None else len(self._trail.chain(parent)), wish.text

    def _asks(self, cause: Information, subject: str) -> str:
        wish, parent = cause
        if parent is None:
            return said(str(wish.origin), wish.text)
        return f"{self._who(parent, subject)} requires {wish.text}"

    def _who(self, pin: Pin, subject: str) -> str:
        extra = f" with its extra {pin.key.extra}" if pin.key.extra else ""
        first, *through = self._trail.chain(pin)
        if first.name == self._root:
            return f"{subject}{extra}"
        names = [subject if release.name == self._root else str(release) for release in through]
        chain = f" (through {', '.join(names)})" if names else ""
        return f"{first}{extra}{chain}"

    def _exists(self, name: NormalizedName, specifier: SpecifierSet) -> bool:
        """Whether the index has a version that could be used, whatever else is asked."""
        try:
            versions = specifier.filter(self._catalogue.shelf(name).versions)
        except ProjectNotFound:
            return False
        return any(isinstance(self._catalogue.fitted(name, version), Release) for version in versions)

    def _available(self, name: NormalizedName, specifier: SpecifierSet) -> str:
        """What the index has of a project no version of which satisfies *specifier*."""
        try:
            versions = specifier.filter(self._catalogue.shelf(name).versions)
        except ProjectNotFound:
            return f"the index has no project {name}"
        for version in versions:
            return f"{name} {version} {self._catalogue.fitted(name, version)}"
        newest = self._catalogue.newest(name)
        if newest is None:
            return f"the index has no version of {name} that can be used"
        return f"the newest that can be used is {newest.version}"
