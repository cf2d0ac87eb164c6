"""Compare recent releases of a root: their sizes, parts and platforms; wheels are read by range, nothing is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.tags import Tag
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter
from minreq.config import Settings, VersionsSettings
from minreq.counts import pluralize
from minreq.errors import MinreqError, NoVersion, SandboxMissing
from minreq.index.client import IndexClient
from minreq.lock import lock as locking
from minreq.model import Lock, Member, Platform, Sdist, Wheel
from minreq.profiles import loader
from minreq.reporting import Reporter, Step
from minreq.resolver import Incompatibility, choose_files
from minreq.task import task

#: How many parts of a release are listed.
_MAX_PARTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version of the root; sizes are bytes."""

    version: Version
    #: The wheel that was read: the one for the target, else any; ``None`` when the release has no wheel.
    wheel: Wheel | None
    unpacked: int
    #: Folders and files of the first two levels, largest first.
    parts: Mapping[str, int]
    #: The platforms of all its wheels.
    platforms: tuple[str, ...]
    #: Why the release does not load on the target; ``None`` when it does.
    incompatibility: str | None
    #: How many requirements it declares on the target, without extras.
    requirements: int
    #: The bytes that a lock of it installs, root included; a sentence when it failed; ``None`` when none was made.
    lock_size: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """The releases of a root, compared for a target."""

    root: NormalizedName
    target: Platform
    #: Newest first.
    releases: tuple[Release, ...]
    #: One sentence for each target on which an installer takes an older version than the newest.
    warnings: tuple[str, ...]


def survey(settings: VersionsSettings, reporter: Reporter) -> Survey:
    """Read the newest releases; raises ``NoVersion``, ``ProjectNotFound`` and the errors of the index."""
    host = interpreter.find_interpreter(Path(settings.python) if settings.python else None).platform
    targets = tuple(map(interpreter.preset_platform, settings.platforms)) or (host,)
    name = canonicalize_name(settings.root.name)
    profile = loader.find_profile(name)
    known_bad = task.known_bad_releases(profile).get(name, frozenset())
    with IndexClient(task.read_index_settings(settings.index), settings.cache_dir / "index") as index:
        reporter.began(Step.MAP, f"the newest {pluralize(settings.last, 'release')} of {name}")
        all_releases = index.releases(name)
        offered = _usable_releases(all_releases, settings.root.specifier)
        if not offered:
            others = [str(version) for version in _usable_releases(all_releases, SpecifierSet())]
            raise NoVersion(str(settings.root), name, others[0] if others else None, {})
        newest = [*offered][: settings.last]
        chosen = {version: _wheel_to_read(offered[version], targets[0]) for version in newest}
        wheels = [wheel for wheel in chosen.values() if wheel is not None]
        index.prefetch_members(wheels)
        index.prefetch_metadata(wheels)
        releases = tuple(
            _read_release(index, version, chosen[version], offered[version], target=targets[0], known_bad=known_bad)
            for version in newest
        )
    if settings.trace is not None:
        releases = tuple(_with_lock_size(release, settings.trace, name, reporter) for release in releases)
    warnings = (
        sentence for target in targets for sentence in _older_release_warnings(name, offered, target, known_bad)
    )
    return Survey(root=name, target=targets[0], releases=releases, warnings=tuple(warnings))


def _usable_releases(
    releases: Mapping[Version, tuple[Wheel | Sdist, ...]], specifier: SpecifierSet
) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
    """Return the releases in *specifier* that are not yanked, newest first; pre-releases only without others."""
    usable = {
        version: files
        for version, files in sorted(releases.items(), reverse=True)
        if any(file.yanked is None for file in files)
    }
    return {version: usable[version] for version in specifier.filter([*usable])}


