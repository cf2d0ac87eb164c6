"""Finds the releases that can be installed: in order of preference, with their wheels and their requirements."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import ArchiveUnreadable, MetadataMismatch, NoWheel, ProjectNotFound, SdistBuildFailed
from minreq.model import Candidate, Metadata, Platform, Wheel
from minreq.resolver.background import BackgroundWork
from minreq.resolver.inputs import Index, ResolverInput
from minreq.resolver.releases import (
    FileRules,
    Incompatibility,
    ProjectFiles,
    Release,
    applies,
    choose_files,
    is_pin,
)

ANY = SpecifierSet()

#: Names of platforms; a requirement applies on these, and a pin has to be installed on these.
PlatformNames = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequirement:
    """A requirement of a package, with the platforms on which its marker holds, at least one."""

    requirement: Requirement
    platforms: PlatformNames

    @property
    def name(self) -> NormalizedName:
        """The project that it requires."""
        return canonicalize_name(self.requirement.name)


class ReleaseFinder:
    """Finds releases in the index under the rules of one `ResolverInput`.

    It reads each page and wheel once, many in the background before the search needs them. It prefetches no project in
    *fixed*: the releases of these are chosen already.
    """

    def __init__(
        self,
        inputs: ResolverInput,
        index: Index,
        background: BackgroundWork,
        *,
        fixed: Collection[NormalizedName] = frozenset(),
    ) -> None:
        self.inputs = inputs
        self.background = background
        self._index = index
        self._fixed = fixed
        #: Every platform of the lock.
        self.everywhere: PlatformNames = frozenset(platform.name for platform in inputs.platforms)
        #: Releases that the search met and cannot use, and the reason.
        self.defects: dict[tuple[NormalizedName, Version], str] = {}

    def project_files(self, name: NormalizedName) -> ProjectFiles:
        """Return the files of a project; raise `ProjectNotFound` and the other index failures."""

        def work() -> ProjectFiles:
            return ProjectFiles(self._index.releases(name), self.inputs.exclude_newer)

        return self.background.get(("files", name), work)

    def platforms(self, names: PlatformNames) -> tuple[Platform, ...]:
        """Return the platforms with these names, the host first."""
        return tuple(platform for platform in self.inputs.platforms if platform.name in names)

    def evaluate(
        self, name: NormalizedName, version: Version, platforms: PlatformNames | None = None
    ) -> Release | Incompatibility:
        """Return a version of the index as a release for *platforms*, or the reason why it cannot be installed there.

        The platforms are those of the lock where none are given, here and in the other methods.
        """
        platforms = platforms or self.everywhere
        key = ("evaluate", name, version, platforms)
        return self.background.get(key, lambda: self._evaluate(name, version, platforms))

    def matches(
        self, name: NormalizedName, specifier: SpecifierSet, platforms: PlatformNames | None = None
    ) -> Iterator[Release]:
        """Yield the releases that satisfy *specifier* and the user's limits, the preferred ones first.

        Of the versions that fit the platforms, pre-releases count as PEP 440 has it: where *specifier* names one, or
        where there is nothing else. Yanked releases count as PEP 592 has it: where nothing else satisfies a pin by
        ``==`` or ``===``. As in pip, a pre-release does not replace a yanked release. Raises what `project_files` does.
        """
        for limit in self.inputs.limits.get(name, ()):
            specifier &= limit.requirement.specifier
        for prereleases in (None, True):
            yanked: list[Release] = []
            only_yanked = True
            for version in self._versions(name, specifier, prereleases=prereleases):
                release = self.evaluate(name, version, platforms)
                if isinstance(release, Incompatibility):
                    continue
                if release.yanked is not None:
                    yanked.append(release)
                else:
                    only_yanked = False
                    yield release
            if only_yanked and is_pin(specifier):
                yield from yanked
            if yanked or not only_yanked:
                return

    def matches_if_project_exists(
        self, name: NormalizedName, specifier: SpecifierSet, platforms: PlatformNames | None = None
    ) -> Iterator[Release]:
        """Yield what `matches` yields; nothing where the index does not have the project."""
        try:
            yield from self.matches(name, specifier, platforms)
        except ProjectNotFound:
            return

    def newest_usable(self, name: NormalizedName) -> Release | None:
        """Return the newest release that can be installed, whatever the user's limits; one that is not yanked first."""
        try:
            project_files = self.project_files(name)
        except ProjectNotFound:
            return None
        yanked: Release | None = None
        for version in sorted(project_files.versions, key=lambda version: version.is_prerelease):
            release = self.evaluate(name, version)
            if isinstance(release, Release) and (name, version) not in self.defects:
                if release.yanked is None:
                    return release
                yanked = yanked or release
        return yanked

    def find_defect(self, release: Release) -> str | None:
        """Return why a release is unusable, as a clause, ``None`` where it can be used.

        A release is unusable where its archive is no wheel, its metadata cannot be read or names another release, or
        its source cannot be built. A file with another hash than the index gives is an error, as every failure of the
        index. Raises `NoWheel` where building is not allowed.
        """

        def work() -> str | None:
            try:
                self.requirements(release, "")
            except ArchiveUnreadable as error:
                # A damaged or replaced file is no broken release.
                self._index.check_hash(self.wheel(release))
                return f"{error.filename} cannot be read: {error.problem}"
            except MetadataMismatch as error:
                self._index.check_hash(self.wheel(release))
                return f"{error.filename} contains metadata of {error.name} {error.version}"
            except SdistBuildFailed as error:
                reason = f": {error.lines[-1]}" if error.lines else ""
                return f"its source cannot be built{reason}"
            return None

        defect: str | None = self.background.get(("defect", release.name, release.version, release.wheel), work)
        if defect is not None:
            self.defects[release.name, release.version] = defect
        return defect

    def wheel(self, release: Release) -> Wheel:
        """Return the wheel that the host installs; build it where the release has none. Raises `NoWheel`."""
        if release.wheel is not None:
            return release.wheel
        return self.background.get(("build", release.name, release.version), lambda: self._build(release))

    def candidate(self, release: Release) -> Candidate:
        """Return the release in the form that other rooms use."""
        wheel = self.wheel(release)
        return Candidate(
            name=release.name,
            version=release.version,
            wheel=wheel,
            wheels=release.wheels or (wheel,),
            sdist=release.sdist,
        )

    def metadata(self, release: Release) -> Metadata:
        """Return the core metadata of the wheel that the host installs."""
        wheel = self.wheel(release)
        return self.background.get(("metadata", wheel.url), lambda: self._index.metadata(wheel))

    def requirements(
        self, release: Release, extra: str, platforms: PlatformNames | None = None
    ) -> tuple[PackageRequirement, ...]:
        """Return the requirements of the release (``extra`` empty) or of one extra, on any of *platforms*."""

        def work() -> tuple[PackageRequirement, ...]:
            found = ((each, self._find_platforms(release, each, extra)) for each in self.metadata(release).requires)
            return tuple(PackageRequirement(requirement=each, platforms=names) for each, names in found if names)

        wheel = self.wheel(release).url
        requirements = self.background.get(("requirements", wheel, extra), work)
        wanted = platforms or self.everywhere
        return tuple(
            PackageRequirement(requirement=each.requirement, platforms=each.platforms & wanted)
            for each in requirements
            if each.platforms & wanted
        )

    def prefetch(self, requirement: Requirement, platforms: PlatformNames | None = None) -> None:
        """Fetch in the background what the search will most likely read for *requirement*, and for its closure."""
        name = canonicalize_name(requirement.name)
        if name in self._fixed:
            return
        platforms = platforms or self.everywhere
        for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
            work = partial(self._prefetch, name, requirement.specifier, extra, platforms)
            self.background.start(("prefetch", name, extra), work)

    def _prefetch(self, name: NormalizedName, specifier: SpecifierSet, extra: str, platforms: PlatformNames) -> None:
        release = next(self.matches(name, self.inputs.override_specifiers.get(name, specifier), platforms), None)
        # A guess is not worth a build.
        if release is not None and release.wheel is not None:
            for each in self.requirements(release, extra, platforms):
                self.prefetch(each.requirement, each.platforms)

    def _versions(
        self, name: NormalizedName, specifier: SpecifierSet, *, prereleases: bool | None
    ) -> tuple[Version, ...]:
        def work() -> tuple[Version, ...]:
            accepted = tuple(specifier.filter(self.project_files(name).versions, prereleases=prereleases))
            preferred = self.inputs.preferred.get(name)
            return (preferred, *(v for v in accepted if v != preferred)) if preferred in accepted else accepted

        return self.background.get(("versions", name, specifier, prereleases), work)

    def _build(self, release: Release) -> Wheel:
        builder = self.inputs.builder
        if release.sdist is None or builder is None:  # pragma: no cover - `choose_files` lets no such release pass.
            raise NoWheel(release.name, str(release.version), "there is nothing to build it from")
        return builder.build(release.sdist)

    def _find_platforms(self, release: Release, requirement: Requirement, extra: str) -> PlatformNames:
        """Return the platforms on which *requirement* applies; raise `ArchiveUnreadable` if its marker has no value."""
        try:
            return frozenset(each.name for each in self.inputs.platforms if applies(requirement, each, extra))
        except (UndefinedComparison, UndefinedEnvironmentName, InvalidVersion) as error:
            wheel = self.wheel(release)
            problem = f"the marker of {str(requirement)!r} has no value"
            raise ArchiveUnreadable(wheel.filename, wheel.url, problem) from error

    def _evaluate(self, name: NormalizedName, version: Version, platforms: PlatformNames) -> Release | Incompatibility:
        inputs = self.inputs
        if version in inputs.known_bad.get(name, ()):
            return Incompatibility(reason="is known to be malicious")
        rules = FileRules(
            platforms=inputs.platforms, forbidden=inputs.forbidden_kind(name), builds=inputs.builder is not None
        )
        files = self.project_files(name).files(version)
        return choose_files(name, version, files, self.platforms(platforms), rules)
