"""Makes a page with a treemap that zooms and a table that sorts and filters; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from minreq.pages.flame import ImportPage
from minreq.pages.template import fill_template


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A file: its place in the treemap, outermost folder first, its kind and its bytes."""

    place: tuple[str, ...]
    kind: str
    bytes: int


#: What a kind is called before its name, where its files are left out.
LEFT_OUT = "left out: "
#: The colours of kinds of files, and of the rules that leave out files: the same on all pages. White text on them has a
#: contrast of at least 4.5 (WCAG 2.2, 1.4.3).
COLOURS: Mapping[str, str] = {
    "code": "#2a6f97",
    "compiled": "#4d7a35",
    "shared objects": "#b23b3e",
    "debug symbols": "#7a5c3e",
    "type stubs": "#7d5a8f",
    "tests": "#8f6200",
    "docs": "#2f756f",
    "metadata": "#5f6870",
    "C sources": "#98408a",
    "data": "#4f5bab",
    "cold archives": "#3f6f8f",
    "scripts": "#8a3b5c",
    "unreached packages": "#35618e",
    "unopened data folders": "#6b4fa0",
    "unused services": "#5a6b1e",
    "unopened files": "#00707f",
    "--drop": "#9a4a1c",
}
_OTHER_COLOUR = "#3b434b"

#: A node in the JSON of the page: name, bytes, and its children or the number of its kind.
_Node = tuple[str, int, "list[_Node] | int"]


def render_page(
    title: str,
    facts: Sequence[tuple[str, bool]],
    tiles: Iterable[Tile],
    *,
    table: Sequence[Sequence[str]] = (),
    imports: ImportPage | None = None,
) -> str:
    """Return the text of the page.

    *facts* are shown below the title, each with whether it is bad news, and then *table*; its first row is the heading.
    Below the files the page shows *imports*.
    """
    tiles = tuple(tiles)
    totals: dict[str, int] = {}
    for tile in tiles:
        totals[tile.kind] = totals.get(tile.kind, 0) + tile.bytes
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))
    root = _make_node("all", [(tile.place, kinds.index(tile.kind), tile.bytes) for tile in tiles])
    colours = [_colour(kind) for kind in kinds]
    content: dict[str, Any] = {
        "title": title,
        "facts": facts,
        "table": table,
        "kinds": kinds,
        "colours": colours,
        "root": root,
    }
    content["imports"] = imports.to_content() if imports else None
    return fill_template("treemap.html", title, content)


def _colour(kind: str) -> str:
    return COLOURS.get(kind.removeprefix(LEFT_OUT), _OTHER_COLOUR)


def _merge_single_folders(node: _Node) -> _Node:
    """Return *node*. A folder that contains just one folder is merged with it."""
    name, size, inside = node
    if isinstance(inside, list) and len(inside) == 1 and isinstance(inside[0][2], list):
        return f"{name}/{inside[0][0]}", size, inside[0][2]
    return node


def _make_node(name: str, files: Sequence[tuple[tuple[str, ...], int, int]]) -> _Node:
    children: dict[str, list[tuple[tuple[str, ...], int, int]]] = {}
    leaves: list[_Node] = []
    for place, kind, size in files:
        if len(place) == 1:
            leaves.append((place[0], size, kind))
        else:
            children.setdefault(place[0], []).append((place[1:], kind, size))
    inside = [_merge_single_folders(_make_node(child, its)) for child, its in children.items()] + leaves
    inside.sort(key=lambda node: (-node[1], node[0]))
    return name, sum(size for _, _, size in files), inside
