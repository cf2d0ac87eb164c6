"""Tries the versions of the root, newest first, until everything that the root imports can be installed with it.

A requirement on a distribution that the root does not import blocks no version: the search relaxes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.errors import KnownBadRelease, NoVersion, PythonNotSupported, VersionsConflict
from minreq.model import PassedOver
from minreq.resolver.conflict import Conflict, ConflictExplainer
from minreq.resolver.finder import ANY, PlatformNames, ReleaseFinder
from minreq.resolver.inputs import ImportFinder
from minreq.resolver.provider import (
    ConflictCounts,
    KeyRequirement,
    Provider,
    Relaxation,
    RequirementChains,
    format_requirement,
)
from minreq.resolver.releases import Incompatibility, Release, applies, is_pin
from minreq.resolver.search import Solution, solve

#: Older versions of the root that are prefetched while one is tried.
_PREFETCHED = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RootChoice:
    """The chosen version of the root, with its solution."""

    root: Release
    solution: Solution
    relaxations: Mapping[NormalizedName, Relaxation]
    #: Newest first.
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _FailedRoot:
    """A version of the root that cannot be installed, and why."""

    root: Release
    conflict: Conflict
    explainer: ConflictExplainer
    #: The place in the root that imports the project of the conflict; ``None`` where no import decided.
    import_place: str | None

    def reason(self, subject: str) -> str:
        """Return a clause in which *subject* stands for the root."""
        reason = self.explainer.reason(self.conflict, subject=subject)
        return reason if self.import_place is None else f"{reason}; {self.import_place} imports {self.conflict.name}"


@dataclass(slots=True, kw_only=True)
class RootSearch:
    """Searches the newest version of the root that can be installed."""

    finder: ReleaseFinder
    imports: ImportFinder
    #: Shared by all versions of the root: what conflicts with one most likely conflicts with the next.
    _conflicts: ConflictCounts = field(default_factory=ConflictCounts)
    _failed: list[_FailedRoot] = field(default_factory=list)

    def run(self) -> RootChoice:
        """Return the first version that can be installed; raise `VersionsConflict` about the newest where none can."""
        roots = self._roots()
        for number, root in enumerate(roots):
            if root.wheel is not None and self.finder.find_defect(root) is not None:
                continue
            relaxations: dict[NormalizedName, Relaxation] = {}
            result = self._try_root(root, relaxations)
            if isinstance(result, Solution):
                passed_over = self._passed_over(root)
                return RootChoice(root=root, solution=result, relaxations=relaxations, passed_over=passed_over)
            self._failed.append(result)
            for older in roots[number + 1 : number + 1 + _PREFETCHED]:
                self._prefetch_root(older, result)
        label = format_requirement(self.finder.inputs.root)
        if not self._failed:
            defects = {str(root.version): f"is unusable: {self.finder.find_defect(root)}" for root in roots}
            raise self._no_version(label, defects)
        first = self._failed[0]
        remedy = first.explainer.remedy(first.conflict)
        raise VersionsConflict(label, first.conflict.name, first.reason(str(first.root)), remedy, len(roots))

    def _try_root(self, root: Release, relaxations: dict[NormalizedName, Relaxation]) -> Solution | _FailedRoot:
        """Resolve with one version of the root; add *relaxations* one by one until there are no conflicts left."""
        # No relaxation applies to what a distribution requires that the user requests whole.
        strict: frozenset[NormalizedName] = frozenset()
        while True:
            provider = Provider(self.finder, relaxations=relaxations, strict=strict, conflicts=self._conflicts)
            chains = RequirementChains()
            requirements = self._user_requirements(provider, root)
            result = solve(provider, chains, requirements, format_requirement(self.finder.inputs.root))
            if isinstance(result, Solution):
                whole = result.closure(provider.whole_keys(), without=root.name) if relaxations else strict
                if whole <= strict:
                    return result
                strict |= whole
                continue
            unavoidable: list[tuple[Conflict, str | None]] = []
            for conflict in result:
                may_relax = self._may_relax(conflict, relaxations)
                import_place = self._find_import(root, conflict.name) if may_relax else None
                if may_relax and import_place is None:
                    relaxations[conflict.name] = self._next_relaxation(conflict, relaxations)
                    break
                unavoidable.append((conflict, import_place))
            else:
                conflict, import_place = unavoidable[0]
                explainer = ConflictExplainer(self.finder, provider, chains, root=root.name)
                return _FailedRoot(root=root, conflict=conflict, explainer=explainer, import_place=import_place)

    def _user_requirements(self, provider: Provider, root: Release) -> Iterator[KeyRequirement]:
        yield from provider.root_requirements(self.finder.inputs.root, root)
        for requirement in (*self.finder.inputs.whole, *self.finder.inputs.available):
            yield from provider.user_requirements(requirement)

    def _may_relax(self, conflict: Conflict, relaxations: Mapping[NormalizedName, Relaxation]) -> bool:
        """Return whether the resolver may relax what packages require: the user has no rule for the distribution."""
        inputs, name = self.finder.inputs, conflict.name
        has_user_rule = conflict.is_from_user or name == inputs.root_name or name in inputs.limits
        return not has_user_rule and relaxations.get(name) is not Relaxation.LEFT_OUT

    def _next_relaxation(self, conflict: Conflict, relaxations: Mapping[NormalizedName, Relaxation]) -> Relaxation:
        """Return how to relax the requirements: first allow any version, then leave the distribution out."""
        newest = self._newest(conflict.name, conflict.platforms)
        no_version_helps = conflict.not_on_index or conflict.name in relaxations or newest is None
        return Relaxation.LEFT_OUT if no_version_helps else Relaxation.ANY_VERSION

    def _find_import(self, root: Release, name: NormalizedName) -> str | None:
        """Return the place where *root* imports *name*; searched once."""

        def work() -> str | None:
            newest = self._newest(name)
            return self.imports.find_import(self.finder.wheel(root), name, None if newest is None else newest.wheel)

        return self.finder.background.get(("import", root.version, name), work)

    def _newest(self, name: NormalizedName, platforms: PlatformNames | None = None) -> Release | None:
        releases = self.finder.matches_if_project_exists(name, ANY, platforms)
        return next((each for each in releases if (name, each.version) not in self.finder.defects), None)

    def _prefetch_root(self, root: Release, newer: _FailedRoot) -> None:
        """Read in the background what shows whether *root* fails as a *newer* one did: its metadata and its imports."""
        name = newer.conflict.name

        def work() -> None:
            blocked = any(
                next(self.finder.matches_if_project_exists(name, each.requirement.specifier, each.platforms), None)
                is None
                for each in self.finder.requirements(root, "")
                if each.name == name
            )
            if blocked and newer.import_place is not None:
                self._find_import(root, name)

        if root.wheel is not None:
            self.finder.background.start(("prefetch root", root.version, name), work)

    def _roots(self) -> tuple[Release, ...]:
        """Return the versions of the root that the user allows, the preferred one first, at least one."""
        inputs, specifier = self.finder.inputs, self._root_specifier()
        roots = tuple(self.finder.matches(inputs.root_name, specifier))
        if roots:
            return roots
        # Most indexes remove such releases; the error explains to who requires one why it is not there.
        for version in sorted(inputs.known_bad.get(inputs.root_name, ())):
            if is_pin(specifier) and specifier.contains(version, prereleases=True):
                raise KnownBadRelease(inputs.root_name, str(version))
        label = f"{inputs.root_name}{specifier}"
        unfit: dict[str, str] = {}
        for version in specifier.filter(self.finder.project_files(inputs.root_name).versions):
            result = self.finder.evaluate(inputs.root_name, version)
            if isinstance(result, Release):
                unfit[str(version)] = f"is yanked: {result.yanked}".removesuffix(": ")
            elif result.requires_python is not None:
                raise PythonNotSupported(label, str(version), str(result.requires_python), str(result.python))
            else:
                unfit[str(version)] = str(result)
        raise self._no_version(label, unfit)

    def _no_version(self, label: str, unfit: Mapping[str, str]) -> NoVersion:
        """Return the error that no version of the root can be used; *unfit* has the reasons by version."""
        inputs = self.finder.inputs
        newest = self.finder.newest_usable(inputs.root_name)
        newest_version = None if newest is None else str(newest.version)
        return NoVersion(label, inputs.root_name, newest_version, unfit, inputs.exclude_newer)

    def _root_specifier(self) -> SpecifierSet:
        """Return the specifier of the root, joined with all other rules of the user for its version."""
        inputs = self.finder.inputs
        specifier = inputs.root.specifier
        for each in (*inputs.whole, *inputs.available, *inputs.limits.get(inputs.root_name, ())):
            is_root = canonicalize_name(each.requirement.name) == inputs.root_name
            if is_root and any(applies(each.requirement, platform, "") for platform in inputs.platforms):
                specifier &= each.requirement.specifier
        return specifier

    def _passed_over(self, chosen: Release) -> tuple[PassedOver, ...]:
        """Return every newer version that failed or cannot be installed.

        Where the search chose the pin of the existing lock, it tried nothing newer, and returns what that lock passed
        over.
        """
        inputs = self.finder.inputs
        if not self._failed and chosen.version == inputs.preferred.get(chosen.name):
            return tuple(each for each in inputs.passed_over if each.version > chosen.version)
        files, specifier = self.finder.project_files(chosen.name), self._root_specifier()
        newer = [version for version in files.versions if version > chosen.version]
        reasons: dict[Version, str] = {}
        for version in specifier.filter(newer, prereleases=bool(specifier.prereleases) or chosen.version.is_prerelease):
            result = self.finder.evaluate(chosen.name, version)
            if isinstance(result, Incompatibility):
                reasons[version] = f"it {result}"
            elif result.yanked is not None:
                reasons[version] = f"it is yanked: {result.yanked}".removesuffix(": ")
            elif (defect := self.finder.defects.get((chosen.name, version))) is not None:
                reasons[version] = f"it is unusable: {defect}"
        reasons |= {failed.root.version: failed.reason("it") for failed in self._failed}
        return tuple(
            PassedOver(name=chosen.name, version=version, reason=reasons[version])
            for version in sorted(reasons, reverse=True)
            if version in newer
        )
