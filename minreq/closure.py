"""The closure as far as it is known: who owns what, where it lies, and which extra supplies what it lacks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from minreq.errors import IndexFailure, ResolutionFailure
from minreq.importmap import ImportMap, Modules, import_map, modules
from minreq.model import Candidate, Member, Metadata, Resolution, Wheel

#: How many wheels are looked into at once.
_AT_ONCE = 16


class Index(Protocol):
    """What the closure reads of wheels that are not downloaded."""

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        """Return the files of *wheel*."""

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return the core metadata of *wheel*."""


class Store(Protocol):
    """What the closure needs of the store."""

    def unpacked(self, wheel: Wheel) -> Path:
        """Return the folder with what *wheel* installs."""


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
        self._members: dict[NormalizedName, tuple[Member, ...]] = {}
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
        return sum(member.size for member in self._members[name])

    def owner_of(self, sha256: str) -> NormalizedName | None:
        """Return the distribution whose wheel has that hash."""
        return self._owner_by_hash.get(sha256)

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
        asked = dict.fromkeys(name for name in (importer, self.resolution.root) if name is not None)
        requirements = [
            Requirement(f"{name}[{extra}]")
            for name in asked
            for extra in sorted(self._index.metadata(self.candidate(name).wheel).extras)
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            extended = [found for found in pool.map(self._extended, requirements) if found is not None]
        for new, _, resolution in sorted(extended, key=lambda item: (len(item[0]), str(item[1]))):
            found = import_map(self._modules(resolution, [*self.resolution.pins, *new]))
            owner = found.owner(module)
            if owner is not None:
                self._adopt(resolution)
                return owner
        return None

    def _extended(self, requirement: Requirement) -> tuple[tuple[NormalizedName, ...], Requirement, Resolution] | None:
        try:
            resolution = self._extend(self.resolution, requirement)
        except (ResolutionFailure, IndexFailure):
            return None  # An extra that cannot be had supplies nothing; the smoke will say what it lacks.
        return tuple(name for name in resolution.pins if name not in self.resolution.pins), requirement, resolution

    def _adopt(self, resolution: Resolution) -> None:
        self.import_map = import_map(self._modules(resolution, resolution.pins))
        self._owner_by_hash.update({str(pin.wheel.sha256): name for name, pin in resolution.pins.items()})
        self.resolution = resolution

    def _modules(self, resolution: Resolution, names: Iterable[NormalizedName]) -> Mapping[NormalizedName, Modules]:
        wanted = list(names)
        unread = [name for name in wanted if name not in self._members]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            read = pool.map(lambda name: self._index.members(resolution.pins[name].wheel), unread)
            self._members.update(zip(unread, read, strict=True))
        return {name: modules(self._members[name]) for name in wanted}
