"""The edits of a tree, as values: which imports are deferred, and what that takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from minreq.build.lazy.native import rewrite_natively
from minreq.build.lazy.rewrite import ServedModules, rewrite
from minreq.imports.sourcemodule import SourceModule

#: A module, and a name that it imports.
Edit = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSet:
    """Deferred imports, and what keeps the other modules working."""

    names: frozenset[Edit] = frozenset()
    #: By module: packages, and the modules that are to be attributes of them, though the import no longer loads them.
    submodules: Mapping[str, ServedModules] = field(default_factory=dict)
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

    @property
    def changes(self) -> Mapping[str, ModuleChange]:
        """What changes in each module."""
        loads: dict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        for (module, name), its in self.loads.items():
            loads[module][name] = its
        by_module = self.by_module
        return {
            module: ModuleChange(
                names=by_module.get(module, frozenset()),
                submodules=self.submodules.get(module, ()),
                loads=tuple(sorted(loads[module].items())),
            )
            for module in by_module.keys() | self.submodules.keys()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleChange:
    """What changes in one module."""

    names: frozenset[str]
    submodules: ServedModules
    #: By name, what is loaded in its place.
    loads: tuple[tuple[str, frozenset[str]], ...]


class Rewriter:
    """Rewrites *modules*; what it has rewritten once it keeps."""

    def __init__(self, modules: Mapping[str, SourceModule], *, natively: bool = False) -> None:
        self._modules = modules
        self._natively = natively
        self._last: dict[str, tuple[ModuleChange, bytes]] = {}

    def rewrite(self, edits: EditSet) -> Mapping[str, bytes]:
        """Return the new sources of the modules that change."""
        found: dict[str, bytes] = {}
        for module, change in edits.changes.items():
            if module not in self._modules:
                continue
            if module not in self._last or self._last[module][0] != change:
                self._last[module] = change, self._rewrite(self._modules[module], change)
            found[module] = self._last[module][1]
        return found

    def _rewrite(self, module: SourceModule, change: ModuleChange) -> bytes:
        if self._natively:
            return rewrite_natively(module, change.names, loads=dict(change.loads))
        return rewrite(module, change.names, submodules=change.submodules, loads=dict(change.loads))
