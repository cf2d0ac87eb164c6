"""A page with a treemap that zooms and a table that sorts and filters, in one file; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minreq.pages.template import filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A file: where it is shown, outermost first, what kind it is, its bytes."""

    place: tuple[str, ...]
    kind: str
    bytes: int


#: What a node becomes in the page: name, bytes, and its children or the number of its kind.
_Node = tuple[str, int, "list[_Node] | int"]


def page(
    title: str,
    facts: Sequence[tuple[str, bool]],
    tiles: Iterable[Tile],
    *,
    table: Sequence[Sequence[str]] = (),
) -> str:
    """Return the text of the page.

    Under the title stand *facts*, each with whether it is bad news, and a *table*, its first row the heading.
    """
    tiles = tuple(tiles)
    totals: dict[str, int] = {}
    for tile in tiles:
        totals[tile.kind] = totals.get(tile.kind, 0) + tile.bytes
    kinds = sorted(totals, key=lambda kind: (-totals[kind], kind))
    root = _node("all", [(tile.place, kinds.index(tile.kind), tile.bytes) for tile in tiles])
    content = {"title": title, "facts": facts, "table": table, "kinds": kinds, "root": root}
    return filled("treemap.html", title, content)


def _joined(node: _Node) -> _Node:
    """*node*, or where it is a folder with nothing but one folder in it, both as one."""
    name, size, inside = node
    if isinstance(inside, list) and len(inside) == 1 and isinstance(inside[0][2], list):
        return f"{name}/{inside[0][0]}", size, inside[0][2]
    return node


def _node(name: str, files: Sequence[tuple[tuple[str, ...], int, int]]) -> _Node:
    children: dict[str, list[tuple[tuple[str, ...], int, int]]] = {}
    leaves: list[_Node] = []
    for place, kind, size in files:
        if len(place) == 1:
            leaves.append((place[0], size, kind))
        else:
            children.setdefault(place[0], []).append((place[1:], kind, size))
    inside = [_joined(_node(child, its)) for child, its in children.items()] + leaves
    inside.sort(key=lambda node: (-node[1], node[0]))
    return name, sum(size for _, _, size in files), inside
