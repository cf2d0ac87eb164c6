"""Imports in the code of a lock that would reach what is left out, read from the source without running it.

What is computed at run time (``import_module(name)``, tables of lazy imports) has no place in the source and is not
seen.
"""

from __future__ import annotations

import ast
import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from packaging.utils import NormalizedName

from minreq.handlers import optional_because, read_source
from minreq.model import Frame, Lock, Need, Question

#: Where code lies as seen from the trace: loaded by it; a step or more from what it loaded; neither.
Reach = Literal["traced", "led to", "apart"]

_REACHES: tuple[Reach, ...] = ("traced", "led to", "apart")
_MODULE_LEVEL = "<module>"
_IMPORT = re.compile(
    rb"^[ \t]*(?:from[ \t]+(?P<base>\.*[\w.]*)[ \t]+import[ \t]+(?P<names>\([^)]*\)|[^\n#]*)"
    rb"|import[ \t]+(?P<modules>[^\n#;]+))",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place in kept code that would ask for a distribution that is left out."""

    #: The distribution that is left out, and the module of it that is asked for.
    distribution: NormalizedName
    module: str
    #: Whose code asks.
    importer: NormalizedName
    #: The place, below ``site-packages``; the function with its classes, ``<module>`` outside of any.
    frame: Frame
    #: What catches the failure near the import, or on the way by which the module would be loaded; ``None``: nothing.
    handler: str | None
    reach: Reach
    #: For what is led to: the place in traced code, and how many imports away it is.
    led_by: Frame | None = None
    steps: int = 0
    #: Whether the trace came by here and went on without it.
    declined: bool = False

    @property
    def unguarded(self) -> bool:
        """Whether a program that gets here fails: traced code leads here, and nothing catches it."""
        return self.handler is None and not self.declined and self.reach != "apart"


def sites(lock: Lock, folders: Mapping[NormalizedName, Path]) -> tuple[Site, ...]:
    """Return the places in *folders*, the unpacked trees of what *lock* keeps, those that matter most first.

    First what traced code would run into unguarded, then what it leads to in few steps, then what is caught, what the
    trace passed by, and what nothing leads to.
    """
    code = _Code(folders, frozenset(file for kept in lock.selection.kept for file in kept.loaded))
    absent = _absent(lock)
    declined = {
        (asker.frame.file, asker.frame.line, each.candidate.name)
        for each in lock.selection.left_out
        for asker in each.askers
        if asker.frame is not None
    }
    found = {site for file in code.mentioning(absent) for site in _sites(file, code, absent, declined)}
    return tuple(sorted(found, key=lambda site: _rank(site, lock.resolution.root)))


def _rank(site: Site, root: NormalizedName) -> tuple[object, ...]:
    return (
        not site.unguarded,
        site.declined,
        _REACHES.index(site.reach),
        site.handler is not None,
        site.steps,
        # What a program calls is the root.
        site.importer != root,
        site.frame.file,
        site.frame.line,
        site.module,
    )


def _absent(lock: Lock) -> Mapping[str, NormalizedName]:
    """The modules that cannot be imported, outermost ones alone, each with its distribution."""
    return {
        module: each.candidate.name
        for each in lock.selection.left_out
        if each.candidate.name not in lock.resolution.provided
        for module in each.modules
    }


def _sites(
    file: str,
    code: _Code,
    absent: Mapping[str, NormalizedName],
    declined: set[tuple[str, int, NormalizedName]],
) -> Iterator[Site]:
    for place in code.imports(file, calls=True):
        for module in place.modules:
            owner = next((absent[name] for name in _prefixes(module) if name in absent), None)
            if owner is None or place.never_runs:
                continue
            way = code.way_to(file, place)
            frame = Frame(file=file, line=place.line, function=place.function)
            yield Site(
                distribution=owner,
                module=module,
                importer=code.owners[file],
                frame=frame,
                handler=code.handler(file, place) or way.handler,
                reach=way.reach,
                led_by=way.led_by,
                steps=way.steps,
                declined=(file, place.line, owner) in declined,
            )
            break  # ``from a import b`` names one place, whatever of it is missing.


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A statement or call that imports."""

    line: int
    #: What it names, the widest first: ``a``, ``a.b`` of ``from a import b``.
    modules: tuple[str, ...]
    function: str
    #: ``find_spec``: that it finds nothing is an answer.
    probes: bool = False
    #: Under ``TYPE_CHECKING``.
    never_runs: bool = False

    @property
    def is_lazy(self) -> bool:
        """Whether it waits for a call."""
        return self.function != _MODULE_LEVEL and not self.function.startswith("<class ")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How traced code gets to a module."""

    reach: Reach
    led_by: Frame | None = None
    steps: int = 0
    #: What catches the failure on every way there.
    handler: str | None = None


class _Code:
    """The sources of all that is kept, by path below ``site-packages``."""

    def __init__(self, folders: Mapping[NormalizedName, Path], loaded: frozenset[str]) -> None:
        self._folders = folders
        self._loaded = loaded
        self._places: dict[tuple[str, bool], tuple[_Place, ...]] = {}
        self.owners = {file: name for name, folder in sorted(folders.items()) for file in _python_files(folder)}
        self._sources = {file: self._path(file).read_bytes() for file in self.owners}

    def mentioning(self, modules: Iterable[str]) -> list[str]:
        """The files that may name one of *modules* in an import."""
        tops = b"|".join(sorted({re.escape(module.partition(".")[0]).encode() for module in modules}))
        if not tops:
            return []
        pattern = re.compile(
            rb"^[ \t]*(?:from[ \t]+(?:%b)\b|import[ \t][^\n]*\b(?:%b)\b)|(?:import|find_spec)\w*\(\s*[\"'](?:%b)\b"
            % (tops, tops, tops),
            re.MULTILINE,
        )
        return [file for file, source in self._sources.items() if pattern.search(source)]

    def imports(self, file: str, *, calls: bool) -> tuple[_Place, ...]:
        """The imports of *file*, with those by *calls* if told."""
        if (file, calls) not in self._places:
            tree = read_source(str(self._path(file)))
            self._places[file, calls] = () if tree is None else tuple(_imports(tree, _package(file), calls=calls))
        return self._places[file, calls]

    def handler(self, file: str, place: _Place) -> str | None:
        """What catches the failure of *place* near it."""
        if place.probes:
            return "a probe with find_spec"
        path = str(self._path(file))
        frame = Frame(file=path, line=place.line, function=place.function)
        found = optional_because(Question(need=Need.IMPORT, name="", frames=(frame,), stage=""))
        return found and found.replace(path, file)

    def way_to(self, file: str, place: _Place) -> _Way:
        """How traced code gets to *place* of *file*, by the fewest imports.

        A lazy import fails when it is called; one of module level fails whoever loads the module, and a handler there
        catches it.
        """
        if file in self._loaded:
            return _Way(reach="traced")
        caught: str | None = None
        waiting = deque([(file, not place.is_lazy, 0)])
        seen = {waiting[0][:2]}
        while waiting:
            module, fails, steps = waiting.popleft()
            for importer, via in self._verified_importers(module):
                handler = self.handler(importer, via) if fails else None
                if handler is not None:
                    caught = caught or handler
                    continue
                if importer in self._loaded:
                    led_by = Frame(file=importer, line=via.line, function=via.function)
                    return _Way(reach="led to", led_by=led_by, steps=steps + 1)
                state = (importer, fails and not via.is_lazy)
                if state not in seen:
                    seen.add(state)
                    waiting.append((*state, steps + 1))
        return _Way(reach="apart", handler=caught)

    def _verified_importers(self, file: str) -> Iterator[tuple[str, _Place]]:
        """Who imports *file*, by the syntax tree; only what can be reached from traced code."""
        for importer, line in self._importers.get(file, ()):
            if importer in self._reachable:
                for place in self.imports(importer, calls=False):
                    if place.line == line and not place.never_runs:
                        yield importer, place

    # A syntax tree of each file would take a minute; lines that look like imports are found in a second.

    @cached_property
    def _importers(self) -> Mapping[str, list[tuple[str, int]]]:
        """For each file, the files that seem to import it, with the line."""
        files = {_module(file): file for file in self._sources}
        found: dict[str, list[tuple[str, int]]] = {}
        for file, source in self._sources.items():
            package = _package(file)
            for match in _IMPORT.finditer(source):
                targets = {files[module] for module in _named(match, package) if module in files} - {file}
                if targets:
                    line = source.count(b"\n", 0, match.start()) + 1
                    for target in targets:
                        found.setdefault(target, []).append((file, line))
        return found

    @cached_property
    def _reachable(self) -> frozenset[str]:
        """What is loaded, and what it leads to as far as lines tell."""
        forward: dict[str, set[str]] = {}
        for target, importers in self._importers.items():
            for importer, _ in importers:
                forward.setdefault(importer, set()).add(target)
        found, waiting = set(self._loaded), list(self._loaded)
        while waiting:
            new = forward.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        return frozenset(found)

    def _path(self, file: str) -> Path:
        return self._folders[self.owners[file]] / file


def _python_files(folder: Path) -> Iterator[str]:
    for path, folders, files in os.walk(folder):
        folders.sort()
        for file in sorted(files):
            if file.endswith(".py"):
                yield Path(path, file).relative_to(folder).as_posix()


def _module(file: str) -> str:
    """``a/b/__init__.py`` as ``a.b``."""
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _package(file: str) -> str:
    """The package that relative imports of *file* begin at."""
    return file.rpartition("/")[0].replace("/", ".")


def _prefixes(module: str) -> Iterator[str]:
    """``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])


