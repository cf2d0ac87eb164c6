"""Explains a conflict: which packages require which versions, through which others, and what the index has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import ProjectNotFound
from minreq.resolver.finder import PlatformNames, ReleaseFinder
from minreq.resolver.provider import (
    Cause,
    KeyRequirement,
    Pin,
    Provider,
    RequirementChains,
    format_origin,
    format_requirement,
)
from minreq.resolver.releases import Release, is_pin

#: A sentence names this many versions that cannot be used, each with its reason.
_SHOWN_PROBLEMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Requirements on one project that no version of it satisfies."""

    name: NormalizedName
    #: Each requirement once, with the pin that has it.
    causes: tuple[Cause, ...]

    @property
    def is_from_user(self) -> bool:
        """Whether the user requires the project."""
        return any(requirement.origin is not None for requirement, _ in self.causes)

    @property
    def platforms(self) -> PlatformNames:
        """Where the project is required."""
        return frozenset().union(*(requirement.platforms for requirement, _ in self.causes))

    @property
    def not_on_index(self) -> bool:
        """Whether a requirement means something else than the project of that name on the index."""
        return any(each.blocker is not None and each.blocker.not_on_index for each, _ in self.causes)


def group_conflicts(causes: Iterable[Cause]) -> tuple[Conflict, ...]:
    """Group the causes that resolvelib reports by project, in their order."""
    grouped: dict[NormalizedName, list[Cause]] = {}
    for cause in causes:
        group = grouped.setdefault(cause.requirement.key.name, [])
        if cause not in group:
            group.append(cause)
    return tuple(Conflict(name=name, causes=tuple(group)) for name, group in grouped.items())


class ConflictExplainer:
    """Explains the conflicts of one search."""

    def __init__(
        self, finder: ReleaseFinder, provider: Provider, chains: RequirementChains, *, root: NormalizedName
    ) -> None:
        self._finder = finder
        self._provider = provider
        self._chains = chains
        self._root = root

    def reason(self, conflict: Conflict, *, subject: str) -> str:
        """Return a clause that explains *conflict*; *subject* stands for the root: its name and version, or "it"."""
        name, causes = conflict.name, sorted(conflict.causes, key=self._sort_key)
        for cause in causes:
            if cause.requirement.blocker is not None:
                return f"{self._describe(cause, subject)}, and {cause.requirement.blocker.reason}"
            if not self._has_usable_version(cause.requirement):
                found = self._describe_index(cause.requirement)
                return f"{self._describe(cause, subject)}, and {found}"
        limiting = [cause for cause in causes if cause.requirement.specifier] or causes
        packages = self._describe_packages((cause for cause in limiting if cause.parent is not None), subject)
        if name == self._root:
            # The reader knows already that the search tries the root at one version.
            return " and ".join(packages)
        if (fixed := self._provider.fixed_release(name)) is not None:
            return f"{' and '.join(packages)}, and {fixed} is pinned already"
        user = [self._describe(cause, subject) for cause in limiting if cause.parent is None]
        limits = self._finder.inputs.limits.get(name, ())
        user += [format_origin(limit.place, format_requirement(limit.requirement)) for limit in limits]
        if any(limit.requirement.url is not None for limit in limits):
            user[-1] += ", and a URL has no place in a lock of versions"
        if packages and user:
            return f"{' and '.join(packages)}, against {' and '.join(user)}"
        return f"{' and '.join(packages or user)}, and no version of {name} satisfies all of it"

    def remedy(self, conflict: Conflict) -> str:
        """Return what the user can do about *conflict*."""
        for requirement, _ in conflict.causes:
            if requirement.blocker is not None:
                return requirement.blocker.remedy
        newest = self._finder.newest_usable(conflict.name)
        if newest is None:
            rule = self._finder.inputs.hash_rules.get(conflict.name)
            found = rule is not None and self._exists(conflict.name)
            return "correct the hashes if you trust the files" if found else "check --index-url and --extra-index-url"
        if conflict.is_from_user or conflict.name in self._finder.inputs.limits:
            return f"require another version of {conflict.name}, or replace what packages require with --override"
        return f"replace that requirement with --override '{conflict.name}>={newest.version}'"

    def _sort_key(self, cause: Cause) -> tuple[bool, int, str]:
        """Return a sort key: packages before the user, the root before the packages that it requires."""
        requirement, parent = cause
        return parent is None, 0 if parent is None else len(self._chains.chain(parent)), requirement.text

    def _describe_packages(self, causes: Iterable[Cause], subject: str) -> list[str]:
        """Describe what packages require: of the versions of one package that require the same, the first."""
        first: dict[tuple[NormalizedName, str], str] = {}
        for cause in causes:
            if cause.parent is not None:
                key = cause.parent.key.name, cause.requirement.text
                first.setdefault(key, self._describe(cause, subject))
        return [*first.values()]

    def _describe(self, cause: Cause, subject: str) -> str:
        requirement, parent = cause
        if parent is None:
            return format_origin(str(requirement.origin), requirement.text)
        return f"{self._describe_package(parent, subject)} requires {requirement.text}"

    def _describe_package(self, pin: Pin, subject: str) -> str:
        extra = f" with its extra {pin.key.extra}" if pin.key.extra else ""
        first, *through = self._chains.chain(pin)
        if first.name == self._root:
            return f"{subject}{extra}"
        names = [subject if release.name == self._root else str(release) for release in through]
        chain = f" (through {', '.join(names)})" if names else ""
        return f"{first}{extra}{chain}"

    def _has_usable_version(self, requirement: KeyRequirement) -> bool:
        """Return whether a version that satisfies *requirement* can be installed, whatever the other requirements."""
        found = (self._find_problem(requirement, version) for version in self._versions(requirement))
        return any(problem is None for problem in found)

    def _describe_index(self, requirement: KeyRequirement) -> str:
        """Return what the index has of a project, no usable version of which satisfies *requirement*."""
        name = requirement.key.name
        try:
            self._finder.project_files(name)
        except ProjectNotFound:
            return f"the index has no project {name}"
        versions = self._versions(requirement)
        if versions:
            problems = [f"{name} {v} {self._find_problem(requirement, v)}" for v in versions[:_SHOWN_PROBLEMS]]
            more = len(versions) - len(problems)
            return " and ".join([*problems, f"{more} more cannot be used"] if more else problems)
        newest = self._finder.newest_usable(name)
        if newest is None:
            return f"the index has no version of {name} that can be used"
        return f"the newest that can be used is {newest.version}"

    def _exists(self, name: NormalizedName) -> bool:
        try:
            return bool(self._finder.project_files(name).versions)
        except ProjectNotFound:
            return False

    def _versions(self, requirement: KeyRequirement) -> tuple[Version, ...]:
        try:
            return tuple(requirement.specifier.filter(self._finder.project_files(requirement.key.name).versions))
        except ProjectNotFound:
            return ()

    def _find_problem(self, requirement: KeyRequirement, version: Version) -> str | None:
        """Return why a version cannot be used, ``None`` where it can."""
        name = requirement.key.name
        release = self._finder.evaluate(name, version, requirement.platforms)
        if not isinstance(release, Release):
            return str(release)
        if release.yanked is not None and not is_pin(requirement.specifier):
            return f"is yanked: {release.yanked}".removesuffix(": ")
        defect = self._finder.defects.get((name, version))
        return None if defect is None else f"is unusable: {defect}"
