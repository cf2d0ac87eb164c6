"""What the index has, as far as it fits: versions in order of preference, their wheels, what they require."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import BuildTag, NormalizedName, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from minreq.errors import NoWheel, ProjectNotFound
from minreq.model import Candidate, Metadata, Platform, Sdist, Wheel
from minreq.resolver.ahead import Ahead
from minreq.resolver.demand import Demand, Index

ANY = SpecifierSet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that can be installed on the host and every target."""

    name: NormalizedName
    version: Version
    #: Every wheel that fits one of the platforms, sorted by file name; empty when it has to be built.
    wheels: tuple[Wheel, ...] = ()
    #: The wheel the host likes best.
    wheel: Wheel | None = None
    #: What to build where there is no wheel.
    sdist: Sdist | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """Why a version cannot be installed."""

    #: A clause that goes on after the version, "has no wheel for the host".
    why: str
    #: What a platform does not satisfy, and its version of Python, where that is the reason.
    requires_python: SpecifierSet | None = None
    python: Version | None = None

    def __str__(self) -> str:
        return self.why


class Shelf:
    """The files of one project by version, as far as they had been uploaded by *cutoff*."""

    def __init__(self, releases: Mapping[Version, tuple[Wheel | Sdist, ...]], cutoff: datetime | None) -> None:
        self._releases = releases
        self._cutoff = cutoff
        #: Newest first.
        self.versions = tuple(
            version
            for version in sorted(releases, reverse=True)
            # Without a cutoff nobody looks at the files of all versions: most are never needed.
            if cutoff is None or any(self._existed(file) for file in releases[version])
        )

    def files(self, version: Version) -> tuple[Wheel | Sdist, ...]:
        """The files of a version, each file name once, without yanked ones where there are others."""
        offered: dict[str, Wheel | Sdist] = {}
        for file in self._releases[version]:
            if self._existed(file):
                # The first index that offers a file name is believed.
                offered.setdefault(file.filename, file)
        return tuple(file for file in offered.values() if file.yanked is None) or tuple(offered.values())

    def yanked(self, version: Version) -> str | None:
        """The reason when all files of a version are yanked, which may be empty; else ``None``."""
        files = self.files(version)
        return files[0].yanked if files else None

    def _existed(self, file: Wheel | Sdist) -> bool:
        """What has no upload time may be new; a file on this machine, as in pip, is there because somebody chose it."""
        if self._cutoff is None:
            return True
        if file.upload_time is None:
            return urlsplit(file.url).scheme == "file"
        return file.upload_time <= self._cutoff


