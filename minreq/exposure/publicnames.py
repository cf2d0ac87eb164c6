"""Names functions as programs call them: by the package that exports them, else by their module."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.utils import NormalizedName

from minreq.exposure.callgraph import CONSTRUCTORS, CallGraph, Function, Thing
from minreq.exposure.callparser import last_part
from minreq.exposure.importindex import ImportIndex
from minreq.exposure.parser import module_of, package_of
from minreq.exposure.sourcefiles import SourceFiles
from minreq.source.modulenames import with_parents

_SPECIAL: Final = re.compile(r"__\w+__")


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicName:
    """The name by which programs call a function: ``openai.OpenAI()``."""

    text: str
    #: A package exports it. Else the name is that of its module, without a part that begins with an underscore.
    is_exported: bool
    #: No other package is around this package: ``httpx.Client()``, but not ``litellm.caching.S3Cache()``.
    is_top_level: bool = False


class PublicNames:
    """Finds the public names of functions."""

    def __init__(self, index: ImportIndex, files: SourceFiles, graph: CallGraph) -> None:
        self._index = index
        self._files = files
        self._graph = graph
        self._owners: Mapping[str, NormalizedName] = index.owners
        self._tables: dict[str, tuple[tuple[str, int], ...]] | None = None
        self._found: dict[Function, PublicName | None] = {}

    def find(self, function: Function) -> PublicName | None:
        """The public name of *function*; ``None``: it has none."""
        if function not in self._found:
            names = self._names(function)
            self._found[function] = min(
                names, key=lambda each: (not each.is_top_level, not each.is_exported), default=None
            )
        return self._found[function]

    def _names(self, function: Function) -> Iterator[PublicName]:
        owner = self._graph.owner(function)
        if owner is None:
            if not _SPECIAL.fullmatch(function.name):
                yield from self._names_of_thing(Thing("function", *function), "()")
            return
        method = last_part(function.name)
        if not _is_public(method):
            return
        suffix = "()" if method in CONSTRUCTORS else f".{method}()"
        yield from self._names_of_thing(owner, suffix)
        for each in self._graph.subclasses(owner):
            found = self._graph.resolver.members(each, method)
            if any((found_in.place, found_in.name) == function for found_in in found):
                yield from self._names_of_thing(each, suffix)

    def _names_of_thing(self, thing: Thing, suffix: str) -> Iterator[PublicName]:
        if "." in thing.name and self._owner_is_function(thing):
            return
        top, *inner = thing.name.split(".")
        if not all(map(_is_public, inner)):
            return
        rest = "".join(f".{part}" for part in inner)
        module = module_of(thing.place)
        of_module = Thing("class" if inner else thing.kind, thing.place, top)
        for package in _public_packages(module):
            for name in self._exported_names(package, top):
                if of_module in self._graph.resolver.resolve(f"{package}.{name}"):
                    yield self._exported_name(package, f"{name}{rest}{suffix}")
                    return
        for package in self._lazy_packages(module, top):
            yield self._exported_name(package, f"{top}{rest}{suffix}")
            return
        if all(map(_is_public, (*module.split("."), top))):
            is_exported = "." not in module
            yield PublicName(text=f"{module}.{top}{rest}{suffix}", is_exported=is_exported, is_top_level=is_exported)

    def _exported_name(self, package: str, name: str) -> PublicName:
        # A namespace package has no file, and exports nothing.
        around = (each for each in with_parents(package) if each != package)
        is_inner = any(f"{each.replace('.', '/')}/__init__.py" in self._owners for each in around)
        return PublicName(text=f"{package}.{name}", is_exported=True, is_top_level=not is_inner)

    def _owner_is_function(self, thing: Thing) -> bool:
        """Whether a function defines *thing*."""
        functions = self._files.calls(thing.place).functions
        parts = thing.name.split(".")
        return any(".".join(parts[:length]) in functions for length in range(1, len(parts)))

    def _exported_names(self, package: str, name: str) -> Iterator[str]:
        """The public names that *package* may give to *name*."""
        file = f"{package.replace('.', '/')}/__init__.py"
        if file not in self._owners:
            return
        if _is_public(name):
            yield name
        for each, paths in self._files.calls(file).names.items():
            if each != name and _is_public(each) and any(last_part(path) == name for path in paths):
                yield each

    def _lazy_packages(self, module: str, name: str) -> Iterator[str]:
        """The packages with a table of lazy imports that has *name* of *module*: ``"name": ("module", "name")``."""
        if self._tables is None:
            tables: dict[str, list[tuple[str, int]]] = {}
            for file in self._owners:
                for line, text in self._index.lines(file).module_texts:
                    tables.setdefault(text, []).append((file, line))
            self._tables = {text: tuple(places) for text, places in tables.items()}
        if not _is_public(name):
            return
        for file, line in self._tables.get(module, ()):
            package = package_of(file)
            lines = self._files.source(file).splitlines()
            if package and re.search(rb"[\"']" + name.encode() + rb"[\"']", lines[line - 1]):
                yield package


def _public_packages(module: str) -> Iterator[str]:
    """The packages around *module* that have no part with an underscore, outermost first."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        if not _is_public(parts[length - 1]):
            return
        yield ".".join(parts[:length])


def _is_public(name: str) -> bool:
    return not name.startswith("_") or bool(_SPECIAL.fullmatch(name))
