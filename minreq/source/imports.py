"""Finds in the source of a wheel, without running it, the modules it cannot be imported without."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from packaging.utils import NormalizedName

from minreq.model import Member, Wheel
from minreq.source import syntax
from minreq.source.modulenames import absolute_name, with_parents

#: A handler of one of these exceptions makes an import optional.
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class WheelReader(Protocol):
    """Reads files in wheels without downloading the wheels. Several threads call it at once."""

    def members(self, wheel: Wheel, /) -> tuple[Member, ...]:
        """The files in *wheel*."""
        ...

    def read(self, wheel: Wheel, paths: Iterable[str], /) -> Mapping[str, bytes]:
        """The contents of the files at *paths* in *wheel*, without those that are not in it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticImport:
    """An import that always runs when the file is imported."""

    #: Dotted and absolute.
    module: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    module: str
    path: str


class StaticImportFinder:
    """Follows the imports that run when a root is imported, as far as its source shows them.

    It finds too much where code never runs (an ``if`` that is never true), and too little where the name of a module is
    computed. The result decides only whether the resolver tries a version.
    """

    def __init__(self, reader: WheelReader) -> None:
        self._reader = reader
        #: The place of the first import that was found. In other versions of the root it is searched first.
        self._first_places: dict[NormalizedName, _Place] = {}
        self._lines: dict[tuple[bytes, frozenset[str]], int | None] = {}

    def find_import(self, root: Wheel, blocked: NormalizedName, sample: Wheel | None) -> str | None:
        """The place in *root* that imports a module of *blocked* when *root* is imported (``a/b.py:8``), or ``None``.

        *sample* is a wheel of *blocked*, which shows its modules. Without one the module is taken to be named as the
        project; a wrong guess installs nothing. Raises what the reader raises.
        """
        owned = frozenset({blocked.replace("-", "_")})
        if sample is not None:
            owned = _top_modules(module_files(member.path for member in self._reader.members(sample)))
        place_before = self._first_places.get(blocked)
        if place_before is not None:
            line = self._line(
                self._reader.read(root, [place_before.path]).get(place_before.path, b""), place_before, owned
            )
            if line is not None:
                return f"{place_before.path}:{line}"
        return self._search_tree(
            root, blocked, module_files(member.path for member in self._reader.members(root)), owned
        )

    def _line(self, source: bytes, place: _Place, owned: frozenset[str]) -> int | None:
        """The line at which *place* imports one of *owned*. Cached: the file is often the same in other versions."""
        if (source, owned) not in self._lines:
            imports = static_imports(source, place.module, place.path) if _may_import(source, owned) else ()
            self._lines[source, owned] = _first_line(imports, owned)
        return self._lines[source, owned]

    def _search_tree(
        self, root: Wheel, blocked: NormalizedName, files: Mapping[str, str], owned: frozenset[str]
    ) -> str | None:
        """Search breadth first from the top modules. The files of a level are read together."""
        level = sorted(module for module in files if "." not in module)
        visited = set(level)
        while level:
            sources = self._reader.read(root, sorted({files[m] for m in level if files[m].endswith(".py")}))
            places = [_Place(module=module, path=files[module]) for module in level]
            # Parsing takes most of the time: first parse files that name *owned*, the others only for the next level.
            parsed: dict[_Place, tuple[StaticImport, ...]] = {}
            for place in places:
                if _may_import(source := sources.get(place.path, b""), owned):
                    parsed[place] = tuple(static_imports(source, place.module, place.path))
                    line = _first_line(parsed[place], owned)
                    if line is not None:
                        # Never replaced: the result must not depend on which thread came last.
                        self._first_places.setdefault(blocked, place)
                        return f"{place.path}:{line}"
            following = {
                parent
                for place in places
                for found in parsed.get(place) or static_imports(sources.get(place.path, b""), place.module, place.path)
                for parent in with_parents(found.module)
                if parent in files
            }
            level = sorted(following - visited)
            visited |= following
        return None


def module_files(paths: Iterable[str]) -> dict[str, str]:
    """The modules among the files of a wheel, each with its file. Folders without ``__init__`` are no modules."""
    found: dict[str, str] = {}
    for path in sorted(paths):
        parts = path.split("/")
        if parts[0].endswith(".data") and len(parts) > 1 and parts[1] in {"purelib", "platlib"}:
            parts = parts[2:]
        *folders, file = parts
        stem, _, suffix = file.partition(".")
        extension = suffix.split(".")[-1]
        if extension in {"py", "so", "pyd"} and all(part.isidentifier() for part in (*folders, stem)):
            name = ".".join(folders if stem == "__init__" else (*folders, stem))
            # Of a source file and an extension module with one name, take the source: it can be read.
            if name and (name not in found or extension == "py"):
                found[name] = path
    return found


def static_imports(source: bytes, module: str, path: str) -> Iterator[StaticImport]:
    """Yield what the file *path* imports while it is loaded as *module*.

    Imports in functions, imports with a handler that goes on, and imports under ``TYPE_CHECKING`` do not count.
    ``from a import b`` yields both ``a`` and ``a.b``. A file that cannot be parsed yields nothing.
    """
    try:
        statements = list(_load_time_imports(syntax.parse(source).body))
    except syntax.PARSE_ERRORS:
        return
    package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield StaticImport(module=alias.name, line=statement.lineno)
        else:
            base = absolute_name(statement.module or "", statement.level, package)
            if base:
                yield StaticImport(module=base, line=statement.lineno)
                for alias in statement.names:
                    yield StaticImport(module=f"{base}.{alias.name}", line=statement.lineno)


def _top_modules(names: Iterable[str]) -> frozenset[str]:
    """Those of *names* whose packages are not among *names*."""
    place_before = frozenset(names)
    return frozenset(name for name in place_before if place_before.isdisjoint(list(with_parents(name))[:-1]))


def _may_import(source: bytes, owned: frozenset[str]) -> bool:
    """Whether *source* may import one of *owned*. Only non-ASCII source can spell names otherwise (PEP 3131)."""
    return not source.isascii() or any(name.rpartition(".")[2].encode() in source for name in owned)


def _first_line(imports: Iterable[StaticImport], owned: frozenset[str]) -> int | None:
    """The first line that imports one of *owned*."""
    return next((found.line for found in imports if not owned.isdisjoint(with_parents(found.module))), None)


def _load_time_imports(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports that run while a module with these statements is loaded."""
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement
        elif isinstance(statement, ast.ClassDef):
            yield from _load_time_imports(statement.body)
        elif isinstance(statement, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(statement.test):
                yield from _load_time_imports(statement.body)
            yield from _load_time_imports(statement.orelse)
        elif isinstance(statement, ast.Try):
            if not any(_handles_import_error(handler) for handler in statement.handlers):
                yield from _load_time_imports((*statement.body, *statement.orelse))
            yield from _load_time_imports(statement.finalbody)
        elif isinstance(statement, ast.With) and not any(
            "suppress" in ast.unparse(item.context_expr) for item in statement.items
        ):
            yield from _load_time_imports(statement.body)


def _handles_import_error(handler: ast.ExceptHandler) -> bool:
    """Whether *handler* catches a failed import and does not raise."""
    if any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
        return False
    if handler.type is None:
        return True
    return any(
        (isinstance(node, ast.Name) and node.id in _IMPORT_ERRORS)
        or (isinstance(node, ast.Attribute) and node.attr in _IMPORT_ERRORS)
        for node in ast.walk(handler.type)
    )
