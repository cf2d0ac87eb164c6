"""The tools of the smoke, which the lock omits, and the needed distributions that they hide."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Masked, Resolution, find_required
from minreq.smoke.tools import ToolPlaces, place_tools
from minreq.source import syntax
from minreq.source.modulenames import with_parents
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

    def place(self, closure: Closure, store: Store) -> AbstractContextManager[ToolPlaces | None]:
        """Unpack the tools beside the program of *closure*; the context removes what only its runs need."""
        names = sorted(self.names - self.installed)
        return place_tools(
            {name: self.resolution.pins[name].wheel for name in names},
            store.unpack,
            store.scratch_folder,
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
        name = canonicalize_name(requirement.name)
        named.add(name)
        names |= find_required(grown.requires, [name], grown.pins)
    return Tools(
        resolution=grown,
        named=frozenset(named),
        names=frozenset(names),
        foreign=frozenset(grown.pins.keys() - resolution.pins.keys()),
    )


def find_masked(
    installed: frozenset[NormalizedName],
    kept: frozenset[NormalizedName],
    *,
    loaded: Iterable[str],
    import_map: ImportMap,
    owner: Callable[[str], NormalizedName | None],
    name_place: Callable[[str], str],
) -> dict[NormalizedName, Masked]:
    """Return those of *installed* that code of *kept*, of the smoke, or of another result imports anywhere.

    They were there in every run, so no run shows what a handler would do. *loaded* are the files that ran; *owner*
    returns the distribution of a file.
    """
    masked: dict[NormalizedName, Masked] = {}
    files = {
        file: distribution
        for file in sorted(loaded)
        if (distribution := owner(file)) is not None or name_place(file).startswith("smoke/")
    }
    changed = bool(installed)
    while changed:
        changed = False
        for file, distribution in files.items():
            if distribution is not None and distribution not in kept and distribution not in masked:
                continue
            for module, line in _imports_anywhere(Path(file).read_bytes()):
                name = next(iter(import_map.owners.get(module, ())), None)
                if name is not None and name in installed - masked.keys() - kept:
                    masked[name] = Masked(distribution=name, place=f"{name_place(file)}:{line}")
                    changed = True
    return masked


def _imports_anywhere(source: bytes) -> Iterator[tuple[str, int]]:
    """Yield what *source* imports at any place by a statement: each module and the packages that hold it."""
    try:
        nodes = [*ast.walk(syntax.parse(source))]
    except syntax.PARSE_ERRORS:
        return
    for node in nodes:
        if isinstance(node, ast.Import):
            modules = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        else:
            continue
        for module in modules:
            yield from ((name, node.lineno) for name in with_parents(module))
