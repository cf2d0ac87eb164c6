"""What imports cost by module and by line, and what a line would save: by values alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from minreq.imports.analyze import analyze_module
from minreq.imports.costs import ImportGraph, cost_lines, cost_modules
from minreq.imports.statements import NameUse, Statement, read_line, read_statements
from minreq.imports.watch import Cost, ExecutedImport, ImportRecord, Place


def place(module: str, line: int = 1) -> Place:
    return Place(module, f"/tree/{module}.py", line)


def imported(importer: str, line: int, target: str, *names: str) -> ExecutedImport:
    return ExecutedImport(importer=importer, place=place(importer, line), target=target, names=frozenset(names))


#: The program imports `a`. This imports `b`, which imports `c`; `a` imports `c` too, and reads `x` from `b`.
RECORD = ImportRecord(
    error="",
    places={"a": Place("", "", 0), "b": place("a", 1), "c": place("b", 1), "d": place("b", 2), "d.e": place("b", 2)},
    importers={"b": "a", "c": "b", "d": "b", "d.e": "b"},
    imports=[imported("a", 1, "b", "x"), imported("a", 2, "c"), imported("b", 1, "c"), imported("b", 2, "d.e")],
)
COSTS: Mapping[str, Cost] = {
    name: Cost(seconds=seconds, bytes=size)
    for name, seconds, size in (("a", 1, 10), ("b", 2, -5), ("c", 4, 40), ("d", 8, 80), ("d.e", 16, 0))
}


def test_a_module_costs_what_it_was_the_first_to_import() -> None:
    found = cost_modules(COSTS, RECORD)
    assert [*found] == ["a", "b", "c", "d", "d.e"]
    totals = {name: (each.total.seconds, each.total.bytes) for name, each in found.items()}
    assert totals == {"a": (31, 125), "b": (30, 115), "c": (4, 40), "d": (8, 80), "d.e": (16, 0)}
    assert found["b"].own == COSTS["b"]
    # One that the other run did not load has no cost.
    assert "c" not in cost_modules({name: cost for name, cost in COSTS.items() if name != "c"}, RECORD)


def test_a_line_counts_each_module_once() -> None:
    found = {each.place: (each.modules, each.cost.seconds) for each in cost_lines(cost_modules(COSTS, RECORD))}
    assert found == {Place("", "", 0): (5, 31), place("a", 1): (4, 30), place("b", 2): (2, 24), place("b", 1): (1, 4)}
    # A line that calls itself again, as a loader of modules on demand does.
    loader = ImportRecord(error="", places={"a": place("l"), "b": place("l")}, importers={"b": "a"})
    [line] = cost_lines(cost_modules(COSTS, loader))
    assert (line.modules, line.cost.seconds) == (2, 3)


def test_what_a_line_saves() -> None:
    graph = ImportGraph(RECORD)
    saved = {
        (module, line): (found.modules, found.cost.seconds)
        for module, line in (("a", 1), ("b", 1), ("b", 2), ("a", 2))
        for found in [graph.find_saving(place(module, line), ["y"], COSTS)]
    }
    # Others import `c` anyway, but nothing else `b`, `d` and `d.e`.
    assert saved == {("a", 1): (3, 26), ("b", 1): (0, 0), ("b", 2): (2, 24), ("a", 2): (0, 0)}
    # `a` reads from `b` what the line binds there, so the line has to run.
    found = graph.find_saving(place("b", 2), ["x"], COSTS)
    assert (found.modules, found.reader) == (0, place("a", 1))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (1, Statement(text="import q", at_top=True, uses=(NameUse(name="q", line=8),))),
        (
            2,
            Statement(
                text="from r import a, b as c",
                at_top=True,
                uses=(NameUse(name="a", obstacle="the module reads it as it runs", line=6), NameUse(name="c")),
            ),
        ),
        (10, Statement(text="import s")),
        (99, Statement(text="")),
    ],
)
def test_where_names_are_used(line: int, expected: Statement) -> None:
    source = (
        b"import q\nfrom r import (\n    a,  # first\n    b as c,\n)\nclass B(a): pass\ndef f():\n    return q\n"
        b"try:\n    import s\nexcept OSError: pass\n"
    )
    module = analyze_module(source, "m", is_package=False, late_annotations=False)
    assert module is not None
    found = read_statements(module).get(line) or read_line(source, line)
    assert found == expected
