"""Finds the releases that can be installed: in order of preference, with their wheels and their requirements."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import BuildTag, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.errors import ArchiveUnreadable, NoWheel, ProjectNotFound
from minreq.model import Candidate, Metadata, Platform, Sdist, Wheel
from minreq.requirements import MARKER_ERRORS
from minreq.resolver.background import BackgroundWork
from minreq.resolver.inputs import F, Index, ResolverInput

ANY = SpecifierSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that can be installed on the host and every target."""

    name: NormalizedName
    version: Version
    #: Every wheel that fits one of the platforms, sorted by file name; empty when the release has to be built.
    wheels: tuple[Wheel, ...] = ()
    #: The wheel that the host prefers.
    wheel: Wheel | None = None
    #: What to build where there is no wheel.
    sdist: Sdist | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incompatibility:
    """Why a version cannot be installed."""

    #: A clause that follows the version: "has no wheel for the host".
    reason: str
    #: Set where Python is the reason: the specifier, and the version of Python that it does not contain.
    requires_python: SpecifierSet | None = None
    python: Version | None = None

    def __str__(self) -> str:
        return self.reason


class ProjectFiles:
    """The files of one project by version, without those uploaded after *cutoff*."""

    def __init__(self, releases: Mapping[Version, tuple[Wheel | Sdist, ...]], cutoff: datetime | None) -> None:
        self._releases = releases
        self._cutoff = cutoff
        #: Newest first.
        self.versions = tuple(
            version
            for version in sorted(releases, reverse=True)
            # Without a cutoff, the files of most versions are never parsed.
            if cutoff is None or any(self._uploaded_in_time(file) for file in releases[version])
        )

    def files(self, version: Version) -> tuple[Wheel | Sdist, ...]:
        """Return the files of a version, one for each file name; yanked files only where there are no others."""
        by_name: dict[str, Wheel | Sdist] = {}
        for file in self._releases[version]:
            if self._uploaded_in_time(file):
                # The first index that has a file name wins.
                by_name.setdefault(file.filename, file)
        return tuple(file for file in by_name.values() if file.yanked is None) or tuple(by_name.values())

    def spell_as(self, text: str | None) -> tuple[Version, ...]:
        """Return the versions; the one that *text* spells in its spelling, if a file has that too (``===1.0.0``)."""
        try:
            spelled = None if text is None else Version(text)
        except InvalidVersion:
            spelled = None
        if spelled is None or all(str(file.version) != str(spelled) for file in self._releases.get(spelled, ())):
            return self.versions
        return tuple(spelled if version == spelled else version for version in self.versions)

    def yank_reason(self, version: Version) -> str | None:
        """Return the reason, which may be empty, where all files of a version are yanked; else ``None``."""
        files = self.files(version)
        return files[0].yanked if files else None

    def _uploaded_in_time(self, file: Wheel | Sdist) -> bool:
        if self._cutoff is None:
            return True
        if file.upload_time is None:
            # It may be new. A local file, as in pip, counts: somebody put it there on purpose.
            return urlsplit(file.url).scheme == "file"
        return file.upload_time <= self._cutoff


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
        self._ranks = {tag: rank for rank, tag in reversed(list(enumerate(inputs.host.tags)))}
        self._tags = tuple(frozenset(platform.tags) for platform in inputs.platforms)

    def project_files(self, name: NormalizedName) -> ProjectFiles:
        """Return the files of a project; raise `ProjectNotFound` and the other index failures."""

        def work() -> ProjectFiles:
            return ProjectFiles(self._index.releases(name), self.inputs.exclude_newer)

        return self.background.get(("files", name), work)

    def evaluate(self, name: NormalizedName, version: Version, *, spelled: bool = False) -> Release | Incompatibility:
        """Return a version of the index as a release, or the reason why it cannot be installed.

        *spelled*: only the files that spell the version so; ``1.0`` and ``1.0.0`` are one version.
        """
        key = str(version) if spelled else version
        return self.background.get(("evaluate", name, key), lambda: self._evaluate(name, version, spelled=spelled))

    def matches(self, name: NormalizedName, specifier: SpecifierSet) -> Iterator[Release]:
        """Yield the releases that satisfy *specifier* and the user's limits, the preferred ones first.

        Pre-releases count as PEP 440 has it: where *specifier* names one, or where there is nothing else. Yanked
        releases count as PEP 592 has it: where nothing else satisfies a pin by ``==`` or ``===``. Raises what
        `project_files` does.
        """
        has_matches, spelled = False, any(each.operator == "===" for each in specifier)
        allowed = self.inputs.allows_prereleases(name)
        for prereleases in (None, True) if allowed is None else (allowed,):
            to_build: list[Release] = []
            for version in self._versions(name, specifier, prereleases=prereleases):
                release = self.evaluate(name, version, spelled=spelled)
                if isinstance(release, Incompatibility):
                    continue
                has_matches = True
                if self.inputs.prefer_binary and release.wheel is None:
                    to_build.append(release)
                else:
                    yield release
            yield from to_build
            if has_matches:
                return

    def matches_if_project_exists(self, name: NormalizedName, specifier: SpecifierSet) -> Iterator[Release]:
        """Yield what `matches` yields; nothing where the index does not have the project."""
        try:
            yield from self.matches(name, specifier)
        except ProjectNotFound:
            return

    def newest_usable(self, name: NormalizedName) -> Release | None:
        """Return the newest release that can be installed, whatever the user's limits; one that is not yanked first."""
        try:
            project_files = self.project_files(name)
        except ProjectNotFound:
            return None
        final_first = sorted(project_files.versions, key=lambda version: version.is_prerelease)
        for yanked in (False, True):
            for version in final_first:
                release = self.evaluate(name, version)
                if isinstance(release, Release) and (project_files.yank_reason(version) is not None) is yanked:
                    return release
        return None

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

    def requirements(self, release: Release, extra: str) -> tuple[Requirement, ...]:
        """Return the requirements of the release (``extra`` empty) or of one extra, on any of the platforms."""

        def work() -> tuple[Requirement, ...]:
            platforms, metadata = self.inputs.platforms, self.metadata(release)
            if extra and extra not in metadata.extras:
                return ()
            try:
                return tuple(each for each in metadata.requires if applies(each, platforms, extra))
            except MARKER_ERRORS as error:
                wheel = self.wheel(release)
                problem = f"a marker in its metadata cannot be evaluated: {error}"
                raise ArchiveUnreadable(wheel.filename, wheel.url, problem) from error

        return self.background.get(("requirements", release.name, release.version, extra), work)

    def prefetch(self, requirement: Requirement) -> None:
        """Fetch in the background what the search will most likely read for *requirement*, and for its closure."""
        name = canonicalize_name(requirement.name)
        if name in self._fixed:
            return
        for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
            self.background.start(
                ("prefetch", name, extra), partial(self._prefetch, name, requirement.specifier, extra)
            )

    def _prefetch(self, name: NormalizedName, specifier: SpecifierSet, extra: str) -> None:
        release = next(self.matches(name, self.inputs.override_specifiers.get(name, specifier)), None)
        # A guess is not worth a build.
        if release is not None and release.wheel is not None:
            for requirement in self.requirements(release, extra):
                self.prefetch(requirement)

    def _versions(
        self, name: NormalizedName, specifier: SpecifierSet, *, prereleases: bool | None
    ) -> Iterator[Version]:
        for limit in self.inputs.limits.get(name, ()):
            if limit.requirement.url is not None:
                return iter(())
            specifier &= limit.requirement.specifier

        def work() -> tuple[Version, ...]:
            versions = project_files.spell_as(next((s.version for s in specifier if s.operator == "==="), None))
            accepted = tuple(specifier.filter(versions, prereleases=prereleases))
            preferred = self.inputs.preferred.get(name)
            return (preferred, *(v for v in accepted if v != preferred)) if preferred in accepted else accepted

        project_files = self.project_files(name)
        accepted = self.background.get(("versions", name, specifier, prereleases), work)
        if is_pin(specifier) and all(project_files.yank_reason(version) is not None for version in accepted):
            return iter(accepted)
        return (version for version in accepted if project_files.yank_reason(version) is None)

    def _build(self, release: Release) -> Wheel:
        builder = self.inputs.builder
        if release.sdist is None or builder is None:  # pragma: no cover - `_buildable` lets no such release pass.
            raise NoWheel(release.name, str(release.version), "there is nothing to build it from")
        return builder.build(self._with_sha256(release.sdist))

    def _with_sha256(self, file: F) -> F:
        """Return *file*; where its index gives no SHA-256, with that of the file."""
        return file if file.sha256 is not None else self._index.identify(file)

    def _evaluate(self, name: NormalizedName, version: Version, *, spelled: bool) -> Release | Incompatibility:
        if version in self.inputs.known_bad.get(name, ()):
            return Incompatibility(reason="is known to be malicious")
        files = self._allowed_files(name, version, spelled=spelled)
        if isinstance(files, Incompatibility):
            return files
        for platform in self.inputs.platforms:
            compatible = tuple(file for file in files if supports(file.requires_python, platform))
            if not compatible:
                requires = files[0].requires_python
                reason = f"requires Python {requires}, and {platform_label(platform)} has {platform.python_version}"
                return Incompatibility(reason=reason, requires_python=requires, python=platform.python_version)
            files = compatible
        wheels = sorted((file for file in files if isinstance(file, Wheel)), key=lambda wheel: wheel.filename)
        without_wheel = [
            platform_label(platform)
            for platform, tags in zip(self.inputs.platforms, self._tags, strict=True)
            if not any(wheel.tags & tags for wheel in wheels)
        ]
        if without_wheel:
            return self._buildable(name, files, f"has no wheel for {' and '.join(without_wheel)}")
        fitting = tuple(wheel for wheel in wheels if any(wheel.tags & tags for tags in self._tags))
        best = min((wheel for wheel in fitting if wheel.tags & self._tags[0]), key=self._preference)
        return Release(name=name, version=best.version, wheels=fitting, wheel=best)

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

    def _buildable(
        self, name: NormalizedName, files: tuple[Wheel | Sdist, ...], reason: str
    ) -> Release | Incompatibility:
        sdist = next((file for file in files if isinstance(file, Sdist)), None)
        if sdist is None:
            return Incompatibility(reason=reason)
        if len(self.inputs.platforms) > 1:
            return Incompatibility(reason=f"{reason}, and its source is built for the host alone")
        if self.inputs.builder is None:
            return Incompatibility(reason=f"{reason}, and building its source is not allowed")
        return Release(name=name, version=sdist.version, sdist=sdist)

    def _preference(self, wheel: Wheel) -> tuple[int, tuple[int, str], str]:
        """Return a sort key, best first: the host's best tag, then the highest build number (binary distributions)."""
        rank = min(self._ranks[tag] for tag in wheel.tags if tag in self._ranks)
        build: BuildTag = parse_wheel_filename(wheel.filename)[2]
        return rank, (-build[0], build[1]) if build else (1, ""), wheel.filename


def platform_label(platform: Platform) -> str:
    """Return the name of the platform for a sentence."""
    return "the host" if platform.name == "host" else platform.name


def applies(requirement: Requirement, platforms: Iterable[Platform], extra: str) -> bool:
    """Return whether the marker holds on any of *platforms*; with an *extra*: whether it holds only with that extra."""
    if requirement.marker is None:
        return not extra
    for platform in platforms:
        markers = dict(platform.markers)
        holds = requirement.marker.evaluate({**markers, "extra": ""})
        if extra:
            holds = not holds and requirement.marker.evaluate({**markers, "extra": extra})
        if holds:
            return True
    return False


def is_pin(specifier: SpecifierSet) -> bool:
    """Return whether *specifier* names one version, by ``===`` or by ``==`` without a wildcard."""
    return any(s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*")) for s in specifier)


def supports(requires_python: SpecifierSet | None, platform: Platform) -> bool:
    """Return whether a ``Requires-Python`` contains the platform's Python."""
    return requires_python is None or requires_python.contains(platform.python_version, prereleases=True)
