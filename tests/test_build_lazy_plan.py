"""Which imports are deferred: a plan from a few sources and a trial that is computed."""

from __future__ import annotations

from minreq.build.lazy.edits import EditSet
from minreq.build.lazy.plan import EditPlan, ImportFacts, Planner
from minreq.imports.analyze import analyze_module
from minreq.imports.sourcemodule import SourceModule
from minreq.imports.watch import Cost, ImportRecord


def read(name: str, source: str) -> SourceModule:
    found = analyze_module(source.encode(), name, is_package=False, late_annotations=False)
    assert found is not None
    return found


def test_an_edit_in_a_module_that_is_loaded_unforeseen_has_its_saving() -> None:
    """`z` was first imported by `x`; without `x`, the import in the `try` of `y` loads it, which no statement shows."""
    sources = {
        "root": "from x import a\nfrom y import b\nB = b\ndef f(): return a",
        "x": "import z\na = z",
        "y": "try:\n    import z\nexcept ImportError: pass\nb = 1",
        "z": "from w import c\ndef g(): return c",
        "w": "c = 1",
    }

    def try_edits(edits: EditSet) -> ImportRecord:
        gone = {"x"} if ("root", "a") in edits.names else set()
        gone |= {"w"} if ("z", "c") in edits.names else set()
        return ImportRecord(error="", modules=dict.fromkeys(sources.keys() - gone, ""))

    facts = ImportFacts(
        modules={name: read(name, source) for name, source in sources.items()},
        loaded=frozenset(sources),
        in_tree=frozenset(sources),
        importers={"x": "root", "y": "root", "z": "x", "w": "z"},
        costs={name: Cost(seconds=0.001, bytes=1000) for name in sources},
        effects={},
        star_imported=frozenset(),
    )
    plan: EditPlan = Planner(facts, bound=0.0002).plan(try_edits)
    assert plan.edits.names == {("root", "a"), ("z", "c")}
    assert plan.savings.keys() == plan.edits.names
    assert plan.savings["z", "c"] == Cost(seconds=0.001, bytes=1000)
