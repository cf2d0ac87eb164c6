"""Shows the result of ``minreq analyze`` as text, as JSON and as a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from minreq.analyze.analyze import Analysis, Part
from minreq.analyze.kinds import Kind
from minreq.cli import importview
from minreq.cli.text import align_columns, format_size, printable
from minreq.counts import pluralize
from minreq.imports.command import ImportAnalysis
from minreq.pages import treemap

#: The most rows that a table shows.
_MAX_ROWS = 40
#: The most kinds of file that the row of a distribution shows.
_MAX_KINDS = 3


def format_lines(analysis: Analysis, imports: ImportAnalysis | None = None) -> Iterator[str]:
    """Return the lines for a person, the largest first. The budget is the last line, where a terminal shows it."""
    files = pluralize(len(analysis.inventory.entries), "file")
    yield f"{printable(str(analysis.path))}: {analysis.bytes:,} bytes in {files}"
    yield from _table("Distributions", [_row(part) for part in analysis.parts], right={1, 2, 3})
    kinds = [
        (kind.value, f"{count:,}", f"{count / max(analysis.bytes, 1):.1%}") for kind, count in analysis.kinds.items()
    ]
    yield from _table("Kinds of file", kinds, right={1, 2})
    yield from _table(
        "Cold files: packed, and served on demand; bytes packed, unpacked, files",
        [
            (each.name, f"{each.bytes:,}", f"{each.unpacked:,}", f"{each.files:,}", _format_kinds(each.kinds))
            for each in sorted(analysis.cold, key=lambda each: -each.bytes)
        ],
        right={1, 2, 3},
    )
    yield from _table("Largest files", [(f"{each.size:,}", each.path) for each in analysis.largest], right={0})
    yield from _table(
        "Distributions in several versions",
        [(name, ", ".join(versions)) for name, versions in analysis.duplicates.items()],
    )
    unowned = [(folder, f"{count:,}") for folder, count in analysis.unowned.items()]
    yield from _table("Files of no distribution, by folder", unowned, right={1})
    yield from _name_list("Distributions that no other requires", analysis.tops)
    yield from _name_list("Start-up files (.pth), which run at every start of Python", analysis.pth)
    if analysis.savings is not None:
        rows = [
            (saving.name, f"{saving.total:,}", f"with {', '.join(saving.brings)}" if saving.brings else "")
            for saving in analysis.savings
        ]
        yield from _table(
            "Left out by the lock, with the bytes that each saves", rows or [("nothing", "", "")], right={1}
        )
    if imports is not None:
        yield from importview.format_lines(imports)
    if analysis.budget is not None and analysis.left is not None:
        yield ""
        other = f" and {analysis.reserve:,} of the function" if analysis.reserve else ""
        left = f"{analysis.left:,} left" if analysis.left >= 0 else f"{-analysis.left:,} over"
        yield f"Budget {analysis.budget:,}: {analysis.bytes:,} here{other}, {left}"


def to_json_data(analysis: Analysis, imports: ImportAnalysis | None = None) -> dict[str, Any]:
    """Return the result as a dictionary for ``--json``."""
    return {
        "path": str(analysis.path),
        "bytes": analysis.bytes,
        "files": len(analysis.inventory.entries),
        "distributions": [
            {
                "name": part.name,
                "version": part.version,
                "bytes": part.bytes,
                "files": part.files,
                "kinds": _by_kind_name(part.kinds),
            }
            for part in analysis.parts
        ],
        "kinds": _by_kind_name(analysis.kinds),
        "largest": [{"path": each.path, "bytes": each.size} for each in analysis.largest],
        "duplicates": {name: list(versions) for name, versions in analysis.duplicates.items()},
        "unowned": dict(analysis.unowned),
        "required_by_none": list(analysis.tops),
        "pth": list(analysis.pth),
        "cold": [
            {
                "name": each.name,
                "path": each.path,
                "bytes": each.bytes,
                "files": each.files,
                "unpacked": each.unpacked,
                "kinds": _by_kind_name(each.kinds),
            }
            for each in analysis.cold
        ],
        "left_out_by_lock": None
        if analysis.savings is None
        else [
            {"name": each.name, "bytes": each.bytes, "brings": dict(each.brings), "total": each.total}
            for each in analysis.savings
        ],
        "budget": analysis.budget,
        "reserve": analysis.reserve,
        "left": analysis.left,
        "imports": importview.to_json_data(imports),
    }


def render_page(analysis: Analysis, imports: ImportAnalysis | None = None) -> str:
    """Return the result as an HTML page with a map of the sizes."""
    facts = [(f"{analysis.bytes:,} bytes in {pluralize(len(analysis.inventory.entries), 'file')}.", False)]
    if analysis.budget is not None and analysis.left is not None:
        left = f"{analysis.left:,} left" if analysis.left >= 0 else f"{-analysis.left:,} over"
        facts.append((f"Budget {analysis.budget:,}: {left}.", analysis.left < 0))
    if analysis.duplicates:
        several = ", ".join(f"{name} {' and '.join(versions)}" for name, versions in analysis.duplicates.items())
        facts.append((f"Distributions in several versions: {several}.", True))
    title = f"Contents of {analysis.path.name or analysis.path}"
    return treemap.render_page(title, facts, _tiles(analysis), imports=importview.make_page(imports))


def _tiles(analysis: Analysis) -> Iterator[treemap.Tile]:
    """Return the files by distribution, with the debug symbols of a shared object as a tile of their own."""
    for entry in analysis.inventory.entries:
        installed = analysis.inventory.distributions.get(entry.owner)
        name = f"{installed.name} {installed.version}" if installed else entry.owner
        root = installed.key.rpartition("/")[0] if installed else ""
        place = (name, *entry.path.removeprefix(f"{root}/").split("/"))
        if size := entry.size - entry.symbols:
            yield treemap.Tile(place=place, kind=entry.kind.value, bytes=size)
        if entry.symbols:
            symbols = (*place[:-1], f"{place[-1]} ({Kind.SYMBOLS.value})")
            yield treemap.Tile(place=symbols, kind=Kind.SYMBOLS.value, bytes=entry.symbols)


def _by_kind_name(kinds: Mapping[Kind, int]) -> dict[str, int]:
    return {kind.value: count for kind, count in kinds.items()}


def _row(part: Part) -> tuple[str, ...]:
    return (part.name, part.version or "", f"{part.bytes:,}", f"{part.files:,}", _format_kinds(part.kinds))


def _format_kinds(kinds: Mapping[Kind, int]) -> str:
    return ", ".join(f"{kind.value} {format_size(count)}" for kind, count in [*kinds.items()][:_MAX_KINDS])


def _table(heading: str, rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> Iterator[str]:
    if not rows:
        return
    yield ""
    yield f"{heading}:"
    shown = [("  " + printable(first), *map(printable, rest)) for first, *rest in rows[:_MAX_ROWS]]
    yield from align_columns(shown, right=frozenset(right))
    if len(rows) > _MAX_ROWS:
        yield f"  and {len(rows) - _MAX_ROWS} more"


def _name_list(heading: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield ""
        yield f"{heading}: {', '.join(map(printable, names))}"
