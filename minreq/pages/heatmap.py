"""Makes the page about a matrix: a heat map of releases by columns, and evidence on a click; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from minreq.pages.template import fill_template


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A distribution in a cell."""

    name: str
    version: str
    bytes: int
    #: ``out`` if it is left out.
    kind: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatCell:
    """What the page shows of a cell."""

    #: One for each measure of the page; ``None``: not known.
    values: tuple[int | None, ...]
    #: Each with a label and a text.
    facts: tuple[tuple[str, str], ...]
    #: Why it has no result, "" if it has one.
    failure: str = ""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What the colours of the map can show."""

    name: str
    #: Whether it counts bytes.
    is_size: bool = False


def render_page(
    title: str,
    facts: Sequence[tuple[str, bool]],
    *,
    measures: Sequence[Measure],
    releases: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[HeatCell | None]],
) -> str:
    """Return the text of the page, which loads no other file.

    *facts* are shown below the title, each with whether it is bad news. *cells* has a row for each of *releases*, the
    oldest first, with a cell for each of *columns*; ``None`` if there is none.
    """
    # Most distributions are the same in many cells: each is written once.
    numbers: dict[Row, int] = {}
    content = {
        "title": title,
        "facts": facts,
        "measures": [[each.name, each.is_size] for each in measures],
        "releases": releases,
        "columns": columns,
        "cells": [[_encode(cell, numbers) for cell in row] for row in cells],
        "rows": [[each.name, each.version, each.bytes, each.kind, each.why] for each in numbers],
    }
    return fill_template("matrix.html", title, content)


def _encode(cell: HeatCell | None, numbers: dict[Row, int]) -> dict[str, Any] | None:
    if cell is None:
        return None
    return {
        "values": cell.values,
        "facts": cell.facts,
        "failure": cell.failure,
        "rows": [numbers.setdefault(row, len(numbers)) for row in cell.rows],
    }