def _named(match: re.Match[bytes], package: str) -> Iterator[str]:
    """The modules that the line of *match* may load, their packages too."""
    if (modules := match["modules"]) is not None:
        for part in modules.decode("utf-8", "replace").split(","):
            yield from _prefixes(part.split(" as ")[0].strip())
        return
    written = match["base"].decode("utf-8", "replace")
    base = _absolute(written.lstrip("."), len(written) - len(written.lstrip(".")), package)
    if not base:
        return
    yield from _prefixes(base)
    for part in match["names"].decode("utf-8", "replace").strip("()").split(","):
        yield f"{base}.{part.split(' as ')[0].strip()}"


def _absolute(module: str, level: int, package: str) -> str:
    """The module that a ``from`` names, "" where a relative one leads out of its package."""
    if not level:
        return module
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base) if level <= len(parts) else ""


def _imports(tree: ast.Module, package: str, *, calls: bool) -> Iterator[_Place]:
    """Yield the imports of *tree* with what surrounds them; without *calls* no expression is looked into."""
    looked_into = ast.AST if calls else (ast.stmt, ast.excepthandler, ast.match_case)
    waiting: list[tuple[ast.AST, str, bool]] = [(tree, _MODULE_LEVEL, False)]
    while waiting:
        node, function, typing = waiting.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Place(
                    line=node.lineno, modules=tuple(_prefixes(alias.name)), function=function, never_runs=typing
                )
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node.module or "", node.level, package)
            names = (*_prefixes(base), *(f"{base}.{alias.name}" for alias in node.names)) if base else ()
            yield _Place(line=node.lineno, modules=names, function=function, never_runs=typing)
        elif isinstance(node, ast.Call) and (called := _dynamic(node)) is not None:
            name, probes = called
            yield _Place(
                line=node.lineno, modules=tuple(_prefixes(name)), function=function, probes=probes, never_runs=typing
            )
        inner = _inside(node, function)
        if isinstance(node, ast.If) and _last_name(node.test) == "TYPE_CHECKING":
            waiting += [(child, function, True) for child in node.body]
            waiting += [(child, function, typing) for child in node.orelse]
        else:
            waiting += [
                (child, inner, typing) for child in ast.iter_child_nodes(node) if isinstance(child, looked_into)
            ]


def _inside(node: ast.AST, function: str) -> str:
    """The name that *node* gives to what is inside of it: a class alone is loaded with its module."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        outer = function.removeprefix("<class ").removesuffix(">")
        return node.name if function == _MODULE_LEVEL else f"{outer}.{node.name}"
    if isinstance(node, ast.ClassDef):
        return f"<class {node.name}>" if function == _MODULE_LEVEL else f"{function}.{node.name}"
    return function


def _dynamic(node: ast.Call) -> tuple[str, bool] | None:
    """The module that a call imports by a literal name, and whether it only probes.

    Besides the functions of the standard library there are many like ``ensure_optional_import("x")``.
    """
    name = _last_name(node.func)
    probes = name == "find_spec"
    if not (probes or "import" in name) or not node.args:
        return None
    argument = node.args[0]
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
        return None
    return (argument.value, probes) if all(map(str.isidentifier, argument.value.split("."))) else None


def _last_name(expression: ast.expr) -> str:
    """``c`` of ``a.b.c``, "" of what is no name."""
    if isinstance(expression, ast.Attribute):
        return expression.attr
    return expression.id if isinstance(expression, ast.Name) else ""
