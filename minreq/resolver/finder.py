"""Finds the releases that can be installed: in order of preference, with their wheels and their requirements."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import partial

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from minreq.errors import ArchiveUnreadable, MetadataMismatch, NoWheel, ProjectNotFound, SdistBuildFailed
from minreq.model import Candidate, Metadata, Platform, Sdist, Wheel
from minreq.requirements import MARKER_ERRORS
from minreq.resolver.background import BackgroundWork
from minreq.resolver.inputs import F, Index, ResolverInput
from minreq.resolver.releases import (
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
        self, name: NormalizedName, version: Version, platforms: PlatformNames | None = None, *, spelled: bool = False
    ) -> Release | Incompatibility:
        """Return a version of the index as a release for *platforms*, or the reason why it cannot be installed there.

        The platforms are those of the lock where none are given, here and in the other methods. *spelled*: only the
        files that spell the version so; ``1.0`` and ``1.0.0`` are one version.
        """
        platforms = platforms or self.everywhere
        key = ("evaluate", name, str(version) if spelled else version, platforms)
        return self.background.get(key, lambda: self._evaluate(name, version, platforms, spelled=spelled))

    def matches(
        self, name: NormalizedName, specifier: SpecifierSet, platforms: PlatformNames | None = None
    ) -> Iterator[Release]:
        """Yield the releases that satisfy *specifier* and the user's limits, the preferred ones first.

        Of the versions that fit the platforms, pre-releases count as PEP 440 has it: where *specifier* names one, or
        where there is nothing else. Yanked releases count as PEP 592 has it: where nothing else satisfies a pin by
        ``==`` or ``===``. As in pip, a pre-release does not replace a yanked release. Raises what `project_files` does.
        """
        for limit in self.inputs.limits.get(name, ()):
            if limit.requirement.url is not None:
                return
            specifier &= limit.requirement.specifier
        allowed = self.inputs.allows_prereleases(name)
        for prereleases in (None, True) if allowed is None else (allowed,):
            yanked: list[Release] = []
            only_yanked = True
            for release in self._usable(name, specifier, platforms, prereleases=prereleases):
                if release.yanked is not None:
                    yanked.append(release)
                else:
                    only_yanked = False
                    yield release
            if only_yanked and is_pin(specifier):
                yield from yanked
            if yanked or not only_yanked:
                return

    def _usable(
        self,
        name: NormalizedName,
        specifier: SpecifierSet,
        platforms: PlatformNames | None,
        *,
        prereleases: bool | None,
    ) -> Iterator[Release]:
        """Yield the releases that fit the platforms, yanked ones too, the preferred ones first."""
        spelled = any(each.operator == "===" for each in specifier)
        to_build: list[Release] = []
        for version in self._versions(name, specifier, prereleases=prereleases):
            release = self.evaluate(name, version, platforms, spelled=spelled)
            if isinstance(release, Release):
                if self.inputs.prefer_binary and release.wheel is None:
                    to_build.append(release)
                else:
                    yield release
        yield from to_build

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
                self._index.identify(self.wheel(release))
                return f"{error.filename} cannot be read: {error.problem}"
            except MetadataMismatch as error:
                self._index.identify(self.wheel(release))
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
            wheel=self._with_sha256(wheel),
            wheels=tuple(map(self._with_sha256, release.wheels or (wheel,))),
            sdist=release.sdist and self._with_sha256(release.sdist),
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
            metadata = self.metadata(release)
            if extra and extra not in metadata.extras:
                return ()
            found = ((each, self._find_platforms(release, each, extra)) for each in metadata.requires)
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
            spelling = next((each.version for each in specifier if each.operator == "==="), None)
            accepted = tuple(specifier.filter(self.project_files(name).spell_as(spelling), prereleases=prereleases))
            preferred = self.inputs.preferred.get(name)
            return (preferred, *(v for v in accepted if v != preferred)) if preferred in accepted else accepted

        return self.background.get(("versions", name, specifier, prereleases), work)

    def _build(self, release: Release) -> Wheel:
        builder = self.inputs.builder
        if release.sdist is None or builder is None:  # pragma: no cover - `choose_files` lets no such release pass.
            raise NoWheel(release.name, str(release.version), "there is nothing to build it from")
        return builder.build(self._with_sha256(release.sdist))

    def _with_sha256(self, file: F) -> F:
        """Return *file*; where its index gives no SHA-256, with that of the file."""
        return file if file.sha256 is not None else self._index.identify(file)

    def _find_platforms(self, release: Release, requirement: Requirement, extra: str) -> PlatformNames:
        """Return the platforms on which *requirement* applies; raise `ArchiveUnreadable` if its marker has no value."""
        try:
            return frozenset(each.name for each in self.inputs.platforms if applies(requirement, each, extra))
        except (*MARKER_ERRORS, InvalidVersion) as error:
            wheel = self.wheel(release)
            problem = f"the marker of {str(requirement)!r} has no value"
            raise ArchiveUnreadable(wheel.filename, wheel.url, problem) from error

    def _evaluate(
        self, name: NormalizedName, version: Version, platforms: PlatformNames, *, spelled: bool
    ) -> Release | Incompatibility:
        inputs = self.inputs
        if version in inputs.known_bad.get(name, ()):
            return Incompatibility(reason="is known to be malicious")
        files = self._allowed_files(name, version, spelled=spelled)
        if isinstance(files, Incompatibility):
            return files
        builds = inputs.builder is not None
        return choose_files(files, self.platforms(platforms), platforms=inputs.platforms, builds=builds)

    def _allowed_files(
        self, name: NormalizedName, version: Version, *, spelled: bool
    ) -> tuple[Wheel | Sdist, ...] | Incompatibility:
        """Return the files of a version that the rules of the user allow, at least one, or the reason."""
        files = self.project_files(name).files(version)
        files = tuple(file for file in files if not spelled or str(file.version) == str(version))
        if not files:
            return Incompatibility(reason="has no file whose name can be read")
        forbidden = self.inputs.forbidden_kind(name)
        files = tuple(file for file in files if forbidden is None or not isinstance(file, forbidden))
        if not files:
            kind, option = ("source", "--only-binary") if forbidden is Sdist else ("wheels", "--no-binary")
            return Incompatibility(reason=f"has only {kind}, which {option} forbids")
        rule = self.inputs.hash_rules.get(name)
        if rule is not None and not (files := tuple(file for file in files if rule.allows(file, self._index))):
            return Incompatibility(reason=f"has no file with a hash of {' and '.join(rule.places)}")
        return files
