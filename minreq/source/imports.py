"""Says from the source of a wheel, without running anything, what it cannot be imported without."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from packaging.utils import NormalizedName

from minreq.model import Member, Wheel
from minreq.source import syntax

#: Exceptions whose handler makes an import optional.
_FORGIVING = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


class Reader(Protocol):
    """Looks into wheels where they are; called from several threads at once."""

    def members(self, wheel: Wheel, /) -> tuple[Member, ...]:
        """The files in *wheel*."""
        ...

    def read(self, wheel: Wheel, paths: Iterable[str], /) -> Mapping[str, bytes]:
        """The contents of some files in *wheel*; what is not in it is left out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticImport:
    """A module that importing a file imports, whatever happens."""

    #: Dotted and absolute.
    module: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    module: str
    path: str


class StaticForecast:
    """Follows the imports that run when a root is imported, as far as its source shows them.

    A forecast errs on the side of need where it reads more than runs (an ``if`` that is never true), and on the
    other where modules are imported by computed names: it only ever decides whether to try a version.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        #: Where a need was found first: other versions of the root are looked at there before all else.
        self._witnesses: dict[NormalizedName, _Place] = {}
        self._lines: dict[tuple[bytes, frozenset[str]], int | None] = {}

    def needs(self, root: Wheel, blocked: NormalizedName, sample: Wheel | None) -> str | None:
        """The place in *root* that imports a module of *blocked* as it is loaded (``a/b.py:8``), or ``None``.

        *sample* is a wheel of *blocked*, which says the modules it owns. Without one the name of the project stands
        for its module: nothing is installed by that guess. Raises what the reader does.
        """
        owned = frozenset({blocked.replace("-", "_")})
        if sample is not None:
            owned = _tops(modules(member.path for member in self._reader.members(sample)))
        known = self._witnesses.get(blocked)
        if known is not None:
            line = self._line(self._reader.read(root, [known.path]).get(known.path, b""), known, owned)
            if line is not None:
                return f"{known.path}:{line}"
        return self._search(root, blocked, modules(member.path for member in self._reader.members(root)), owned)

    def _line(self, source: bytes, place: _Place, owned: frozenset[str]) -> int | None:
        """The line at which *place* imports one of *owned*; the file seldom changes from one version to the next."""
        if (source, owned) not in self._lines:
            imports = static_imports(source, place.module, place.path) if _mentions(source, owned) else ()
            self._lines[source, owned] = _first(imports, owned)
        return self._lines[source, owned]

    def _search(
        self, root: Wheel, blocked: NormalizedName, files: Mapping[str, str], owned: frozenset[str]
    ) -> str | None:
        """Breadth first from the top of the root; each level is read at once."""
        level = sorted(module for module in files if "." not in module)
        seen = set(level)
        while level:
            sources = self._reader.read(root, sorted({files[m] for m in level if files[m].endswith(".py")}))
            places = [_Place(module=module, path=files[module]) for module in level]
            # Parsing is what takes the time: first what names the modules in question, the rest only for what follows.
            parsed: dict[_Place, tuple[StaticImport, ...]] = {}
            for place in places:
                if _mentions(source := sources.get(place.path, b""), owned):
                    parsed[place] = tuple(static_imports(source, place.module, place.path))
                    line = _first(parsed[place], owned)
                    if line is not None:
                        # Never replaced: what is told must not depend on which of several threads came last.
                        self._witnesses.setdefault(blocked, place)
                        return f"{place.path}:{line}"
            following = {
                parent
                for place in places
                for found in parsed.get(place) or static_imports(sources.get(place.path, b""), place.module, place.path)
                for parent in _parents(found.module)
                if parent in files
            }
            level = sorted(following - seen)
            seen |= following
        return None


def modules(paths: Iterable[str]) -> dict[str, str]:
    """The modules that the files of a wheel make, each with its file; folders without ``__init__`` are none."""
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
            # Source before extension modules of the same name: it can be read.
            if name and (name not in found or extension == "py"):
                found[name] = path
    return found


def static_imports(source: bytes, module: str, path: str) -> Iterator[StaticImport]:
    """What the file *path*, loaded as *module*, imports as it is loaded.

    Bodies of functions, what a handler forgives, and what stands under ``TYPE_CHECKING`` do not count. A
    ``from a import b`` yields both ``a`` and ``a.b``. A file that is no valid Python, or deeper than the parser goes,
    imports nothing.
    """
    try:
        statements = list(_loaded(syntax.tree(source).body))
    except syntax.NO_TREE:
        return
    package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield StaticImport(module=alias.name, line=statement.lineno)
        else:
            base = _absolute(statement, package)
            if base:
                yield StaticImport(module=base, line=statement.lineno)
                for alias in statement.names:
                    yield StaticImport(module=f"{base}.{alias.name}", line=statement.lineno)


def _tops(names: Iterable[str]) -> frozenset[str]:
    """Those of *names* that no other of them contains."""
    known = frozenset(names)
    return frozenset(name for name in known if known.isdisjoint(list(_parents(name))[:-1]))


def _mentions(source: bytes, owned: frozenset[str]) -> bool:
    """Whether the text may import one of the modules *owned*: only what is not ASCII has other spellings (PEP 3131)."""
    return not source.isascii() or any(name.rpartition(".")[2].encode() in source for name in owned)


def _first(imports: Iterable[StaticImport], owned: frozenset[str]) -> int | None:
    """The first line that imports one of the modules *owned*."""
    return next((found.line for found in imports if not owned.isdisjoint(_parents(found.module))), None)


def _loaded(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """The imports among statements that run as a module is loaded."""
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            yield statement
        elif isinstance(statement, ast.ClassDef):
            yield from _loaded(statement.body)
        elif isinstance(statement, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(statement.test):
                yield from _loaded(statement.body)
            yield from _loaded(statement.orelse)
        elif isinstance(statement, ast.Try):
            if not any(_forgives(handler) for handler in statement.handlers):
                yield from _loaded((*statement.body, *statement.orelse))
            yield from _loaded(statement.finalbody)
        elif isinstance(statement, ast.With) and not any(
            "suppress" in ast.unparse(item.context_expr) for item in statement.items
        ):
            yield from _loaded(statement.body)


def _forgives(handler: ast.ExceptHandler) -> bool:
    """Whether *handler* catches a failed import and does not raise."""
    if any(isinstance(node, ast.Raise) for node in ast.walk(handler)):
        return False
    if handler.type is None:
        return True
    return any(
        (isinstance(node, ast.Name) and node.id in _FORGIVING)
        or (isinstance(node, ast.Attribute) and node.attr in _FORGIVING)
        for node in ast.walk(handler.type)
    )


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    """The module that a ``from`` names, ``""`` where a relative one leads out of the package."""
    if not statement.level:
        return statement.module or ""
    parts = package.split(".")
    if statement.level > len(parts):
        return ""
    base = parts[: len(parts) - statement.level + 1]
    return ".".join([*base, statement.module] if statement.module else base)


def _parents(module: str) -> Iterator[str]:
    """The packages that importing *module* imports, and itself: ``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield ".".join(parts[:length])
