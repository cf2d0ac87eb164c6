"""Finds the files that a lock pins in the index."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from packaging.markers import Marker
from packaging.tags import Tag
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.errors import ProjectNotFound
from minreq.lockfile.platformmarkers import pin_marker
from minreq.lockfile.requirements import LockedPin, parse_leniently, pinned_files
from minreq.model import Candidate, Lock, Platform, Sdist, Wheel


class Index(Protocol):
    """The part of an index client that the finder uses."""

    def releases(self, name: NormalizedName, /) -> Mapping[Version, tuple[Wheel | Sdist, ...]]:
        """Return every file of a project by version; raise `ProjectNotFound` and the other index failures."""
        ...

    def files_named(self, name: NormalizedName, filenames: Collection[str], /) -> tuple[Wheel | Sdist, ...]:
        """Return the files of a project with these names; raise as `releases` does."""
        ...

    def prefetch(self, names: Iterable[NormalizedName], /) -> None:
        """Start to read the pages of *names* in the background."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The files that a lock installs."""

    #: By name; with the files as the index lists them now.
    candidates: Mapping[NormalizedName, Candidate]
    #: A sentence for each file that is missing or yanked.
    faults: tuple[str, ...] = ()
    #: Those of *faults* whose files are not available, not even in the store. Without them a run proves nothing.
    unavailable: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all pinned files are available."""
        return not self.unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedFileFinder:
    """Finds pinned files."""

    index: Index
    #: The platform to install on.
    platform: Platform
    #: Builds a wheel for *platform*.
    build: Callable[[Sdist], Wheel]
    #: Whether the store has a file.
    holds: Callable[[Wheel | Sdist], bool]

    def find(self, lock: Lock, pins: Mapping[NormalizedName, LockedPin]) -> Installation:
        """Find each of *pins* by version and hash, and build what has to be built.

        For a version of *lock* the hashes of *lock* are used; `find_edits` reports hashes that are missing in the file.
        Raises the index failures, and what *build* raises.
        """
        self.index.prefetch(sorted(pins))
        candidates: dict[NormalizedName, Candidate] = {}
        faults: list[str] = []
        unavailable: list[str] = []
        needed = {name: pin for name, pin in sorted(pins.items()) if self._needs(pin)}
        for name, pin in needed.items():
            recorded = lock.resolution.pins.get(name)
            known = recorded if recorded is not None and recorded.version == pin.version else None
            file, fault = self._file(pin, known)
            faults += [fault] if fault else []
            if file is None:
                unavailable.append(fault)
            else:
                wheel = self.build(file) if isinstance(file, Sdist) else file
                candidates[name] = Candidate(name=name, version=pin.version, wheel=wheel, wheels=(wheel,))
        return Installation(candidates=candidates, faults=tuple(faults), unavailable=tuple(unavailable))

    def _needs(self, pin: LockedPin) -> bool:
        """Return whether an installer on the platform installs *pin*."""
        return pin.marker is None or Marker(pin.marker).evaluate({**self.platform.markers, "extra": ""})

    def _file(self, pin: LockedPin, known: Candidate | None) -> tuple[Wheel | Sdist | None, str]:
        """Return the file to install, and the fault of it or ""."""
        files = _release_files(self.index, pin.name, pin.version)
        if known is None:
            matching = (file for file in files if file.sha256 in pin.hashes)
            file = _choose_file(matching, self.platform)
            fault = f"the index has no file of {pin.name} {pin.version} that fits and has a hash of the lock"
            return file, _yanked_fault(file) if file else fault
        pinned_file = _choose_file(pinned_files(known), self.platform)
        if pinned_file is None:
            place = f"Python {self.platform.python_version}, {self.platform.markers['platform_machine']}"
            return None, f"no pinned file of {pin.name} {pin.version} fits here ({place})"
        file = _find_same_file(files, pinned_file)
        if file is None:
            return pinned_file if self.holds(pinned_file) else None, f"{pinned_file.filename} is gone from the index"
        return file, _yanked_fault(file)


def read_pins(lock: Lock, text: str) -> Mapping[NormalizedName, LockedPin]:
    """Return the pins in *text*, the file on disk, and those of the distributions that the runtime provides."""
    pins = {pin.name: pin for pin in parse_leniently(text)[0].pins}
    first_words = {line.split()[0] for line in text.splitlines() if line.strip()}
    for kept in lock.selection.kept:
        # The line of the pin is there, but a line below was edited, so the pin cannot be parsed.
        candidate = kept.candidate
        if candidate.name not in pins and f"{candidate.name}=={candidate.version}" in first_words:
            pins[candidate.name] = recorded_pin(lock, candidate.name)
    return {**{name: recorded_pin(lock, name) for name in lock.resolution.provided}, **pins}


def recorded_pin(lock: Lock, name: NormalizedName) -> LockedPin:
    """Return the pin of *name* in *lock*."""
    candidate = lock.resolution.pins[name]
    digests = frozenset(file.sha256 for file in pinned_files(candidate) if file.sha256)
    marker = pin_marker(candidate, lock)
    return LockedPin(name=name, version=candidate.version, hashes=digests, line=0, marker=marker)


def find_withdrawn_files(index: Index, candidates: Iterable[Candidate]) -> Mapping[str, str]:
    """Return the pinned files that were yanked or are gone, by name: ``yanked: broken``, ``gone from the index``.

    Raises the index failures.
    """
    candidates = tuple(candidates)
    index.prefetch(sorted(candidate.name for candidate in candidates))
    withdrawn: dict[str, str] = {}
    for candidate in candidates:
        files = _files_by_name(index, candidate)
        for file in pinned_files(candidate):
            current = _find_same_file(files, file)
            if current is None:
                withdrawn[file.filename] = "gone from the index"
            elif current.yanked is not None:
                withdrawn[file.filename] = f"yanked: {current.yanked}" if current.yanked else "yanked"
    return withdrawn


def choose_file(candidate: Candidate, platform: Platform) -> Wheel | Sdist | None:
    """Return the pinned file that an installer takes on *platform*; ``None`` if none fits."""
    return _choose_file(pinned_files(candidate), platform)


def find_pinned_files(index: Index, candidate: Candidate) -> tuple[Wheel | Sdist | None, ...]:
    """Return the pinned files as the index lists them now, in order; ``None`` for a file that is gone."""
    files = _release_files(index, candidate.name, candidate.version)
    return tuple(_find_same_file(files, file) for file in pinned_files(candidate))


def _release_files(index: Index, name: NormalizedName, version: Version) -> tuple[Wheel | Sdist, ...]:
    """Return the files of a version; none if the index no longer has the version or the project."""
    try:
        return index.releases(name).get(version, ())
    except ProjectNotFound:
        return ()


def _files_by_name(index: Index, candidate: Candidate) -> tuple[Wheel | Sdist, ...]:
    """Return the pinned files that the index still has."""
    try:
        return index.files_named(candidate.name, [file.filename for file in pinned_files(candidate)])
    except ProjectNotFound:
        return ()


def _find_same_file(files: Collection[Wheel | Sdist], file: Wheel | Sdist) -> Wheel | Sdist | None:
    """Return *file* as the index lists it. Without a hash in the index the name decides; the store checks the hash."""
    for each in files:
        if each.filename == file.filename and each.sha256 in {file.sha256, None}:
            return replace(each, sha256=file.sha256)
    return None


def _choose_file(files: Iterable[Wheel | Sdist], platform: Platform) -> Wheel | Sdist | None:
    """Return the file that an installer takes: the wheel with the best tag, else the source distribution."""
    files = tuple(files)
    ranks: dict[Tag, int] = {tag: rank for rank, tag in reversed(list(enumerate(platform.tags)))}
    wheels = [file for file in files if isinstance(file, Wheel) and not file.tags.isdisjoint(ranks)]
    if wheels:
        return min(wheels, key=lambda wheel: (min(ranks[tag] for tag in wheel.tags if tag in ranks), wheel.filename))
    return next((file for file in files if isinstance(file, Sdist)), None)


def _yanked_fault(file: Wheel | Sdist) -> str:
    if file.yanked is None:
        return ""
    return f"{file.filename} is yanked" + (f": {file.yanked}" if file.yanked else "")
