"""Shows the deferred imports of a build."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minreq.build.build import LazyResult
from minreq.cli.text import align_columns
from minreq.counts import pluralize

#: How many of the dearest edits, and of the undone ones, a terminal shows.
_SHOWN = 8


def format_lines(lazy: LazyResult | None) -> Iterator[str]:
    """Yield the lines for a person."""
    if lazy is None:
        return
    yield ""
    yield f"Deferred imports: {_count(lazy)}"
    cells = [(f"  {each.milliseconds:.1f} ms", f"{each.path}:{each.line}", each.statement) for each in lazy.edits]
    yield from align_columns(cells[:_SHOWN], right=frozenset({0}))
    if len(cells) > _SHOWN:
        yield f"  {len(cells) - _SHOWN} more in minreq-build.json"
    for undone in lazy.undone[:_SHOWN]:
        yield f"  undone: {undone.name} in {undone.path}: {undone.why}"
    yield from align_columns([*_costs(lazy)], right=frozenset({1, 2}))


def _count(lazy: LazyResult) -> str:
    files = len({each.path for each in lazy.edits})
    kept = f"{pluralize(len(lazy.edits), 'name')} in {pluralize(files, 'file')}"
    tried = f"{lazy.candidates:,} of {lazy.imports:,} could be by their sources, and the import reads {lazy.read:,}"
    return f"{kept}, each with at least {lazy.bound * 1000:g} ms; {tried}; {len(lazy.undone)} undone"


def _costs(lazy: LazyResult) -> Iterator[tuple[str, str, str, str]]:
    before, after = lazy.before, lazy.after
    yield "  modules", f"{before.modules:,}", f"{after.modules:,}", "are loaded by the import"
    yield "  processor", f"{before.seconds:.2f}", f"{after.seconds:.2f}", "seconds of it, in one run on this machine"
    yield "  memory", f"{before.peak:,}", f"{after.peak:,}", "bytes at most"


def sentences(lazy: LazyResult | None) -> list[str]:
    """Return sentences for a page."""
    if lazy is None:
        return []
    costs = "; ".join(f"{name.strip()} {before} before, {after} after" for name, before, after, _ in _costs(lazy))
    edits = (
        f"{each.path}:{each.line} defers `{each.statement}`: {each.milliseconds:.2f} ms, {each.bytes:,} bytes"
        for each in lazy.edits
    )
    undone = (f"{each.path} imports {each.name} as before: {each.why}" for each in lazy.undone)
    return [f"deferred imports: {_count(lazy)}", f"the import: {costs}", *edits, *undone]


def to_json_data(lazy: LazyResult | None) -> dict[str, Any] | None:
    """Return what ``--json`` has; ``None`` where nothing is deferred."""
    if lazy is None:
        return None
    return {
        **lazy.describe(),
        "imports": lazy.imports,
        "candidates": lazy.candidates,
        "read": lazy.read,
        "modules_in_orders": lazy.ordered,
        "orders": lazy.orders,
    }