class Catalogue:
    """The index as one demand sees it. Everything is asked of the index once, much of it before it is needed.

    Of the projects *fixed* nothing is going to be chosen, so nothing is looked up beforehand.
    """

    def __init__(
        self, demand: Demand, index: Index, ahead: Ahead, *, fixed: Collection[NormalizedName] = frozenset()
    ) -> None:
        self.demand = demand
        self.ahead = ahead
        self._index = index
        self._fixed = fixed
        self._ranks = {tag: rank for rank, tag in reversed(list(enumerate(demand.host.tags)))}
        self._tags = tuple(frozenset(platform.tags) for platform in demand.platforms)

    def shelf(self, name: NormalizedName) -> Shelf:
        """The versions of a project; raises `ProjectNotFound` and the other index failures."""
        return self.ahead.once(("shelf", name), lambda: Shelf(self._index.releases(name), self.demand.exclude_newer))

    def fitted(self, name: NormalizedName, version: Version) -> Release | Unfit:
        """A version that the shelf has, as something to install."""
        return self.ahead.once(("fitted", name, version), lambda: self._fit(name, version))

    def matches(self, name: NormalizedName, specifier: SpecifierSet) -> Iterator[Release]:
        """The releases that satisfy *specifier* and the user's limits, most wanted first, one by one.

        Pre-releases as PEP 440 has them: where *specifier* asks for one, or nothing else is there; yanked ones as
        PEP 592: where nothing else satisfies a pin by ``==`` or ``===``. Raises what `shelf` does.
        """
        found = False
        for prereleases in (None, True):
            for version in self._versions(name, specifier, prereleases=prereleases):
                release = self.fitted(name, version)
                if isinstance(release, Release):
                    found = True
                    yield release
            if found:
                return

    def known_matches(self, name: NormalizedName, specifier: SpecifierSet) -> Iterator[Release]:
        """As `matches`; none where the index does not know the project."""
        try:
            yield from self.matches(name, specifier)
        except ProjectNotFound:
            return

    def newest(self, name: NormalizedName) -> Release | None:
        """The newest version that can be used, whatever the user says about versions."""
        try:
            shelf = self.shelf(name)
        except ProjectNotFound:
            return None
        common = sorted(shelf.versions, key=lambda version: version.is_prerelease)
        for usable in (True, False):
            for version in common:
                release = self.fitted(name, version)
                if isinstance(release, Release) and (shelf.yanked(version) is None) is usable:
                    return release
        return None

    def wheel(self, release: Release) -> Wheel:
        """The wheel the host installs, built if need be; raises `NoWheel`."""
        if release.wheel is not None:
            return release.wheel
        return self.ahead.once(("build", release.name, release.version), lambda: self._build(release))

    def candidate(self, release: Release) -> Candidate:
        """The release as other stages know it."""
        wheel = self.wheel(release)
        return Candidate(
            name=release.name,
            version=release.version,
            wheel=wheel,
            wheels=release.wheels or (wheel,),
            sdist=release.sdist,
        )

    def metadata(self, release: Release) -> Metadata:
        """What the release requires."""
        wheel = self.wheel(release)
        return self.ahead.once(("metadata", wheel.url), lambda: self._index.metadata(wheel))

    def requires(self, release: Release, extra: str) -> tuple[Requirement, ...]:
        """The requirements that the release (``extra`` empty) or one extra of it has on any of the platforms."""

        def work() -> tuple[Requirement, ...]:
            platforms = self.demand.platforms
            return tuple(each for each in self.metadata(release).requires if applies(each, platforms, extra))

        return self.ahead.once(("requires", release.name, release.version, extra), work)

    def look_ahead(self, requirement: Requirement) -> None:
        """Begin to fetch what pinning *requirement* will most likely ask for, and what that will, and so on."""
        name = canonicalize_name(requirement.name)
        if name in self._fixed:
            return
        for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
            self.ahead.begin(("look", name, extra), partial(self._look, name, requirement.specifier, extra))

    def _look(self, name: NormalizedName, specifier: SpecifierSet, extra: str) -> None:
        release = next(self.matches(name, self.demand.overriding.get(name, specifier)), None)
        # A build is too dear for a guess.
        if release is not None and release.wheel is not None:
            for requirement in self.requires(release, extra):
                self.look_ahead(requirement)

    def _versions(
        self, name: NormalizedName, specifier: SpecifierSet, *, prereleases: bool | None
    ) -> Iterator[Version]:
        for stated in self.demand.limits.get(name, ()):
            specifier &= stated.requirement.specifier

        def work() -> tuple[Version, ...]:
            accepted = tuple(specifier.filter(shelf.versions, prereleases=prereleases))
            preferred = self.demand.preferred.get(name)
            return (preferred, *(v for v in accepted if v != preferred)) if preferred in accepted else accepted

        shelf = self.shelf(name)
        accepted = self.ahead.once(("versions", name, specifier, prereleases), work)
        if is_pin(specifier) and all(shelf.yanked(version) is not None for version in accepted):
            return iter(accepted)
        return (version for version in accepted if shelf.yanked(version) is None)

    def _build(self, release: Release) -> Wheel:
        builder = self.demand.builder
        if release.sdist is None or builder is None:  # pragma: no cover - such a release is unfit.
            raise NoWheel(release.name, str(release.version), "there is nothing to build it from")
        return builder.build(release.sdist)

    def _fit(self, name: NormalizedName, version: Version) -> Release | Unfit:
        if version in self.demand.refused.get(name, ()):
            return Unfit(why="is known to be malicious")
        files = self.shelf(name).files(version)
        if not files:
            return Unfit(why="has no file whose name can be read")
        forbidden = self.demand.forbids(name)
        files = tuple(file for file in files if forbidden is None or not isinstance(file, forbidden))
        if not files:
            kind, option = ("source", "--only-binary") if forbidden is Sdist else ("wheels", "--no-binary")
            return Unfit(why=f"has only {kind}, which {option} forbids")
        for platform in self.demand.platforms:
            suited = tuple(file for file in files if supports(file.requires_python, platform))
            if not suited:
                python = files[0].requires_python
                why = f"requires Python {python}, and {place(platform)} has {platform.python_version}"
                return Unfit(why=why, requires_python=python, python=platform.python_version)
            files = suited
        wheels = sorted((file for file in files if isinstance(file, Wheel)), key=lambda wheel: wheel.filename)
        lacking = [
            place(platform)
            for platform, tags in zip(self.demand.platforms, self._tags, strict=True)
            if not any(wheel.tags & tags for wheel in wheels)
        ]
        if lacking:
            return self._to_build(name, version, files, f"has no wheel for {' and '.join(lacking)}")
        fitting = tuple(wheel for wheel in wheels if any(wheel.tags & tags for tags in self._tags))
        liked = min((wheel for wheel in fitting if wheel.tags & self._tags[0]), key=self._liking)
        return Release(name=name, version=version, wheels=fitting, wheel=liked)

    def _to_build(
        self, name: NormalizedName, version: Version, files: tuple[Wheel | Sdist, ...], lack: str
    ) -> Release | Unfit:
        sdist = next((file for file in files if isinstance(file, Sdist)), None)
        if sdist is None:
            return Unfit(why=lack)
        if len(self.demand.platforms) > 1:
            return Unfit(why=f"{lack}, and its source is built for the host alone")
        if self.demand.builder is None:
            return Unfit(why=f"{lack}, and building its source is not allowed")
        return Release(name=name, version=version, sdist=sdist)

    def _liking(self, wheel: Wheel) -> tuple[int, tuple[int, str], str]:
        """Smallest first: the tag the host likes best, then the higher build number (binary distribution format)."""
        rank = min(self._ranks[tag] for tag in wheel.tags if tag in self._ranks)
        build: BuildTag = parse_wheel_filename(wheel.filename)[2]
        return rank, (-build[0], build[1]) if build else (1, ""), wheel.filename


def place(platform: Platform) -> str:
    """The platform as a sentence names it."""
    return "the host" if platform.name == "host" else platform.name


def applies(requirement: Requirement, platforms: Iterable[Platform], extra: str) -> bool:
    """Whether the marker holds on any of *platforms*; for an extra: holds because of it."""
    if requirement.marker is None:
        return not extra
    for platform in platforms:
        markers = dict(platform.markers)
        bare = requirement.marker.evaluate({**markers, "extra": ""})
        if bare if not extra else not bare and requirement.marker.evaluate({**markers, "extra": extra}):
            return True
    return False


def is_pin(specifier: SpecifierSet) -> bool:
    """Whether *specifier* names one version, by ``===`` or by ``==`` without a wildcard."""
    return any(s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*")) for s in specifier)


def supports(requires_python: SpecifierSet | None, platform: Platform) -> bool:
    """Whether a ``Requires-Python`` admits the platform's Python."""
    return requires_python is None or requires_python.contains(platform.python_version, prereleases=True)
