"""What the smoke runs with and the lock does not hold: its tools, and what they hide of what the program needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.minimize.hints import dotted_imports, is_hard
from minreq.model import Frame, Masked, Resolution
from minreq.wheels.importmap import ImportMap

Extend = Callable[[Resolution, Requirement], Resolution]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The tools of a smoke, with all that they require."""

    #: The closure with the tools in it.
    resolution: Resolution
    #: What is there in every run.
    names: frozenset[NormalizedName] = frozenset()
    #: Those of them that the program has nothing to do with.
    foreign: frozenset[NormalizedName] = frozenset()

    @property
    def masked(self) -> frozenset[NormalizedName]:
        """What the program may need and no run goes without."""
        return self.names - self.foreign

    def without(self, resolution: Resolution) -> Resolution:
        """Return *resolution*, which may have grown since, without the foreign ones."""
        if not self.names:
            return resolution

        def own(names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
            return frozenset(names) - self.foreign

        return replace(
            resolution,
            pins={name: pin for name, pin in resolution.pins.items() if name not in self.foreign},
            requires={who: own(what) for who, what in resolution.requires.items() if who not in self.foreign},
            extras={name: extra for name, extra in resolution.extras.items() if name not in self.foreign},
        )


def tools(resolution: Resolution, wanted: Iterable[Requirement], extend: Extend) -> Tools:
    """Resolve the *wanted* tools beside *resolution*, whose pins stay; raises as *extend* does."""
    grown = resolution
    names: set[NormalizedName] = set()
    for requirement in wanted:
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


def unmasked(
    masked: frozenset[NormalizedName],
    kept: frozenset[NormalizedName],
    *,
    loaded: Mapping[str, Frame | None],
    import_map: ImportMap,
    owner: Callable[[str], NormalizedName | None],
    name_place: Callable[[str], str],
) -> dict[NormalizedName, Masked]:
    """Return those of *masked* that code of what is *kept*, or of one of them, imports without a handler.

    *loaded* are the files that ran, *owner* tells whose each is.
    """
    found: dict[NormalizedName, Masked] = {}
    files = {file: whose for file in sorted(loaded) if (whose := owner(file)) is not None}
    changed = bool(masked)
    while changed:
        changed = False
        for file, whose in files.items():
            if whose not in kept and whose not in found:
                continue
            for module, line in dotted_imports(Path(file).read_bytes(), file):
                name = next(iter(import_map.owners.get(module, ())), None)
                if name is None or name not in masked - found.keys() - kept:
                    continue
                if is_hard(file, line, loaded):
                    found[name] = Masked(distribution=name, place=f"{name_place(file)}:{line}")
                    changed = True
    return found
