"""Chooses the files of one version that an installer takes on each platform; values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import BuildTag, NormalizedName, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.model import Platform, Sdist, Wheel


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version that can be installed on every platform where something requires it."""

    name: NormalizedName
    version: Version
    #: Every wheel that fits one of the platforms of the lock, sorted by file name; empty where it has to be built.
    wheels: tuple[Wheel, ...] = ()
    #: The wheel that the host prefers; where none fits the host, the one that the first other platform prefers.
    wheel: Wheel | None = None
    #: What to build where there is no wheel.
    sdist: Sdist | None = None
    #: The reason, which may be empty, where an installer has only yanked files of it; else ``None``.
    yanked: str | None = None

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    def fits(self, platforms: Iterable[Platform]) -> bool:
        """Return whether it can be installed on each of *platforms*."""
        return self.sdist is not None or all(
            any(wheel.tags.intersection(platform.tags) for wheel in self.wheels) for platform in platforms
        )


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
        """Return the files of a version, one for each file name."""
        by_name: dict[str, Wheel | Sdist] = {}
        for file in self._releases[version]:
            if self._uploaded_in_time(file):
                # The first index that has a file name wins.
                by_name.setdefault(file.filename, file)
        return tuple(by_name.values())

    def spell_as(self, text: str | None) -> tuple[Version, ...]:
        """Return the versions; the one that *text* spells in its spelling, if a file has that too (``===1.0.0``)."""
        try:
            spelled = None if text is None else Version(text)
        except InvalidVersion:
            spelled = None
        if spelled is None or all(str(file.version) != str(spelled) for file in self._releases.get(spelled, ())):
            return self.versions
        return tuple(spelled if version == spelled else version for version in self.versions)

    def _uploaded_in_time(self, file: Wheel | Sdist) -> bool:
        if self._cutoff is None:
            return True
        if file.upload_time is None:
            # It may be new. A local file, as in pip, counts: somebody put it there on purpose.
            return urlsplit(file.url).scheme == "file"
        return file.upload_time <= self._cutoff


def choose_files(
    files: Sequence[Wheel | Sdist],
    required_on: Sequence[Platform],
    *,
    platforms: Sequence[Platform],
    builds: bool = False,
) -> Release | Incompatibility:
    """Return what an installer takes of a release's *files* on each platform of *required_on*, or why it takes none.

    *files* holds at least one. *platforms* are those of the lock, the host first. *builds*: source distributions may be
    built. As in pip, a yanked file counts only where no other file fits the platform.
    """
    for platform in required_on:
        if not any(supports(file.requires_python, platform) for file in files):
            requires = files[0].requires_python
            reason = f"requires Python {requires}, and {platform_label(platform)} has {platform.python_version}"
            return Incompatibility(reason=reason, requires_python=requires, python=platform.python_version)
    offered = [file for file in files if file.yanked is None]
    found = _choose(offered, required_on, platforms, builds=builds)
    if isinstance(found, Incompatibility) and len(offered) < len(files):
        found = _choose(files, required_on, platforms, builds=builds)
    return found


def _choose(
    files: Sequence[Wheel | Sdist], required_on: Sequence[Platform], platforms: Sequence[Platform], *, builds: bool
) -> Release | Incompatibility:
    """Choose among *files*, all of which an installer may take; the release is yanked if it needs a yanked one."""
    preferred = [(platform, _preferred_wheel(files, platform)) for platform in required_on]
    if missing := [platform_label(platform) for platform, wheel in preferred if wheel is None]:
        return _choose_sdist(files, platforms, f"has no wheel for {' and '.join(missing)}", builds=builds)
    wheels = [_preferred_wheel(files, platforms[0]), *(wheel for _, wheel in preferred)]
    best = next(wheel for wheel in wheels if wheel is not None)
    yanked = [wheel.yanked for _, wheel in preferred if wheel is not None and wheel.yanked is not None]
    fitting = (file for file in files if isinstance(file, Wheel) and any(_fits(file, each) for each in platforms))
    return Release(
        name=best.name,
        version=best.version,
        wheels=tuple(sorted(fitting, key=lambda wheel: wheel.filename)),
        wheel=best,
        yanked=yanked[0] if yanked else None,
    )


def _choose_sdist(
    files: Sequence[Wheel | Sdist], platforms: Sequence[Platform], reason: str, *, builds: bool
) -> Release | Incompatibility:
    sdists = [file for file in files if isinstance(file, Sdist) and supports(file.requires_python, platforms[0])]
    if not sdists:
        return Incompatibility(reason=reason)
    if len(platforms) > 1:
        return Incompatibility(reason=f"{reason}, and its source is built for the host alone")
    if not builds:
        return Incompatibility(reason=f"{reason}, and building its source is not allowed")
    sdist = min(sdists, key=lambda file: file.yanked is not None)
    return Release(name=sdist.name, version=sdist.version, sdist=sdist, yanked=sdist.yanked)


def _preferred_wheel(files: Iterable[Wheel | Sdist], platform: Platform) -> Wheel | None:
    """Return the wheel that an installer takes on *platform*: one that is not yanked, the best tag, the last build.

    Of equal ones pip takes the last on the page, and most pages are sorted by file name.
    """
    ranks = {tag: rank for rank, tag in reversed(list(enumerate(platform.tags)))}

    def preference(wheel: Wheel) -> tuple[bool, int, BuildTag, str]:
        build: BuildTag = parse_wheel_filename(wheel.filename)[2]
        rank = min(ranks[tag] for tag in wheel.tags if tag in ranks)
        return wheel.yanked is None, -rank, build, wheel.filename

    wheels = (file for file in files if isinstance(file, Wheel) and _fits(file, platform))
    return max(wheels, key=preference, default=None)


def _fits(wheel: Wheel, platform: Platform) -> bool:
    return supports(wheel.requires_python, platform) and not wheel.tags.isdisjoint(platform.tags)


def platform_label(platform: Platform) -> str:
    """Return the name of the platform for a sentence."""
    return "the host" if platform.name == "host" else platform.name


def applies(requirement: Requirement, platform: Platform, extra: str) -> bool:
    """Return whether the marker holds on *platform*; with an *extra*: whether it holds only with that extra."""
    if requirement.marker is None:
        return not extra
    markers = dict(platform.markers)
    holds = requirement.marker.evaluate({**markers, "extra": ""})
    return (not holds and requirement.marker.evaluate({**markers, "extra": extra})) if extra else holds


def is_pin(specifier: SpecifierSet) -> bool:
    """Return whether *specifier* names one version, by ``===`` or by ``==`` without a wildcard."""
    return any(s.operator == "===" or (s.operator == "==" and not s.version.endswith(".*")) for s in specifier)


def supports(requires_python: SpecifierSet | None, platform: Platform) -> bool:
    """Return whether a ``Requires-Python`` contains the platform's Python."""
    return requires_python is None or requires_python.contains(platform.python_version, prereleases=True)
