"""Makes the HTML page of ``minreq matrix --html``."""

from __future__ import annotations

from collections.abc import Iterator

from minreq.cli.text import format_duration
from minreq.counts import pluralize
from minreq.matrix.matrix import Matrix
from minreq.matrix.results import CellResult
from minreq.pages.heatmap import HeatCell, Measure, Row, render_page as render_heatmap

_MEASURES = (Measure(name="bytes kept", is_size=True), Measure(name="distributions kept"))
_DECLARED = Measure(name="bytes declared", is_size=True)
_BUILT = Measure(name="bytes built", is_size=True)


def render_page(matrix: Matrix) -> str:
    """Return the page: a row for each release, a column for each set of providers, interpreter and platform."""
    results = matrix.results
    releases = [*dict.fromkeys(_release(each) for each in results)]
    columns = [*dict.fromkeys(each.cell.column.title for each in results)]
    is_declared = any(each.declared_bytes is not None for each in results)
    is_built = any(each.built_bytes is not None for each in results)
    by_place = {
        (_release(each), each.cell.column.title): _cell(each, declared=is_declared, built=is_built) for each in results
    }
    failed = sum(each.status != "done" for each in results)
    roots = ", ".join(dict.fromkeys(each.root for each in results))
    facts = [
        (f"{pluralize(len(releases), 'release')}, {pluralize(len(results), 'cell')}.", False),
        *([(f"{failed} without a result.", True)] if failed else []),
        ("+ and \N{MINUS SIGN}: distributions kept and dropped since the release before.", False),
    ]
    return render_heatmap(
        f"{roots}: {_question(results)}",
        facts,
        measures=[*_MEASURES, *([_DECLARED] if is_declared else []), *([_BUILT] if is_built else [])],
        releases=releases,
        columns=columns,
        cells=[[by_place.get((release, column)) for column in columns] for release in releases],
    )


def _question(results: tuple[CellResult, ...]) -> str:
    first = results[0]
    return {
        "lock": "what each release keeps",
        "measure": "what the providers need",
        "build": f"builds of level {first.level}",
    }[first.kind]


def _release(result: CellResult) -> str:
    return f"{result.root} {result.version}"


def _cell(result: CellResult, *, declared: bool, built: bool) -> HeatCell:
    is_done = result.status == "done"
    values: list[int | None] = [result.kept_bytes, len(result.kept)] if is_done else [None, None]
    values += [result.declared_bytes if is_done else None] if declared else []
    values += [result.built_bytes if is_done else None] if built else []
    return HeatCell(
        values=tuple(values),
        facts=tuple(_facts(result)),
        failure="" if is_done else f"{result.status}: {result.sentence or result.reason}",
        rows=tuple(
            Row(name=each.name, version=str(each.version), bytes=each.bytes, kind=each.kind, why=each.why)
            for each in (*result.kept, *result.left_out)
        ),
    )


def _facts(result: CellResult) -> Iterator[tuple[str, str]]:
    if result.status == "done":
        yield "kept", f"{pluralize(len(result.kept), 'distribution')}, {result.kept_bytes:,} bytes"
    if result.declared is not None and result.declared_bytes is not None:
        yield "declared", f"{pluralize(result.declared, 'distribution')}, {result.declared_bytes:,} bytes"
    if result.installed_bytes is not None:
        yield "with bytecode", f"{result.installed_bytes:,} bytes"
    if result.built_bytes is not None:
        yield "built", f"{result.built_bytes:,} bytes"
    if result.ran_on:
        yield "ran on", result.ran_on
    yield "took", format_duration(result.seconds)
