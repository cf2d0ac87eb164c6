"""Shows what the import of a program costs: as text, as JSON, and as data for a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from minreq.cli.text import align_columns, printable
from minreq.counts import pluralize
from minreq.imports.command import ImportAnalysis, ImportLine, ModuleCost
from minreq.imports.statements import NameUse
from minreq.pages.flame import FlameNode, ImportPage

#: The most lines of the tree that the text shows, and those that it says more of.
_LINES, _CHANGES = 25, 10
#: What does not save that much is not worth a change; seconds.
_LEAST = 0.0005
#: The most names that a sentence has.
_NAMES = 5
#: The most characters of a statement.
_WIDTH = 60
_HEADING = ("ms", "MB", "modules", "ms saved", "MB saved", "line", "statement")


def format_lines(analysis: ImportAnalysis) -> Iterator[str]:
    """Yield the lines for a person."""
    yield ""
    yield f"{_summarize(analysis)}, in one run on this machine"
    if not analysis.lines:
        return
    yield ""
    yield "Lines of the tree that import: what each was the first to load, and what would not be loaded without it:"
    rows = [(f"  {first}", *rest) for first, *rest in (_HEADING, *map(_row, analysis.lines[:_LINES]))]
    yield from align_columns(rows, right=frozenset(range(5)))
    if len(analysis.lines) > _LINES:
        yield f"  and {len(analysis.lines) - _LINES} more with --json and --html"
    changes = _find_changes(analysis)
    if changes:
        yield ""
        yield "What to change at the source, the largest saving first:"
    for each in changes[:_CHANGES]:
        saving = each.saving
        yield (
            f"  {_show_seconds(saving.cost.seconds)} ms, {_show_bytes(saving.cost.bytes)} MB, "
            f"{pluralize(saving.modules, 'module')}: {_place(each)}  {_shorten(each.statement.text)}"
        )
        for sentence in _describe_change(each):
            yield f"    {sentence}"


def to_json_data(analysis: ImportAnalysis | None) -> dict[str, Any] | None:
    """Return what ``--json`` has; ``None`` where nothing was measured."""
    if analysis is None:
        return None
    return {
        "program": analysis.program,
        "seconds": round(analysis.cost.seconds, 6),
        "bytes": analysis.cost.bytes,
        "collection_seconds": round(analysis.collected, 6),
        "modules": [
            {
                "name": each.name,
                "importer": each.importer or None,
                "place": analysis.show_place(each.place),
                "seconds": round(each.own.seconds, 6),
                "bytes": each.own.bytes,
                "total_seconds": round(each.total.seconds, 6),
                "total_bytes": each.total.bytes,
            }
            for each in analysis.modules
        ],
        "lines": [
            {
                "path": each.path,
                "line": each.line,
                "statement": each.statement.text,
                "at_top": each.statement.at_top,
                "modules": each.modules,
                "seconds": round(each.cost.seconds, 6),
                "bytes": each.cost.bytes,
                "saved": {
                    "modules": each.saving.modules,
                    "seconds": round(each.saving.cost.seconds, 6),
                    "bytes": each.saving.cost.bytes,
                    "read_by": analysis.show_place(each.saving.reader) if each.saving.reader else None,
                },
                "names": [
                    {"name": use.name, "obstacle": use.obstacle or None, "line": use.line or None}
                    for use in each.statement.uses
                ],
            }
            for each in analysis.lines
        ],
    }


def make_page(analysis: ImportAnalysis | None) -> ImportPage | None:
    """Return what a page shows; ``None`` where nothing was measured."""
    if analysis is None:
        return None
    children: dict[str, list[ModuleCost]] = defaultdict(list)
    for each in analysis.modules:
        children[each.importer].append(each)
    nodes: dict[str, FlameNode] = {}
    for each in reversed(analysis.modules):
        nodes[each.name] = _make_node(each, [nodes[child.name] for child in children[each.name]], analysis)
    lines = [(*_row(each), *_describe_change(each)) for each in analysis.lines]
    return ImportPage(
        title=_summarize(analysis),
        nodes=[nodes[each.name] for each in children[""]],
        heading=(*_HEADING, "what a change needs"),
        rows=[(*each[:7], "; ".join(each[7:])) for each in lines],
    )


def _summarize(analysis: ImportAnalysis) -> str:
    modules, memory = pluralize(len(analysis.modules), "module"), _show_bytes(analysis.cost.bytes)
    seconds, garbage = _show_seconds(analysis.cost.seconds), _show_seconds(analysis.collected)
    return (
        f"`{analysis.program}` loads {modules}: {memory} MB of memory, {seconds} ms of the processor, and {garbage} ms "
        "for the collection of garbage"
    )


def _make_node(module: ModuleCost, children: Sequence[FlameNode], analysis: ImportAnalysis) -> FlameNode:
    return FlameNode(
        name=module.name,
        place=analysis.show_place(module.place),
        microseconds=max(round(module.total.seconds * 1e6), sum(each.microseconds for each in children)),
        # A module may give memory back.
        bytes=max(module.total.bytes, sum(each.bytes for each in children)),
        children=tuple(children),
    )


def _row(line: ImportLine) -> Sequence[str]:
    saving = line.saving
    return (
        _show_seconds(line.cost.seconds),
        _show_bytes(line.cost.bytes),
        f"{line.modules:,}",
        _show_seconds(saving.cost.seconds),
        _show_bytes(saving.cost.bytes),
        _place(line),
        _shorten(line.statement.text),
    )


def _find_changes(analysis: ImportAnalysis) -> Sequence[ImportLine]:
    found = [each for each in analysis.lines if each.saving.cost.seconds >= _LEAST]
    return sorted(found, key=lambda each: -each.saving.cost.seconds)


def _describe_change(line: ImportLine) -> Iterator[str]:
    """Yield what keeps the import from running later, or where it could run."""
    if line.saving.reader is not None:
        yield f"{line.saving.reader.module}, line {line.saving.reader.line}, reads a name of it as it runs"
    if not line.statement.at_top:
        yield "it is in a function or in a block, which runs at import"
    by_sentence: Mapping[str, list[str]] = defaultdict(list)
    for use in line.statement.uses:
        by_sentence[_describe_use(use)].append(use.name)
    for sentence, names in by_sentence.items():
        more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
        yield f"{', '.join(names[:_NAMES])}{more}: {sentence}"


def _describe_use(use: NameUse) -> str:
    where = f", line {use.line}" if use.line else ""
    if use.obstacle:
        return use.obstacle + where
    if use.line:
        return f"nothing reads it at import; the first line that names it is {use.line}"
    return "the module itself does not read it"


def _place(line: ImportLine) -> str:
    return printable(f"{line.path}:{line.line}")


def _shorten(text: str) -> str:
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= _WIDTH else f"{shown[: _WIDTH - 3]}..."


def _show_seconds(seconds: float) -> str:
    return f"{seconds * 1000:,.1f}"


def _show_bytes(count: int) -> str:
    return f"{count / 1e6:,.1f}"
