"""What the source of a module has in a line that imports: which names it binds, and where they are read; pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minreq.imports.sourcemodule import SourceModule


@dataclass(frozen=True, slots=True, kw_only=True)
class NameUse:
    """How a module uses a name that it imports."""

    name: str
    #: Why the import cannot wait until the name is read; "" where it can.
    obstacle: str = ""
    #: The line of the obstacle, else that of the first read; 0 where there is none.
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An import in a source."""

    text: str
    #: Whether the statement is at the top of the module: not in a function, and in no block such as ``try``.
    at_top: bool = False
    uses: Sequence[NameUse] = field(default_factory=tuple)


def read_statements(module: SourceModule) -> Mapping[int, Statement]:
    """Return by line the import statements at the top of *module*."""
    return {
        each.line: Statement(
            text=ast.unparse(ast.parse(module.source[slice(*each.span)])),
            at_top=True,
            uses=tuple(_describe_use(module, name) for name in each.names),
        )
        for each in module.statements.values()
    }


def read_line(source: bytes, line: int) -> Statement:
    """Return the *line* of a source, which imports in a function or in a block."""
    lines = source.split(b"\n")
    return Statement(text=lines[line - 1].decode("utf-8", "replace").strip() if 0 < line <= len(lines) else "")


def _describe_use(module: SourceModule, name: str) -> NameUse:
    if name in module.refusals:
        return NameUse(name=name, obstacle=module.refusals[name], line=module.refused_at.get(name, 0))
    spans = module.reads.get(name, frozenset())
    return NameUse(name=name, line=module.source.count(b"\n", 0, min(spans)[0]) + 1 if spans else 0)