def _wheel_to_read(files: Sequence[Wheel | Sdist], target: Platform) -> Wheel | None:
    """Return the wheel that an installer takes on *target*; where it takes none, one that shows the release."""
    release = choose_files(files, (target,), platforms=(target,))
    if not isinstance(release, Incompatibility):
        return release.wheel
    wheels = sorted((file for file in files if isinstance(file, Wheel)), key=lambda wheel: wheel.filename)
    return next((wheel for wheel in wheels if _names_machine(wheel.tags, target)), wheels[0] if wheels else None)


def _read_release(
    index: IndexClient,
    version: Version,
    wheel: Wheel | None,
    files: Sequence[Wheel | Sdist],
    *,
    target: Platform,
    known_bad: frozenset[Version],
) -> Release:
    members = index.members(wheel) if wheel else ()
    requires = index.metadata(wheel).requires if wheel else ()
    return Release(
        version=version,
        wheel=wheel,
        unpacked=sum(member.size for member in members),
        parts=_largest_parts(members),
        platforms=_platforms(files),
        incompatibility=_incompatibility(version, files, target, known_bad),
        requirements=sum(1 for each in requires if _applies_on(each, target)),
    )


def _largest_parts(members: Sequence[Member]) -> Mapping[str, int]:
    sizes: Counter[str] = Counter()
    for member in members:
        sizes["/".join(member.path.split("/")[:2])] += member.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MAX_PARTS])


def _platforms(files: Sequence[Wheel | Sdist]) -> tuple[str, ...]:
    return tuple(sorted({tag.platform for file in files if isinstance(file, Wheel) for tag in file.tags}))


def _names_machine(tags: Iterable[Tag], target: Platform) -> bool:
    """Whether *tags* name the system and processor of the target, in any version."""
    machine = target.markers["platform_machine"]
    return any(tag.platform.endswith(machine) and target.markers["sys_platform"] in tag.platform for tag in tags)


def _applies_on(requirement: Requirement, target: Platform) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**target.markers, "extra": ""})


def _incompatibility(
    version: Version, files: Sequence[Wheel | Sdist], target: Platform, known_bad: frozenset[Version]
) -> str | None:
    """Return why none of *files* can be used on *target*, ``None`` when one can."""
    wheels = [file for file in files if isinstance(file, Wheel)]
    if version in known_bad:
        return "known to be malicious"
    if not wheels:
        return "has no wheel"
    release = choose_files(files, (target,), platforms=(target,))
    if not isinstance(release, Incompatibility):
        return None if release.yanked is None else f"yanked: {release.yanked}".removesuffix(": ")
    if release.requires_python is not None:
        return f"requires Python {release.requires_python}"
    similar = [wheel for wheel in wheels if _names_machine(wheel.tags, target)]
    return f"its wheels are for {', '.join(_platforms(similar or wheels))}"


def _older_release_warnings(
    name: NormalizedName,
    offered: Mapping[Version, Sequence[Wheel | Sdist]],
    target: Platform,
    known_bad: frozenset[Version],
) -> Iterator[str]:
    """Yield a warning when an installer for *target* silently takes an older release."""
    usable = [version for version in offered if version not in known_bad]
    fits = next(
        (version for version in usable if _incompatibility(version, offered[version], target, known_bad) is None), None
    )
    if not usable or fits == usable[0]:
        return
    why = _incompatibility(usable[0], offered[usable[0]], target, known_bad)
    taken = f"takes {name} {fits}" if fits else f"finds no {name} at all"
    where = f"Python {target.python_version} on this machine" if target.name == "host" else target.name
    yield f"for {where} an installer {taken} and does not mention {usable[0]}: {why}"


def _with_lock_size(release: Release, settings: Settings, name: NormalizedName, reporter: Reporter) -> Release:
    """Return *release* with the size of its lock, which is made but not written."""
    reporter.note(f"locking {name} {release.version}")
    try:
        lock: Lock = locking.lock(
            replace(settings, root=Requirement(f"{name}=={release.version}"), dry_run=True, budget=None), reporter
        )
    except SandboxMissing:
        raise
    except MinreqError as error:
        return replace(release, lock_size=str(error).splitlines()[0])
    return replace(release, lock_size=lock.selection.bytes)
