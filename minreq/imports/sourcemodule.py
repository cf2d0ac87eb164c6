"""What can be deferred in the source of one module, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: The offsets of the first byte and of the byte behind the last.
Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedName:
    """A name that an import statement at the top of a module binds."""

    name: str
    #: The number of the statement among those of the module.
    statement: int
    #: ``a``, ``a.b`` or ``a as b``, as the statement has it.
    alias: str
    #: Where the alias is in the source.
    span: Span
    #: ``.x`` of ``from .x import a``; "" for ``import a``.
    origin: str
    #: The modules that the import loads, or may load: ``p.x`` and ``p.x.a``.
    modules: tuple[str, ...]

    @property
    def read_from(self) -> tuple[str, str] | None:
        """The module, and the name in it, that ``from x import a as b`` reads; ``None`` for ``import a``."""
        return (self.modules[0], self.alias.partition(" as ")[0]) if self.origin else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStatement:
    """An import statement at the top of a module."""

    span: Span
    line: int
    #: The names that it binds, in its order.
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextWithNames:
    """An annotation that is a string, and the imported names in it."""

    span: Span
    names: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceModule:
    """A module, the names that it imports, and where it reads them."""

    name: str
    source: bytes
    statements: Mapping[int, ImportStatement] = field(default_factory=dict)
    imports: Mapping[str, ImportedName] = field(default_factory=dict)
    #: Why names cannot be deferred.
    refusals: Mapping[str, str] = field(default_factory=dict)
    #: The line that is the reason, where it is one.
    refused_at: Mapping[str, int] = field(default_factory=dict)
    reads: Mapping[str, frozenset[Span]] = field(default_factory=dict)
    #: Annotations that are strings.
    strings: tuple[TextWithNames, ...] = ()
    #: Behind the module's own ``__getattr__``: where a call can be put, and whether a statement follows in that line.
    after_getattr: tuple[int, bool] | None = None
    #: Modules all of whose public names the module imports.
    star_imports: frozenset[str] = frozenset()
    has_all: bool = False
    #: Names that it reads as globals and does not bind, and those that it binds to anything but its submodule of that
    #: name: an import that loads the submodule sets the name, too.
    shared_with_submodules: frozenset[str] = frozenset()
    #: Names, each with its module, that its code may assign later.
    assigned: frozenset[str] = frozenset()
    #: Whether it changes what it imports, as it runs, or may do so.
    changes_imported: bool = False

    @property
    def deferrable(self) -> frozenset[str]:
        """The names that can be deferred."""
        return frozenset(self.imports.keys() - self.refusals.keys())
