"""The tools of the smoke, which the lock omits, and the needed distributions that they hide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.minimize.hints import imports_with_packages, is_unguarded
from minreq.model import Frame, Masked, Resolution
from minreq.smoke.tools import ToolPlaces, own_folder
from minreq.system import temporary
from minreq.wheels.closure import Closure
from minreq.wheels.importmap import ImportMap
from minreq.wheels.store import Store

Extend = Callable[[Resolution, Requirement], Resolution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools of a smoke with their dependencies."""

    #: The closure, with the tools.
    resolution: Resolution
    #: The tools that the user names.
    named: frozenset[NormalizedName] = frozenset()
    #: The tools with all that they require.
    names: frozenset[NormalizedName] = frozenset()
    #: The *names* that are not in the closure of the program.
    foreign: frozenset[NormalizedName] = frozenset()
    #: Whether the tools use what the program declares too, and have no copy of their own.
    joined: bool = False

    @property
    def shared(self) -> frozenset[NormalizedName]:
        """The tools in the closure of the program, which may need them."""
        return self.names - self.foreign

    @property
    def installed(self) -> frozenset[NormalizedName]:
        """The tools that the program finds too in every run, whether it needs them or not."""
        return self.shared if self.joined else frozenset()

    @contextmanager
    def place(self, closure: Closure, store: Store) -> Iterator[ToolPlaces | None]:
        """Unpack the tools beside the program of *closure*, and remove at the end what only these runs need."""
        names = sorted(self.names - self.installed)
        if not names:
            yield None
            return
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        with temporary.folder(store.scratch_folder) as scratch, ThreadPoolExecutor() as pool:
            wheels = [self.resolution.pins[name].wheel for name in names]
            folders = dict(zip(names, pool.map(store.unpack, wheels), strict=True))
            yield ToolPlaces(
                folders={name: own_folder(each, scratch / name, name in self.shared) for name, each in folders.items()},
                shared=self.shared - self.installed,
                named=self.named,
                program_modules=lambda: (*closure.import_map.owners, *closure.import_map.shared),
            )


def resolve_tools(resolution: Resolution, requirements: Iterable[Requirement], extend: Extend) -> Tools:
    """Resolve the *requirements* of tools in addition to *resolution*; its pins stay. Raise as *extend* does."""
    grown = resolution
    names: set[NormalizedName] = set()
    named: set[NormalizedName] = set()
    for requirement in requirements:
        grown = extend(grown, requirement)
        waiting = [canonicalize_name(requirement.name)]
        named.update(waiting)
        while waiting:
            name = waiting.pop()
            if name not in names and name in grown.pins:
                names.add(name)
                waiting += grown.requires.get(name, ())
    return Tools(
        resolution=grown,
        named=frozenset(named),
        names=frozenset(names),
        foreign=frozenset(grown.pins.keys() - resolution.pins.keys()),
    )


def find_masked(
    shared: frozenset[NormalizedName],
    kept: frozenset[NormalizedName],
    *,
    loaded: Mapping[str, Frame | None],
    import_map: ImportMap,
    owner: Callable[[str], NormalizedName | None],
    name_place: Callable[[str], str],
) -> dict[NormalizedName, Masked]:
    """Return those of *shared* that *kept* code, or code of another result, imports without a handler.

    *loaded* are the files that ran; *owner* returns the distribution of a file.
    """
    masked: dict[NormalizedName, Masked] = {}
    files = {file: distribution for file in sorted(loaded) if (distribution := owner(file)) is not None}
    changed = bool(shared)
    while changed:
        changed = False
        for file, distribution in files.items():
            if distribution not in kept and distribution not in masked:
                continue
            for module, line in imports_with_packages(Path(file).read_bytes(), file):
                name = next(iter(import_map.owners.get(module, ())), None)
                if name is None or name not in shared - masked.keys() - kept:
                    continue
                if is_unguarded(file, line, loaded):
                    masked[name] = Masked(distribution=name, place=f"{name_place(file)}:{line}")
                    changed = True
    return masked
