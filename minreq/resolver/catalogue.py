"""What the index has, as far as it fits: versions in order of preference, their wheels, what they require."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

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
    #: As in `Wheel`: ``None`` unless every file of the version is yanked.
    yanked: str | None = None

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """The versions of one project, newest first."""

    releases: Mapping[Version, Release]
    unfit: Mapping[Version, Unfit]

    @property
    def newest(self) -> Release | None:
        """The newest version that fits, pre-releases and yanked ones only for want of others."""
        return next(iter(sorted(self.releases.values(), key=_commonness)), None)


class Catalogue:
    """The index as one demand sees it. Everything is asked of the index once, much of it before it is needed."""

    def __init__(self, demand: Demand, index: Index, ahead: Ahead) -> None:
        self.demand = demand
        self.ahead = ahead
        self._index = index
        self._ranks = {tag: rank for rank, tag in reversed(list(enumerate(demand.host.tags)))}
        self._tags = tuple(frozenset(platform.tags) for platform in demand.platforms)

    def shelf(self, name: NormalizedName) -> Shelf:
        """The versions of a project; raises `ProjectNotFound` and the other index failures."""
        return self.ahead.once(("shelf", name), lambda: self._sorted_into_shelf(name))

    def matches(self, name: NormalizedName, specifier: SpecifierSet) -> tuple[Release, ...]:
        """The releases that satisfy *specifier* and the user's limits, most wanted first.

        Pre-releases as PEP 440 has them ("unless they are already present on the system, explicitly requested by
        the user, or if the only available version that satisfies the version specifier is a pre-release"), yanked
        ones as PEP 592: only where nothing else satisfies a pin by ``==`` or ``===``.
        """
        return self.ahead.once(("matches", name, specifier), lambda: tuple(self._matching(name, specifier)))

    def known_matches(self, name: NormalizedName, specifier: SpecifierSet) -> tuple[Release, ...]:
        """As `matches`; none where the index does not know the project."""
        try:
            return self.matches(name, specifier)
        except ProjectNotFound:
            return ()

    def wheel(self, release: Release) -> Wheel:
        """The wheel the host installs, built if need be; raises `NoWheel`."""
        if release.wheel is not None:
            return release.wheel
        return self.ahead.once(("build", release.name, release.version), lambda: self._build(release))

    def candidate(self, release: Release) -> Candidate:
        """The release as other stages know it."""
        wheel = self.wheel(release)
        return Candidate(name=release.name, version=release.version, wheel=wheel, wheels=release.wheels or (wheel,))

    def metadata(self, release: Release) -> Metadata:
        """What the release requires."""
        wheel = self.wheel(release)
        return self.ahead.once(("metadata", wheel.url), lambda: self._index.metadata(wheel))

    def requires(self, release: Release, extra: str) -> Iterator[Requirement]:
        """The requirements that the release (``extra`` empty) or one extra of it has on any of the platforms."""
        for requirement in self.metadata(release).requires:
            if applies(requirement, self.demand.platforms, extra):
                yield requirement

    def look_ahead(self, requirement: Requirement) -> None:
        """Begin to fetch what pinning *requirement* will most likely ask for, and what that will, and so on."""
        name = canonicalize_name(requirement.name)
        for extra in ("", *sorted(map(canonicalize_name, requirement.extras))):
            self.ahead.begin(("look", name, extra), partial(self._look, name, requirement.specifier, extra))

    def _look(self, name: NormalizedName, specifier: SpecifierSet, extra: str) -> None:
        release = next(iter(self.matches(name, self.demand.overriding.get(name, specifier))), None)
        # A build is too dear for a guess.
        if release is not None and release.wheel is not None:
            for requirement in self.requires(release, extra):
                self.look_ahead(requirement)

    def _matching(self, name: NormalizedName, specifier: SpecifierSet) -> Iterator[Release]:
        for stated in self.demand.limits.get(name, ()):
            specifier &= stated.requirement.specifier
        possible = self.shelf(name).releases
        accepted = [possible[version] for version in specifier.filter(possible)]
        if not (is_pin(specifier) and all(release.yanked is not None for release in accepted)):
            usable = {version: r for version, r in possible.items() if r.yanked is None}
            accepted = [usable[version] for version in specifier.filter(usable)]
        preferred = self.demand.preferred.get(name)
        # Stable: newest first stays.
        yield from sorted(accepted, key=lambda release: release.version != preferred)

    def _build(self, release: Release) -> Wheel:
        builder = self.demand.builder
        if release.sdist is None or builder is None:  # pragma: no cover - such a release is unfit.
            raise NoWheel(release.name, str(release.version), "there is nothing to build it from")
        return builder.build(release.sdist)

    def _sorted_into_shelf(self, name: NormalizedName) -> Shelf:
        files: dict[Version, dict[str, Wheel | Sdist]] = {}
        for file in self._index.files(name):
            if self._existed(file):
                # The first index that offers a file name is believed.
                files.setdefault(file.version, {}).setdefault(file.filename, file)
        refused = self.demand.refused.get(name, frozenset())
        releases: dict[Version, Release] = {}
        unfit: dict[Version, Unfit] = {}
        for version in sorted(files, reverse=True):
            if version in refused:
                unfit[version] = Unfit(why="is known to be malicious")
                continue
            release = self._fitted(name, version, tuple(files[version].values()))
            if isinstance(release, Release):
                releases[version] = release
            else:
                unfit[version] = release
        return Shelf(releases=releases, unfit=unfit)

    def _existed(self, file: Wheel | Sdist) -> bool:
        cutoff = self.demand.exclude_newer
        return cutoff is None or (file.upload_time is not None and file.upload_time <= cutoff)

    def _fitted(self, name: NormalizedName, version: Version, files: tuple[Wheel | Sdist, ...]) -> Release | Unfit:
        """The release of *version*, or why it cannot be one."""
        yanked = next((file.yanked for file in files), None) if all(f.yanked is not None for f in files) else None
        # Files that are yanked while others of the version are not do not count.
        files = tuple(file for file in files if yanked is not None or file.yanked is None)
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
        if not lacking:
            fitting = tuple(wheel for wheel in wheels if any(wheel.tags & tags for tags in self._tags))
            wheel = min((w for w in fitting if w.tags & self._tags[0]), key=self._liking)
            return Release(name=name, version=version, wheels=fitting, wheel=wheel, yanked=yanked)
        none = f"has no wheel for {' and '.join(lacking)}"
        sdist = next((file for file in files if isinstance(file, Sdist)), None)
        if sdist is None:
            return Unfit(why=none)
        if len(self.demand.platforms) > 1:
            return Unfit(why=f"{none}, and its source is built for the host alone")
        if self.demand.builder is None:
            return Unfit(why=f"{none}, and building its source is not allowed")
        return Release(name=name, version=version, sdist=sdist, yanked=yanked)

    def _liking(self, wheel: Wheel) -> tuple[int, tuple[int, int, str], str]:
        """Smallest first: the tag the host likes best, then the higher build number (binary distribution format)."""
        rank = min(self._ranks[tag] for tag in wheel.tags if tag in self._ranks)
        build: BuildTag = parse_wheel_filename(wheel.filename)[2]
        return rank, (0, 0, "") if not build else (-1, -build[0], build[1]), wheel.filename


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


@lru_cache(maxsize=4096)
def _admits(requires_python: SpecifierSet, version: Version) -> bool:
    return requires_python.contains(version, prereleases=True)


def supports(requires_python: SpecifierSet | None, platform: Platform) -> bool:
    """Whether a ``Requires-Python`` admits the platform's Python."""
    return requires_python is None or _admits(requires_python, platform.python_version)


def _commonness(release: Release) -> tuple[bool, bool]:
    return release.yanked is not None, release.version.is_prerelease
