"""The part of a page that shows imports as a flame graph: each module below its importer, as wide as its cost; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: A node that is narrower than this part of all is not drawn.
_LEAST_PART = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class FlameNode:
    """A module, with those that it was the first to import."""

    name: str
    #: The line that imports it.
    place: str
    microseconds: int
    bytes: int
    children: tuple[FlameNode, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPage:
    """What a page shows of the imports of a program."""

    title: str
    nodes: Sequence[FlameNode]
    heading: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_content(self) -> dict[str, Any]:
        """Return the data of the page: a node is its name, place, microseconds, bytes and children."""
        sizes = [sum(each.microseconds for each in self.nodes), sum(each.bytes for each in self.nodes)]
        least = [size * _LEAST_PART for size in sizes]
        return {
            "title": self.title,
            "root": ["all", "", *sizes, _make_nodes(self.nodes, least)],
            "heading": [*self.heading],
            "rows": [[*row] for row in self.rows],
        }


def _make_nodes(nodes: Sequence[FlameNode], least: Sequence[float]) -> list[Any]:
    return [
        [each.name, each.place, each.microseconds, each.bytes, _make_nodes(each.children, least)]
        for each in nodes
        if each.microseconds > least[0] or each.bytes > least[1]
    ]
