"""A dead end of the search as a sentence: who requires what, through whom, and what the index has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import and_

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName

from minreq.errors import ProjectNotFound
from minreq.resolver.catalogue import ANY, Catalogue, Unfit
from minreq.resolver.provider import Information, Pin, Provider, Trail, written


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
        for cause in conflict.causes:
            if cause.requirement.barrier is not None:
                return f"{self._asks(cause, subject)}, and {cause.requirement.barrier.why}"
        causes = self._decisive(conflict)
        clauses = [self._asks(cause, subject) for cause in causes]
        if conflict.name != self._root:
            limits = self._catalogue.demand.limits.get(conflict.name, ())
            clauses += [f"{stated.place} asks for {written(stated.requirement)}" for stated in limits]
            clauses.append(self._available(conflict, many=len(clauses) > 1))
        return ", and ".join(clauses)

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
        return f"to set it aside say --override '{conflict.name}>={newest.version}'"

    def _decisive(self, conflict: Conflict) -> tuple[Information, ...]:
        """The one cause that nothing satisfies even alone, else all that limit the version."""
        for cause in conflict.causes:
            if next(self._provider.releases(conflict.name, cause.requirement.specifier), None) is None:
                return (cause,)
        limiting = [
            cause
            for cause in conflict.causes
            # That the root is tried at one version is no news.
            if cause.requirement.specifier and not (cause.parent is None and conflict.name == self._root)
        ]
        return tuple(sorted(limiting, key=self._order)) or conflict.causes

    def _order(self, cause: Information) -> tuple[bool, int, str]:
        """Packages before the user, the root before what it leads to."""
        wish, parent = cause
        return parent is None, 0 if parent is None else len(self._trail.chain(parent)), wish.text

    def _asks(self, cause: Information, subject: str) -> str:
        wish, parent = cause
        if parent is None:
            return f"{wish.origin} asks for {wish.text}"
        return f"{self._who(parent, subject)} requires {wish.text}"

    def _who(self, pin: Pin, subject: str) -> str:
        extra = f" with its extra {pin.key.extra}" if pin.key.extra else ""
        first, *through = self._trail.chain(pin)
        if first.name == self._root:
            return f"{subject}{extra}"
        names = [subject if release.name == self._root else str(release) for release in through]
        chain = f" (through {', '.join(names)})" if names else ""
        return f"{first}{extra}{chain}"

    def _available(self, conflict: Conflict, *, many: bool) -> str:
        name = conflict.name
        if (fixed := self._provider.fixed(name)) is not None:
            return f"{fixed} is pinned already"
        try:
            shelf = self._catalogue.shelf(name)
        except ProjectNotFound:
            return f"the index has no project {name}"
        specifier: SpecifierSet = reduce(and_, (wish.specifier for wish, _ in conflict.causes), ANY)
        for version in specifier.filter(shelf.files):
            if isinstance(unfit := self._catalogue.fitted(name, version), Unfit):
                return f"{name} {version} {unfit}"
        newest = self._catalogue.newest(name)
        if newest is None:
            return f"the index has no version of {name} that can be used"
        return (
            f"no version of {name} satisfies all of it" if many else f"the newest that can be used is {newest.version}"
        )
