"""The files that a lock pins, found again at the index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import ProjectNotFound
from minreq.lockfile.requirements import LockedPin, parse_damaged, pinned
from minreq.model import Candidate, Lock, Platform, Sdist, Wheel


class Index(Protocol):
    """What is asked of the index."""

    def releases(self, name: NormalizedName, /) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Return every file of a project by version; raises `ProjectNotFound` and the other index failures."""
        ...

    def named(self, name: NormalizedName, filenames: Collection[str], /) -> tuple[Wheel | Sdist, ...]:
        """Return the files of a project that have one of these names; raises as `releases` does."""
        ...

    def prefetch(self, names: Iterable[NormalizedName], /) -> None:
        """Begin to read the pages of *names* in the background."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What a lock installs."""

    #: By name; the files are as the index has them now.
    candidates: Mapping[NormalizedName, Candidate]
    #: What cannot be had, and what should not be used any more: a sentence each.
    faults: tuple[str, ...] = ()
    #: Whether all that is pinned can be had: else a run would tell nothing.
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds what is pinned."""

    index: Index
    #: Where it is to be installed.
    platform: Platform
    #: Makes a wheel for *platform*.
    build: Callable[[Sdist], Wheel]
    #: Whether a file is here already, wherever it came from.
    holds: Callable[[Wheel | Sdist], bool]

    def find(self, lock: Lock, pins: Mapping[NormalizedName, LockedPin]) -> Installation:
        """Find each of *pins* by version and hash, and build what has to be built.

        Where a version is that of *lock*, the hashes are too: that somebody took one out of the file is another matter.
        Raises the index failures, and what *build* does.
        """
        self.index.prefetch(sorted(pins))
        candidates: dict[NormalizedName, Candidate] = {}
        faults: list[str] = []
        for name, pin in sorted(pins.items()):
            recorded = lock.resolution.pins.get(name)
            known = recorded if recorded is not None and recorded.version == pin.version else None
            file, fault = self._file(pin, known)
            faults += [fault] if fault else []
            if file is not None:
                wheel = self.build(file) if isinstance(file, Sdist) else file
                candidates[name] = Candidate(name=name, version=pin.version, wheel=wheel, wheels=(wheel,))
        return Installation(candidates=candidates, faults=tuple(faults), complete=len(candidates) == len(pins))

    def _file(self, pin: LockedPin, known: Candidate | None) -> tuple[Wheel | Sdist | None, str]:
        """The file to install, and what is wrong with it."""
        offered = _offered(self.index, pin.name, pin.version)
        if known is None:
            chosen = (file for file in offered if file.sha256 in pin.hashes)
            file = _liked(chosen, self.platform)
            lack = f"the index has no file of {pin.name} {pin.version} that fits and has a hash of the lock"
            return file, _yanked(file) if file else lack
        wanted = _liked(pinned(known), self.platform)
        if wanted is None:
            place = f"Python {self.platform.python_version}, {self.platform.markers['platform_machine']}"
            return None, f"no pinned file of {pin.name} {pin.version} fits here ({place})"
        file = _same(offered, wanted)
        if file is None:
            return wanted if self.holds(wanted) else None, f"{wanted.filename} is gone from the index"
        return file, _yanked(file)


def pins(lock: Lock, text: str) -> Mapping[NormalizedName, LockedPin]:
    """Return what *text*, the file on disk, pins, and at the version it has, what the runtime provides."""
    found = {pin.name: pin for pin in parse_damaged(text)[0].pins}
    begun = {line.split()[0] for line in text.splitlines() if line.strip()}
    for kept in lock.selection.kept:
        # Its line is there, although a line beneath it is not, so that the whole of it cannot be read.
        candidate = kept.candidate
        if candidate.name not in found and f"{candidate.name}=={candidate.version}" in begun:
            found[candidate.name] = recorded(lock, candidate.name)
    return {**{name: recorded(lock, name) for name in lock.resolution.provided}, **found}


def recorded(lock: Lock, name: NormalizedName) -> LockedPin:
    """Return the pin of *name* that *lock* records."""
    candidate = lock.resolution.pins[name]
    digests = frozenset(file.sha256 for file in pinned(candidate) if file.sha256)
    return LockedPin(name=name, version=candidate.version, hashes=digests, line=0)


def withdrawn(index: Index, candidates: Iterable[Candidate]) -> Mapping[str, str]:
    """Return the pinned files that were yanked or are gone, by name: ``yanked: broken``, ``gone from the index``.

    Raises the index failures.
    """
    candidates = tuple(candidates)
    index.prefetch(sorted(candidate.name for candidate in candidates))
    found: dict[str, str] = {}
    for candidate in candidates:
        files = _named(index, candidate)
        for file in pinned(candidate):
            there = _same(files, file)
            if there is None:
                found[file.filename] = "gone from the index"
            elif there.yanked is not None:
                found[file.filename] = f"yanked: {there.yanked}" if there.yanked else "yanked"
    return found


def fitting(candidate: Candidate, platform: Platform) -> Wheel | Sdist | None:
    """Return the pinned file that an installer takes on *platform*; ``None`` where none fits."""
    return _liked(pinned(candidate), platform)


def offered(index: Index, candidate: Candidate) -> tuple[Wheel | Sdist | None, ...]:
    """Return the pinned files as the index has them now, in order; ``None`` for what is gone."""
    there = _offered(index, candidate.name, candidate.version)
    return tuple(_same(there, file) for file in pinned(candidate))


def _offered(index: Index, name: NormalizedName, version: Version) -> tuple[Wheel | Sdist, ...]:
    """The files of a version, none where the index has no such version or project (any more)."""
    try:
        return index.releases(name).get(version, ())
    except ProjectNotFound:
        return ()


def _named(index: Index, candidate: Candidate) -> tuple[Wheel | Sdist, ...]:
    """The files that are pinned, as far as the index has them (any more)."""
    try:
        return index.named(candidate.name, [file.filename for file in pinned(candidate)])
    except ProjectNotFound:
        return ()


def _same(files: Collection[Wheel | Sdist], file: Wheel | Sdist) -> Wheel | Sdist | None:
    """*file* as the index offers it; where the index tells no hash the name counts, and the store checks."""
    for each in files:
        if each.filename == file.filename and each.sha256 in {file.sha256, None}:
            return replace(each, sha256=file.sha256)
    return None


def _liked(files: Iterable[Wheel | Sdist], platform: Platform) -> Wheel | Sdist | None:
    """What an installer takes of *files*: the wheel whose tag is most wanted, else the source."""
    files = tuple(files)
    ranks: dict[Tag, int] = {tag: rank for rank, tag in reversed(list(enumerate(platform.tags)))}
    wheels = [file for file in files if isinstance(file, Wheel) and not file.tags.isdisjoint(ranks)]
    if wheels:
        return min(wheels, key=lambda wheel: (min(ranks[tag] for tag in wheel.tags if tag in ranks), wheel.filename))
    return next((file for file in files if isinstance(file, Sdist)), None)


def _yanked(file: Wheel | Sdist) -> str:
    if file.yanked is None:
        return ""
    return f"{file.filename} is yanked" + (f": {file.yanked}" if file.yanked else "")
