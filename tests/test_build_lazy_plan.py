"""Which imports are deferred: a plan from a few sources and a trial that is computed."""

from __future__ import annotations

import pytest

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


_LATE = {"r": "", "x": "a = 1", "root": "from x import a\nimport r\ndef f(): return a"}


@pytest.mark.parametrize(
    ("sources", "is_deferred"),
    [
        ({}, True),
        ({"x": "import r\na = 1\ndef g(): r.hooks.append(1)"}, True),
        ({"x": "import r\na = 1\nb = r.make()\nb.c = 1"}, True),
        ({"x": "import r, sys\na = 1\nif __name__ == '__main__': sys.exit(r.run())"}, True),
        ({"x": "import os, r\na = 1\nos.register_at_fork(after_in_child=r.reset)"}, True),
        ({"x": "import r, sys\na = 1\nfor b in r.all: sys.modules[f'x.{b}'] = sys.modules[__name__ + '.y'] = b"}, True),
        # The module registers something when it runs, or changes what it imports.
        ({"x": "import r\na = 1\nr.hooks.append(1)"}, False),
        ({"x": "from r import find\na = 1\nfind('hooks').append(1)"}, False),
        ({"x": "import r\na = 1\ndef g(): r.hooks.append(1)\ng()"}, False),
        ({"x": "from r import hooks\na = 1\n@hooks.add('x')\ndef g(): pass"}, False),
        ({"x": "import r\na = 1\n@r.cache\ndef g(): pass"}, True),
        ({"x": "from collections import abc\na = 1\n@abc.Mapping.register\nclass B: pass"}, True),
        ({"x": "import r, sys\na = 1\nsys.modules['y'] = r"}, False),
        ({"x": "import r\na = 1\nif r: r.Base.name = 1"}, False),
        ({"x": "import r\na = 1\nfor each in r.all: setattr(r, each, 1)"}, False),
        # The name may be another value when it is read late.
        ({"x": "a = 1\ndef g():\n    global a\n    a = 2"}, False),
        ({"r": "import x\ndef g(): x.a = 2"}, False),
        ({"r": "def g():\n    import x as y\n    y.a = 2"}, False),
        # A package has its loaded submodules as globals; an import of one replaces what has its name.
        ({"root": "from root.x import a\nimport r\ndef f(): return a\ndef x(): pass", "root.x": "a = 1"}, False),
        ({"root": "from root.x import a\nif r: from root import x\ndef f(): return a", "root.x": "a = 1"}, True),
        ({"root": "from root.x import a\nimport r\ndef f(): return a", "root.x": "a = 1"}, True),
        ({"root": "from root.x import a\nimport r\ndef f(): return a, x.b", "root.x": "a = 1"}, False),
    ],
)
def test_an_import_that_would_differ_later_is_not_deferred(sources: dict[str, str], *, is_deferred: bool) -> None:
    modules = {name: read(name, source) for name, source in {**_LATE, **sources}.items()}
    late = modules["root"].imports["a"].modules[0]

    def try_edits(edits: EditSet) -> ImportRecord:
        is_late = ("root", "a") in edits.names and late not in edits.loads.get(("root", "a"), ())
        return ImportRecord(error="", modules=dict.fromkeys(modules.keys() - ({late} if is_late else set()), ""))

    facts = ImportFacts(
        modules=modules,
        loaded=frozenset(modules),
        in_tree=frozenset(modules),
        importers=dict.fromkeys(modules.keys() - {"root"}, "root"),
        costs={name: Cost(seconds=0.001, bytes=1000) for name in modules},
        effects={},
        star_imported=frozenset(),
        known=frozenset(modules),
    )
    names = Planner(facts, bound=0.0002).plan(try_edits).edits.names
    assert names == ({("root", "a")} if is_deferred else set())
