"""Defer imports by the syntax of the interpreter, from Python 3.15 on (PEP 810); pure.

The statement itself becomes lazy: ``lazy from x import a``. Nothing else in the source changes, since a global that is
lazy is imported by the interpreter when it is read. A statement of which only some names are deferred is divided, in
the same line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from minreq.build.lazy.rewrite import apply_changes, insert_notice
from minreq.imports.sourcemodule import ImportedName, SourceModule

#: The first version whose interpreter knows the keyword.
FIRST_VERSION = (3, 15)


def rewrite_natively(
    module: SourceModule, names: Collection[str], *, loads: Mapping[str, Collection[str]] | None = None
) -> bytes:
    """Return the source with the imports of *names* lazy.

    *loads* has by deferred name modules with effects outside of themselves; they are loaded where its statement is.
    """
    by_statement: dict[int, list[ImportedName]] = defaultdict(list)
    for name in frozenset(names) & module.deferrable:
        by_statement[module.imports[name].statement].append(module.imports[name])
    changes = []
    for number, deferred in by_statement.items():
        statement = module.statements[number]
        start, end = statement.span
        kept = [module.imports[each] for each in statement.names if module.imports[each] not in deferred]
        ordered = sorted(deferred, key=lambda each: each.span)
        loaded = sorted({each for its in deferred for each in (loads or {}).get(its.name, ())})
        after = "".join(f"; __import__({each!r})" for each in loaded).encode()
        if kept:
            text = f"{_show(kept)}; lazy {_show(ordered)}".encode() + after
            changes.append((start, end, text + b"\n" * module.source.count(b"\n", start, end)))
        else:
            changes += [(start, start, b"lazy "), (end, end, after)]
    text = apply_changes(module.source, changes)
    return apply_changes(text, insert_notice(text)) if changes else text


def is_sound_natively(source: bytes, text: bytes, _names: Collection[str] = ()) -> bool:
    """Whether *text* has the lines of *source*; its own interpreter compiles it, and no older one can."""
    return text.count(b"\n") == source.count(b"\n")


def _show(names: Collection[ImportedName]) -> str:
    origin = next(iter(names)).origin
    return f"{f'from {origin} ' if origin else ''}import {', '.join(each.alias for each in names)}"
