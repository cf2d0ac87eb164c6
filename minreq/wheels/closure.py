"""The closure: its distributions, the owners of its modules, and the extras that can supply missing modules."""

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
from minreq.model.parsing import parse_requirement
from minreq.wheels.importmap import ImportMap, Modules, import_map, modules
from minreq.wheels.rules import installed_path, is_start_up_file

#: How many wheels are read at the same time.
_MAX_THREADS = 16
_ENTRY_POINTS = re.compile(r"[^/]+\.dist-info/entry_points\.txt")


class Index(Protocol):
    """Reads wheels without downloading them."""

    def members(self, wheel: Wheel) -> tuple[Member, ...]:
        """Return the files of *wheel*."""

    def metadata(self, wheel: Wheel) -> Metadata:
        """Return the core metadata of *wheel*."""

    def read(self, wheel: Wheel, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Return the contents of some files in *wheel*."""


class Store(Protocol):
    """The part of the wheel store that the closure uses."""

    def holds(self, wheel: Wheel) -> bool:
        """Whether the store has *wheel*, so that it is not downloaded."""

    def unpack(self, wheel: Wheel) -> Path:
        """Return the folder with the modules that *wheel* installs."""

    def unpack_tree(self, wheel: Wheel) -> Path:
        """Return the folder with all files that *wheel* installs."""

    def allows_start_up(self, wheel: Wheel) -> bool:
        """Whether the start-up files of *wheel* may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extra:
    """An extra that was not requested."""

    #: ``litellm[mcp]``.
    requirement: str
    #: The projects that the extra itself requires.
    requires: frozenset[NormalizedName]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extension:
    """The closure projects by an extra."""

    requirement: str
    resolution: Resolution
    #: The distributions that the extra adds, sorted.
    new: tuple[NormalizedName, ...]


class Closure:
    """The distributions that a child may ask for. It grows by an extra that the smoke needs; threads may share it.

    *extend* resolves one more requirement and keeps all pins.
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
        self._owner_by_question: dict[tuple[str, NormalizedName | None], NormalizedName | None] = {}
        self._extensions: dict[tuple[str, frozenset[NormalizedName]], _Extension] = {}
        self._modules_of: dict[Wheel, Modules] = {}
        self._installed_bytes: dict[Wheel, int] = {}
        self._entry_points: dict[Wheel, tuple[str, str] | None] = {}
        self._source_bytes: dict[Wheel, int] = {}
        self._owner_by_hash: dict[str, NormalizedName] = {}
        self.resolution = resolution
        self.import_map = ImportMap(owners={}, shared={})
        self._adopt(resolution)

    def candidate(self, name: NormalizedName) -> Candidate:
        """Return the pin of *name*."""
        return self.resolution.pins[name]

    def unpack(self, name: NormalizedName) -> Path:
        """Return the folder to import *name* from; download the wheel if needed."""
        return self._store.unpack(self.candidate(name).wheel)

    def unpack_tree(self, name: NormalizedName) -> tuple[Path, bool]:
        """Return the folder of all that *name* installs, and whether its start-up files may run."""
        wheel = self.candidate(name).wheel
        return self._store.unpack_tree(wheel), self._store.allows_start_up(wheel)

    def find_refused_start_up(self) -> tuple[NormalizedName, ...]:
        """Return the distributions with start-up files that may not run, sorted."""
        found = (
            name
            for name, pin in self.resolution.pins.items()
            if not self._store.allows_start_up(pin.wheel)
            and any(_is_start_up(member.path) for member in self._index.members(pin.wheel))
        )
        return tuple(sorted(found))

    def installed_bytes(self, name: NormalizedName) -> int:
        """Return the bytes that *name* installs."""
        return self._installed_bytes[self.candidate(name).wheel]

    def source_bytes(self, name: NormalizedName) -> int:
        """Return the bytes of Python source that *name* installs."""
        return self._source_bytes[self.candidate(name).wheel]

    def entry_points(self) -> Mapping[NormalizedName, tuple[str, str]]:
        """Return each ``.dist-info`` that has an ``entry_points.txt``, with its text; no wheel is downloaded for it."""
        with self._lock:
            wheels = {name: pin.wheel for name, pin in self.resolution.pins.items()}
            new = [wheel for wheel in wheels.values() if wheel not in self._entry_points]
            with ThreadPoolExecutor(_MAX_THREADS) as pool:
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
            # A wheel that a rule refuses is read at the index instead, as one that was never downloaded.
            with suppress(HostileWheel):
                return (self._store.unpack(wheel) / path).read_text("utf-8", "replace")
        return self._index.read(wheel, [path])[path].decode("utf-8", "replace")

    def owner_of(self, sha256: str) -> NormalizedName | None:
        """Return the distribution whose wheel has the hash *sha256*."""
        return self._owner_by_hash.get(sha256)

    def add_extra(self, requirement: Requirement) -> None:
        """Add the distributions of an extra such as ``litellm[mcp]``; nothing when it cannot be resolved."""
        with self._lock:
            extension = self._extension(str(requirement))
            if extension is not None:
                self._adopt(extension.resolution)

    def supply(self, module: str, importer: NormalizedName | None) -> NormalizedName | None:
        """Search *module* in the extras of its *importer* and of the root, and add the smallest extra that has it.

        Return the distribution that owns the module, ``None`` when no extra has it.
        """
        with self._lock:
            owner = self.import_map.owner(module)  # Another run may have added it in the meantime.
            key = (module, importer)
            if owner is None and key not in self._owner_by_question:
                self._owner_by_question[key] = self._search_extras(module, importer)
            return owner or self._owner_by_question[key]

    def extra_with(self, module: str) -> str | None:
        """Return the smallest extra of any distribution that has *module* and requires the project of that name.

        The closure does not grow. Other extras are not looked into: to resolve all of a large closure takes minutes.
        """
        project = canonicalize_name(module.partition(".")[0])
        # It improves an error, which an index that fails must not replace.
        with self._lock, suppress(IndexFailure):
            extras = [extra for name in self.resolution.pins for extra in self._extras(name)]
            found = self._smallest_extension([each for each in extras if project in each.requires], module)
            return None if found is None else found[1].requirement
        return None

    def _search_extras(self, module: str, importer: NormalizedName | None) -> NormalizedName | None:
        projects = list(dict.fromkeys(name for name in (importer, self.resolution.root) if name is not None))
        extras = [extra for name in projects for extra in self._extras(name)]
        project = canonicalize_name(module.partition(".")[0])
        # An extra that requires the project itself never adds more than one that requires it through others.
        for names_project in (True, False):
            candidates = [extra for extra in extras if (project in extra.requires) is names_project]
            found = self._smallest_extension(candidates, module)
            if found is not None:
                name, extension = found
                self._adopt(extension.resolution)
                return name
        return None

    def _extras(self, name: NormalizedName) -> list[_Extra]:
        metadata = self._index.metadata(self.candidate(name).wheel)
        return [
            _Extra(requirement=f"{name}[{extra}]", requires=_requirements_of_extra(metadata, extra))
            for extra in sorted(metadata.extras)
        ]

    def _smallest_extension(self, extras: Iterable[_Extra], module: str) -> tuple[NormalizedName, _Extension] | None:
        """Return the owner of *module* and the smallest extension that has it.

        An extra adds at least what it requires itself. So the extra with the fewest requirements is resolved first, and
        then only those that could add as few distributions.
        """
        at_least = {extra.requirement: len(extra.requires - self.resolution.pins.keys()) for extra in extras}
        order = sorted(at_least, key=lambda each: (at_least[each], each))
        found: list[tuple[int, str, NormalizedName, _Extension]] = []
        for batch in (order[:1], order[1:]):
            bound = min((size for size, *_ in found), default=None)
            to_resolve = [each for each in batch if bound is None or at_least[each] <= bound]
            with ThreadPoolExecutor(_MAX_THREADS) as pool:
                extensions = [extension for extension in pool.map(self._extension, to_resolve) if extension is not None]
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
        if key not in self._extensions:
            try:
                resolution = self._extend(self.resolution, parse_requirement(requirement))
            except (ResolutionFailure, IndexFailure):
                return None  # Such an extra supplies nothing; the smoke will show what is missing.
            new = tuple(name for name in resolution.pins if name not in self.resolution.pins)
            self._extensions[key] = _Extension(requirement=requirement, resolution=resolution, new=new)
        return self._extensions[key]

    def _adopt(self, resolution: Resolution) -> None:
        with ThreadPoolExecutor(_MAX_THREADS) as pool:
            names = list(resolution.pins)
            modules = pool.map(lambda name: self._modules(resolution, name), names)
            new_map = import_map(dict(zip(names, modules, strict=True)))
        self._owner_by_hash.update({str(pin.wheel.sha256): name for name, pin in resolution.pins.items()})
        self.resolution = resolution
        # Set last: other runs read it without the lock, and look up its names in the resolution.
        self.import_map = new_map

    def _modules(self, resolution: Resolution, name: NormalizedName) -> Modules:
        wheel = resolution.pins[name].wheel
        if wheel not in self._modules_of:
            members = self._index.members(wheel)
            self._installed_bytes[wheel] = sum(member.size for member in members)
            self._source_bytes[wheel] = sum(member.size for member in members if member.path.endswith(".py"))
            self._modules_of[wheel] = modules(members)
        return self._modules_of[wheel]


def _is_start_up(path: str) -> bool:
    place = installed_path(path)
    return "/" not in place and is_start_up_file(place)


def _requirements_of_extra(metadata: Metadata, extra: str) -> frozenset[NormalizedName]:
    """Return the projects that *extra* itself requires."""
    return frozenset(
        canonicalize_name(requirement.name)
        for requirement in metadata.requires
        if requirement.marker is not None
        and requirement.marker.evaluate({"extra": extra})
        and not requirement.marker.evaluate({"extra": ""})
    )
