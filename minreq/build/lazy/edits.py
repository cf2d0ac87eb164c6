"""The edits of a tree, as values: which imports are deferred, and what that takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from minreq.build.lazy.rewrite import rewrite
from minreq.build.lazy.sourcemodule import SourceModule

#: A module, and a name that it imports.
Edit = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSet:
    """Deferred imports, and what keeps the other modules working."""

    names: frozenset[Edit] = frozenset()
    #: By package: the submodules that the import no longer loads.
    submodules: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: By edit: modules with effects, which are loaded at its place.
    loads: Mapping[Edit, frozenset[str]] = field(default_factory=dict)

    def with_names(self, names: Iterable[Edit]) -> EditSet:
        """Return the set with these *names* alone; the rest stays as far as it has a place."""
        kept = frozenset(names)
        return replace(self, names=kept, loads={each: its for each, its in self.loads.items() if each in kept})

    @property
    def by_module(self) -> Mapping[str, frozenset[str]]:
        """The deferred names of each module."""
        found: dict[str, set[str]] = defaultdict(set)
        for module, name in self.names:
            found[module].add(name)
        return {module: frozenset(names) for module, names in found.items()}

    def rewrite(self, modules: Mapping[str, SourceModule], only: Iterable[str] | None = None) -> Mapping[str, bytes]:
        """Return the new sources of the *modules* that change; *only* of these, if they are named.

        A module that cannot be rewritten for sure is left out.
        """
        by_module, found = self.by_module, {}
        wanted = (by_module.keys() | self.submodules.keys()) & modules.keys()
        for module in sorted(wanted if only is None else wanted & frozenset(only)):
            loads = {name: its for (owner, name), its in self.loads.items() if owner == module}
            text = rewrite(
                modules[module], by_module.get(module, ()), submodules=self.submodules.get(module, ()), loads=loads
            )
            if text is not None:
                found[module] = text
        return found
