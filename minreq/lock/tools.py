"""The tools of the smoke, which the lock omits, and the needed distributions that they hide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.minimize.hints import imports_with_packages, is_unguarded
from minreq.model import Frame, Masked, Resolution
from minreq.wheels.importmap import ImportMap

Extend = Callable[[Resolution, Requirement], Resolution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools of a smoke with their dependencies."""

    #: The closure, with the tools.
    resolution: Resolution
    #: Installed in every run.
    names: frozenset[NormalizedName] = frozenset()
    #: The *names* that are not in the closure of the program.
    foreign: frozenset[NormalizedName] = frozenset()

    @property
    def shared(self) -> frozenset[NormalizedName]:
        """The tools in the closure of the program: it may need them, but no run is without them."""
        return self.names - self.foreign

    def without(self, resolution: Resolution) -> Resolution:
        """Return *resolution*, which may have grown, without the foreign tools."""
        if not self.names:
            return resolution

        def keep(names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
            return frozenset(names) - self.foreign

        return replace(
            resolution,
            pins={name: pin for name, pin in resolution.pins.items() if name not in self.foreign},
            requires={who: keep(what) for who, what in resolution.requires.items() if who not in self.foreign},
            extras={name: extra for name, extra in resolution.extras.items() if name not in self.foreign},
        )


def resolve_tools(resolution: Resolution, requirements: Iterable[Requirement], extend: Extend) -> Tools:
    """Resolve the *requirements* of tools in addition to *resolution*; its pins stay. Raise as *extend* does."""
    grown = resolution
    names: set[NormalizedName] = set()
    for requirement in requirements:
        grown = extend(grown, requirement)
        waiting = [canonicalize_name(requirement.name)]
        while waiting:
            name = waiting.pop()
            if name not in names and name in grown.pins:
                names.add(name)
                waiting += grown.requires.get(name, ())
    return Tools(
        resolution=grown, names=frozenset(names), foreign=frozenset(grown.pins.keys() - resolution.pins.keys())
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
