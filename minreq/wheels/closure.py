"""The closure as far as it is known: who owns what, where it lies, and which extra supplies what it lacks."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import HostileWheel, IndexFailure, ResolutionFailure
from minreq.model import Candidate, Member, Metadata, Resolution, Wheel
from minreq.wheels.importmap import ImportMap, Modules, import_map, modules

#: How many wheels are looked into at once.
_AT_ONCE = 16
_ENTRY_POINTS = re.compile(r"[^/]+\.dist-info/entry_points\.txt")


class Index(Protocol):
    """What the closure reads of wheels that are not downloaded."""

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        """Return the files of *wheel*."""

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return the core metadata of *wheel*."""

    def read(self, wheel: Wheel, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the contents of some files in *wheel*."""


class Store(Protocol):
    """What the closure needs of the store."""

    def holds(self, wheel: Wheel) -> bool:
        """Whether *wheel* is here, so that it has not to be fetched."""

    def unpacked(self, wheel: Wheel) -> Path:
        """Return the folder with what *wheel* installs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extra:
    """An extra that nobody asked for yet."""

    #: ``litellm[mcp]``.
    requirement: str
    #: The projects that it requires itself.
    requires: frozenset[NormalizedName]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extension:
    """What an extra would bring."""

    requirement: str
    resolution: Resolution
    #: The distributions that are not there yet, sorted.
    new: tuple[NormalizedName, ...]


class Closure:
    """The distributions that may be asked for; grows by an extra at a hard miss. Usable from several threads.

    *extend* resolves one more requirement with all pins kept.
    """

    def __init__(
        self,
        resolution: Resolution,
        index: Index,
        store: Store,
        extend: Callable[[Resolution, Requirement], Resolution],
    ) -> None:
        self._index = index
        self._store = store
        self._extend = extend
        self._lock = threading.RLock()
        self._supplied: dict[tuple[str, NormalizedName | None], NormalizedName | None] = {}
        self._extended: dict[tuple[str, frozenset[NormalizedName]], _Extension] = {}
        self._modules_of: dict[Wheel, Modules] = {}
        self._sizes: dict[Wheel, int] = {}
        self._entry_points: dict[Wheel, tuple[str, str] | None] = {}
        self._sources: dict[Wheel, int] = {}
        self._owner_by_hash: dict[str, NormalizedName] = {}
        self.resolution = resolution
        self.import_map = ImportMap(owners={}, shared={})
        self._adopt(resolution)

    def candidate(self, name: NormalizedName) -> Candidate:
        """Return the pin of *name*."""
        return self.resolution.pins[name]

    def unpacked(self, name: NormalizedName) -> Path:
        """Return the folder that makes *name* importable, fetching it if need be."""
        return self._store.unpacked(self.candidate(name).wheel)

    def bytes(self, name: NormalizedName) -> int:
        """Return what *name* installs to, in bytes."""
        return self._sizes[self.candidate(name).wheel]

    def sources(self, name: NormalizedName) -> int:
        """Return what of that are files of Python, in bytes."""
        return self._sources[self.candidate(name).wheel]

    def entry_points(self) -> Mapping[NormalizedName, tuple[str, str]]:
        """Return each ``.dist-info`` with an ``entry_points.txt``, and its text, read without downloading a wheel."""
        with self._lock:
            wheels = {name: pin.wheel for name, pin in self.resolution.pins.items()}
            new = [wheel for wheel in wheels.values() if wheel not in self._entry_points]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                self._entry_points.update(zip(new, pool.map(self._read_entry_points, new), strict=True))
            found = ((name, self._entry_points[wheel]) for name, wheel in sorted(wheels.items()))
            return {name: each for name, each in found if each is not None}

    def _read_entry_points(self, wheel: Wheel) -> tuple[str, str] | None:
        for member in self._index.members(wheel):
            if _ENTRY_POINTS.fullmatch(member.path):
                return member.path.partition("/")[0], self._text(wheel, member.path)
        return None

    def _text(self, wheel: Wheel, path: str) -> str:
        if self._store.holds(wheel):
            # One that is refused is only listed here, as it is where it was never downloaded.
            with suppress(HostileWheel):
                return (self._store.unpacked(wheel) / path).read_text("utf-8", "replace")
        return self._index.read(wheel, [path])[path].decode("utf-8", "replace")

    def owner_of(self, sha256: str) -> NormalizedName | None:
        """Return the distribution whose wheel has that hash."""
        return self._owner_by_hash.get(sha256)

    def take(self, requirement: Requirement) -> None:
        """Adopt what an extra brings, ``litellm[mcp]``, as it was once supplied; nothing where it cannot be had."""
        with self._lock:
            extension = self._extension(str(requirement))
            if extension is not None:
                self._adopt(extension.resolution)

    def supply(self, module: str, importer: NormalizedName | None) -> NormalizedName | None:
        """Look for *module* in the extras of its *importer* and of the root; the one that brings least is adopted.

        Returns the distribution that owns the module, ``None`` when no extra brings it.
        """
        with self._lock:
            owner = self.import_map.owner(module)  # Another run may have asked in the meantime.
            key = (module, importer)
            if owner is None and key not in self._supplied:
                self._supplied[key] = self._look_into_extras(module, importer)
            return owner or self._supplied[key]

    def _look_into_extras(self, module: str, importer: NormalizedName | None) -> NormalizedName | None:
        asked = list(dict.fromkeys(name for name in (importer, self.resolution.root) if name is not None))
        extras = [extra for name in asked for extra in self._extras(name)]
        project = canonicalize_name(module.partition(".")[0])
        # An extra that names the project itself comes before one that brings it along: it never brings more.
        for promising in (True, False):
            likely = [extra for extra in extras if (project in extra.requires) is promising]
            found = self._smallest(likely, module)
            if found is not None:
                name, extension = found
                self._adopt(extension.resolution)
                return name
        return None

    def _extras(self, name: NormalizedName) -> list[_Extra]:
        metadata = self._index.metadata(self.candidate(name).wheel)
        return [
            _Extra(requirement=f"{name}[{extra}]", requires=_required_by(metadata, extra))
            for extra in sorted(metadata.extras)
        ]

    def _smallest(self, extras: Iterable[_Extra], module: str) -> tuple[NormalizedName, _Extension] | None:
        """Return who supplies *module*, and the extension that brings least of those in which somebody does.

        An extra brings at least what it requires itself. So the one that requires least is resolved first, and of the
        others only what could bring as little as it does.
        """
        at_least = {extra.requirement: len(extra.requires - self.resolution.pins.keys()) for extra in extras}
        order = sorted(at_least, key=lambda each: (at_least[each], each))
        found: list[tuple[int, str, NormalizedName, _Extension]] = []
        for batch in (order[:1], order[1:]):
            bound = min((size for size, *_ in found), default=None)
            tried = [each for each in batch if bound is None or at_least[each] <= bound]
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                extensions = [extension for extension in pool.map(self._extension, tried) if extension is not None]
            for extension in extensions:
                for name in extension.new:
                    if self._modules(extension.resolution, name).get(module):
                        found.append((len(extension.new), extension.requirement, name, extension))
                        break
        if not found:
            return None
        _, _, name, extension = min(found, key=lambda each: each[:2])
        return name, extension

    def _extension(self, requirement: str) -> _Extension | None:
        key = requirement, frozenset(self.resolution.pins)
        if key not in self._extended:
            try:
                resolution = self._extend(self.resolution, Requirement(requirement))
            except (ResolutionFailure, IndexFailure):
                return None  # An extra that cannot be had supplies nothing; the smoke will say what it lacks.
            new = tuple(name for name in resolution.pins if name not in self.resolution.pins)
            self._extended[key] = _Extension(requirement=requirement, resolution=resolution, new=new)
        return self._extended[key]

    def _adopt(self, resolution: Resolution) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = list(resolution.pins)
            modules = pool.map(lambda name: self._modules(resolution, name), names)
            owned = import_map(dict(zip(names, modules, strict=True)))
        self._owner_by_hash.update({str(pin.wheel.sha256): name for name, pin in resolution.pins.items()})
        self.resolution = resolution
        # Last: other runs read it without the lock, and look up what they find in it.
        self.import_map = owned

    def _modules(self, resolution: Resolution, name: NormalizedName) -> Modules:
        wheel = resolution.pins[name].wheel
        if wheel not in self._modules_of:
            members = self._index.members(wheel)
            self._sizes[wheel] = sum(member.size for member in members)
            self._sources[wheel] = sum(member.size for member in members if member.path.endswith(".py"))
            self._modules_of[wheel] = modules(members)
        return self._modules_of[wheel]


def _required_by(metadata: Metadata, extra: str) -> frozenset[NormalizedName]:
    """Return the projects that *extra* itself requires."""
    return frozenset(
        canonicalize_name(requirement.name)
        for requirement in metadata.requires
        if requirement.marker is not None
        and requirement.marker.evaluate({"extra": extra})
        and not requirement.marker.evaluate({"extra": ""})
    )
