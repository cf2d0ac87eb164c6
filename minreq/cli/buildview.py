"""Shows the result of ``minreq build``: the saving and risk of each step, and the sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.text import Text

from minreq.build.build import BuildResult
from minreq.cli import lazyview
from minreq.cli.text import align_columns, format_duration, printable
from minreq.counts import pluralize
from minreq.model import LAMBDA_LIMIT, LAMBDA_UPLOAD_LIMIT
from minreq.pages import treemap

#: Seconds of the init phase of AWS Lambda; a function that starts longer is started again, within its own time limit.
_LAMBDA_START = 10
_DIRECT_UPLOAD = f"a direct upload to AWS Lambda ({LAMBDA_UPLOAD_LIMIT:,} bytes): copy it to S3, and name it there"


def format_lines(built: BuildResult, seconds: float) -> Iterator[Text]:
    """Return the lines for a person. The totals come last, where a terminal shows them."""
    yield Text()
    yield Text(f"Savings by step, proven together by {_proof(built)}", style="bold")
    cells = [(f"  {first}", *rest) for first, *rest in _table(built)]
    for row in align_columns(cells, right=frozenset({1, 2})):
        yield Text(row)
    yield from (Text(line) for line in lazyview.format_lines(built.lazy))
    yield Text()
    yield from (Text(row) for row in align_columns([*_sizes(built)], right=frozenset({1})))
    yield from (Text(line) for line in _layers(built))
    yield Text()
    yield Text(
        f"Wrote {built.output} in {format_duration(seconds)}: {printable(built.root)}, --slim {built.slim} "
        f"--bytecode {built.bytecode}"
    )


def _proof(built: BuildResult) -> str:
    return f"{pluralize(len(built.stages), 'stage')} of the smoke, on the built tree"


def _table(built: BuildResult) -> list[tuple[str, ...]]:
    steps = (
        (each.step, f"{each.bytes:,}", f"{each.files:,}" if each.files else "", each.risk, each.why)
        for each in built.savings
    )
    return [("step", "bytes", "files", "risk", "why"), *steps]


def render_page(built: BuildResult) -> str:
    """Return the result as an HTML page with a map of the sizes."""
    sentences = [f"{each.strip()}: {count} {words}" for each, count, words in _sizes(built)]
    sentences += [
        f"function for {name}: attaches {' + '.join(attached)}, {total:,} bytes, {left:,} left"
        for name, attached, total, left in _functions(built)
    ]
    sentences += lazyview.sentences(built.lazy)
    facts = [(f"{each}.", False) for each in (*sentences, f"All savings are proven together by {_proof(built)}")]
    tiles = (
        treemap.Tile(place=(each.owner, *each.path.split("/")), kind=each.kind, bytes=each.bytes) for each in built.map
    )
    return treemap.render_page(f"{built.root}, --slim {built.slim}", facts, tiles, table=_table(built))


def _layers(built: BuildResult) -> Iterator[str]:
    if not built.layers:
        return
    yield ""
    cells = [("  layer", "bytes", "zip", "")]
    cells += [
        (f"  {each.file}", f"{each.bytes:,}", f"{each.zip_bytes:,}", pluralize(len(each.distributions), "distribution"))
        for each in built.layers
    ]
    yield from align_columns(cells, right=frozenset({1, 2}))
    yield ""
    rows = [("  function for", "attaches", "bytes", "left")]
    rows += [
        (f"  {name}", " + ".join(attached), f"{total:,}", f"{left:,}")
        for name, attached, total, left in _functions(built)
    ]
    yield from align_columns(rows, right=frozenset({2, 3}))
    yield f"  Each function has {_limit(built):,} bytes together with all layers that it attaches."
    if any(each.zip_bytes > LAMBDA_UPLOAD_LIMIT for each in built.layers):
        yield f"  Some of the zips are too large for {_DIRECT_UPLOAD}."


def _functions(built: BuildResult) -> Iterator[tuple[str, tuple[str, ...], int, int]]:
    """Return for each function: its provider, the attached layers, their bytes, and the bytes left."""
    sizes = {layer.name: layer.bytes for layer in built.layers}
    for name, attached in built.functions.items():
        total = sum(sizes[layer] for layer in attached)
        yield name, attached, total, _limit(built) - total - built.reserve


def _limit(built: BuildResult) -> int:
    return LAMBDA_LIMIT if built.budget is None else built.budget


def _sizes(built: BuildResult) -> Iterator[tuple[str, str, str]]:
    yield "  unpacked", f"{built.bytes:,}", f"bytes in {pluralize(built.files, 'file')}"
    sources = f"; {built.opened_with_sources:,} with the sources of compiled files"
    beside = sources if built.opened_with_sources != built.opened else ""
    yield "  opened", f"{built.opened:,}", f"of these bytes are in files that the smoke opens{beside}"
    if built.zip_bytes is not None:
        yield "  zip", f"{built.zip_bytes:,}", f"bytes, SHA-256 {built.sha256}"
        if built.zip_bytes > LAMBDA_UPLOAD_LIMIT:
            over = f"{built.zip_bytes - LAMBDA_UPLOAD_LIMIT:,}"
            yield "  too large by", over, f"bytes for {_DIRECT_UPLOAD}"
    if built.first_import is not None:
        yield (
            "  first import",
            f"{built.first_import:.1f}",
            f"seconds, in a new interpreter on this machine; AWS Lambda allows {_LAMBDA_START} s for the start",
        )
    if built.modules is not None:
        yield "  modules", f"{built.modules:,}", "are imported as from the whole lock: the same result and public names"
    left = _limit(built) - built.bytes - built.reserve
    beside = f", with {built.reserve:,} reserved" if built.reserve else ""
    whose = "AWS Lambda" if built.budget is None else "the budget"
    yield "  left" if left >= 0 else "  over by", f"{abs(left):,}", f"of the {_limit(built):,} bytes of {whose}{beside}"


def to_json_data(built: BuildResult) -> dict[str, Any]:
    """Return the result as a dictionary for ``--json``."""
    return {
        "output": built.output.as_posix(),
        "root": built.root,
        "slim": built.slim,
        "bytecode": built.bytecode,
        "target": built.target,
        "bytes": built.bytes,
        "files": built.files,
        "zip_bytes": built.zip_bytes,
        "sha256": built.sha256,
        "opened_bytes": built.opened,
        "opened_bytes_with_sources": built.opened_with_sources,
        "modules": built.modules,
        "lazy": lazyview.to_json_data(built.lazy),
        "missed": [{"path": each.file.path, "rule": each.rule.value} for each in built.missed],
        "first_import_seconds": built.first_import,
        "stages": list(built.stages),
        "reserve": built.reserve,
        "budget": built.budget,
        "layers": [{**asdict(each), "file": each.file.as_posix()} for each in built.layers],
        "functions": {name: list(attached) for name, attached in built.functions.items()},
        "function_bytes": {name: total for name, _, total, _ in _functions(built)},
        "savings": [{**asdict(each), "proven_by": "the smoke on the built tree"} for each in built.savings],
    }
