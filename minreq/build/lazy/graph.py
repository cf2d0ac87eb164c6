"""Which modules an import would load with some of its imports deferred: a forecast from sources and a watched run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set as AbstractSet

from minreq.build.lazy.edits import Edit
from minreq.imports.sourcemodule import SourceModule
from minreq.source.modulenames import with_parents


class LoadGraph:
    """The loaded modules, the names that each imports, and who imported each module first."""

    def __init__(
        self, modules: Mapping[str, SourceModule], loaded: Iterable[str], importers: Mapping[str, str]
    ) -> None:
        self.modules = modules
        self.loaded = frozenset(loaded)
        self._dynamic: dict[str, set[str]] = defaultdict(set)
        for module, importer in importers.items():
            known = modules.get(importer)
            imports = known.imports.values() if known is not None else ()
            named = {part for each in imports for name in each.modules for part in with_parents(name)}
            if module not in named:
                self._dynamic[importer].add(module)
        #: Modules that nothing imported: the program did.
        self.roots = frozenset(module for module in self.loaded if module not in importers)

    def targets(self, edit: Edit) -> frozenset[str]:
        """Return the modules that *edit* loads when its name is read."""
        found = self.modules[edit[0]].imports[edit[1]]
        return frozenset(each for each in found.modules if each in self.loaded)

    def load(self, start: Iterable[str], edits: AbstractSet[Edit], loaded: Collection[str] = ()) -> set[str]:
        """Return the modules that loading *start* loads, with *edits* in place, beyond those that are *loaded*."""
        found: set[str] = set()
        waiting = [*start]
        while waiting:
            for module in with_parents(waiting.pop()):
                if module in found or module in loaded or module not in self.loaded:
                    continue
                found.add(module)
                waiting += self._dynamic.get(module, ())
                known = self.modules.get(module)
                if known is not None:
                    for name in known.imports:
                        if (module, name) not in edits:
                            waiting += self.needed_for(module, name, edits)
        return found

    def needed_for(self, module: str, name: str, edits: AbstractSet[Edit]) -> Iterable[str]:
        """Return the modules to load for the import of *name* in *module*; a name that is deferred there is read."""
        edit: Edit | None = (module, name)
        seen: set[Edit] = set()
        while edit is not None:
            seen.add(edit)
            found = self.modules[edit[0]].imports[edit[1]]
            yield from found.modules
            edit = found.read_from if found.read_from in edits and found.read_from not in seen else None
