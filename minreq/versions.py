"""Recent releases of a root: how large each is, what of it, and where it loads; read by range, nothing is run."""

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
from minreq.errors import MinreqError, NoVersion
from minreq.index.client import IndexClient
from minreq.lock import lock as locking
from minreq.model import Lock, Member, Platform, Sdist, Wheel
from minreq.profiles import loading
from minreq.reporting import Reporter, Step
from minreq.task import task

#: How many parts of a release are told.
_PARTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version of the root; sizes are bytes."""

    version: Version
    #: The wheel that was read: the target's, or where none fits any; ``None`` where there is none at all.
    wheel: Wheel | None
    unpacked: int
    #: Folders and files of the first two levels, largest first.
    parts: Mapping[str, int]
    #: The platforms of all its wheels.
    platforms: tuple[str, ...]
    #: ``None`` where it loads on the target, else why it does not.
    unfit: str | None
    #: How many it declares on the target, extras aside.
    requirements: int
    #: What a lock of it installs, the root included; a sentence where that failed; ``None`` where nobody asked.
    minimal: int | str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found."""

    root: NormalizedName
    target: Platform
    #: Newest first.
    releases: tuple[Release, ...]
    #: Sentences about targets whose tags mean an older version than the newest.
    warnings: tuple[str, ...]


def survey(settings: VersionsSettings, reporter: Reporter) -> Survey:
    """Read the newest releases; raises ``NoVersion``, ``ProjectNotFound`` and what the index does."""
    host = interpreter.interpreter(Path(settings.python) if settings.python else None).platform
    targets = tuple(map(interpreter.preset, settings.platforms)) or (host,)
    name = canonicalize_name(settings.root.name)
    profile = loading.find(name)
    refused = task.refused(profile).get(name, frozenset())
    with IndexClient(task.index_settings(settings.index), settings.cache_dir / "index") as index:
        reporter.began(Step.MAP, f"the newest {settings.last} releases of {name}")
        everything = index.releases(name)
        offered = _wanted(everything, settings.root.specifier)
        if not offered:
            others = [str(version) for version in _wanted(everything, SpecifierSet())]
            raise NoVersion(str(settings.root), name, others[0] if others else None, {})
        newest = [*offered][: settings.last]
        chosen = {version: _chosen(offered[version], targets[0]) for version in newest}
        wheels = [wheel for wheel in chosen.values() if wheel is not None]
        index.prefetch_members(wheels)
        index.prefetch_metadata(wheels)
        releases = tuple(
            _release(index, version, chosen[version], offered[version], target=targets[0], refused=refused)
            for version in newest
        )
    if settings.trace is not None:
        releases = tuple(_traced(release, settings.trace, name, reporter) for release in releases)
    warnings = (sentence for target in targets for sentence in _older(name, offered, target, refused))
    return Survey(root=name, target=targets[0], releases=releases, warnings=tuple(warnings))


def _wanted(
    releases: Mapping[Version, tuple[Wheel | Sdist, ...]], specifier: SpecifierSet
) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
    """Those that satisfy *specifier* and are not yanked, newest first; pre-releases where there is nothing else."""
    usable = {
        version: files
        for version, files in sorted(releases.items(), reverse=True)
        if any(file.yanked is None for file in files)
    }
    return {version: usable[version] for version in specifier.filter([*usable])}


def _chosen(files: Sequence[Wheel | Sdist], target: Platform) -> Wheel | None:
    wheels = sorted((file for file in files if isinstance(file, Wheel)), key=lambda wheel: wheel.filename)
    ranks = {tag: rank for rank, tag in reversed([*enumerate(target.tags)])}
    fitting = [wheel for wheel in wheels if not wheel.tags.isdisjoint(ranks)]
    if fitting:
        return min(fitting, key=lambda wheel: min(ranks[tag] for tag in wheel.tags if tag in ranks))
    return next((wheel for wheel in wheels if _of_machine(wheel.tags, target)), wheels[0] if wheels else None)


def _release(
    index: IndexClient,
    version: Version,
    wheel: Wheel | None,
    files: Sequence[Wheel | Sdist],
    *,
    target: Platform,
    refused: frozenset[Version],
) -> Release:
    members = index.members(wheel) if wheel else ()
    requires = index.metadata(wheel).requires if wheel else ()
    return Release(
        version=version,
        wheel=wheel,
        unpacked=sum(member.size for member in members),
        parts=_parts(members),
        platforms=_platforms(files),
        unfit=_unfit(version, files, target, refused),
        requirements=sum(1 for each in requires if _applies(each, target)),
    )


def _parts(members: Sequence[Member]) -> Mapping[str, int]:
    sizes: Counter[str] = Counter()
    for member in members:
        sizes["/".join(member.path.split("/")[:2])] += member.size
    return dict(sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_PARTS])


def _platforms(files: Sequence[Wheel | Sdist]) -> tuple[str, ...]:
    return tuple(sorted({tag.platform for file in files if isinstance(file, Wheel) for tag in file.tags}))


def _of_machine(tags: Iterable[Tag], target: Platform) -> bool:
    """Whether *tags* name the target's system and processor, in whatever version."""
    machine = target.markers["platform_machine"]
    return any(tag.platform.endswith(machine) and target.markers["sys_platform"] in tag.platform for tag in tags)


def _applies(requirement: Requirement, target: Platform) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**target.markers, "extra": ""})


def _unfit(
    version: Version, files: Sequence[Wheel | Sdist], target: Platform, refused: frozenset[Version]
) -> str | None:
    """Why nothing of *files* can be used on *target*."""
    wheels = [file for file in files if isinstance(file, Wheel)]
    tags = frozenset(target.tags)
    fitting = [wheel for wheel in wheels if not wheel.tags.isdisjoint(tags)]
    if version in refused:
        return "known to be malicious"
    if not wheels:
        return "has no wheel"
    if not fitting:
        alike = [wheel for wheel in wheels if _of_machine(wheel.tags, target)]
        return f"its wheels are for {', '.join(_platforms(alike or wheels))}"
    demands = {wheel.requires_python for wheel in fitting}
    if not any(each is None or each.contains(target.python_version, prereleases=True) for each in demands):
        return f"requires Python {next(iter(demands))}"
    return None


def _older(
    name: NormalizedName,
    offered: Mapping[Version, Sequence[Wheel | Sdist]],
    target: Platform,
    refused: frozenset[Version],
) -> Iterator[str]:
    """Tell that an installer for *target* takes an older release without a word."""
    usable = [version for version in offered if version not in refused]
    fits = next((version for version in usable if _unfit(version, offered[version], target, refused) is None), None)
    if not usable or fits == usable[0]:
        return
    why = _unfit(usable[0], offered[usable[0]], target, refused)
    got = f"means {name} {fits}" if fits else f"has no {name} at all"
    where = f"Python {target.python_version} on this machine" if target.name == "host" else target.name
    yield f"{where} {got}, and says nothing of {usable[0]}: {why}"


def _traced(release: Release, settings: Settings, name: NormalizedName, reporter: Reporter) -> Release:
    """Lock the release without writing anything."""
    reporter.note(f"locking {name} {release.version}")
    try:
        lock: Lock = locking.lock(
            replace(settings, root=Requirement(f"{name}=={release.version}"), dry_run=True), reporter
        )
    except MinreqError as error:
        return replace(release, minimal=str(error).splitlines()[0])
    return replace(release, minimal=sum(each.bytes for each in lock.selection.kept))
