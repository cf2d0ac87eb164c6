"""`minreq build --lazy`: imports that nothing uses yet do not run, and that is proven."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from coldtree import run_python
from commanding import Project, project

from minreq.build.lazy.native import FIRST_VERSION
from minreq.build.lazy.result import DeferredImport, ImportCost, LazyResult
from minreq.build.lazy.search import find_culprit
from minreq.config.artifacts import build_settings
from minreq.errors import InvalidOptions

#: Whether the interpreter defers the imports itself: it needs no code that serves submodules.
NATIVELY = sys.version_info >= FIRST_VERSION
WORK = "x = sum(range(200_000))"
SCENARIO = f'''
explanation = "`app` imports much that its smoke does not use at once."
requirements = ["app"]
program = """
import app, sys
print(app.answer(), app.later(), "app.seen" in sys.modules)
"""
[wheels.app."1.0"]
requires = ["lib"]
[wheels.app."1.0".files]
"app/__init__.py" = """
import logging
from app.slow import Slow, value
from app.needed import Base
from app import registers
from app.names import *
import lib.deep as deep
from app.order import early
from app.seen import sight
from app.same import same

class App(Base): pass

def answer() -> int: return 42

def later(): return Slow.number + deep.number

def flag(): return registers, early, sight, same
"""
"app/slow.py" = """
{WORK}
value = 1
class Slow: number = 1
"""
"app/needed.py" = "class Base: pass"
"app/registers.py" = """
import logging
{WORK}
logging.getLogger('app').addHandler(logging.NullHandler())
"""
"app/names.py" = "from app.second import value as other"
"app/second.py" = "value = 2"
"app/order.py" = """
{WORK}
import app
early = 'slow' in vars(app)
"""
"app/seen.py" = """
{WORK}
sight = 1
"""
"app/same.py" = """
{WORK}
same = 3
"""
"app/cold.py" = "from app import Slow"
[wheels.lib."1.0".files]
"lib/__init__.py" = ""
"lib/deep.py" = """
{WORK}
number = 1
"""
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("lazy"))
    made.make_lock()
    return made


@pytest.fixture(scope="module")
def built(made: Project) -> dict[str, Any]:
    done = made.minreq(
        *("build", "-o", "out", "-q", "--json", "-j", "1", "--slim", "cold", "--lazy", "--lazy-diff", "lazy.diff"),
        *("--lazy-bound", "0.1ms", "--html", "page.html", "--prove-modules", "cold"),
    )
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_imports_are_deferred_and_listed(made: Project, built: dict[str, Any]) -> None:
    lazy = built["lazy"]
    assert {path: {*names} for path, names in lazy["edits"].items()} == {
        "app/__init__.py": {"Slow", "value", "deep", "early"},
        "lib/__init__.py": set(),  # It serves its submodule.
    }
    edit = lazy["edits"]["app/__init__.py"]["Slow"]
    assert (edit["line"], edit["statement"]) == (2, "from app.slow import Slow")
    assert edit["milliseconds"] > 0
    assert lazy["before"]["modules"] - lazy["after"]["modules"] == 4
    description = json.loads(made.folder.joinpath("out/minreq-build.json").read_text())["lazy"]
    assert description["edits"] == lazy["edits"]
    assert "from app.slow import Slow" in made.folder.joinpath("page.html").read_text()
    diff = made.folder.joinpath("lazy.diff").read_text()
    assert "-from app.slow import Slow, value\n" in diff
    assert diff.count("+++ b/") == (1 if NATIVELY else 2)


def test_options_of_deferred_imports_are_for_deferred_imports() -> None:
    with pytest.raises(InvalidOptions, match=r"^--lazy-bound and --lazy-diff are for --lazy; add --lazy$"):
        build_settings({"output": Path("out"), "lazy_diff": Path("x"), "cache_dir": Path()}, {})


def test_an_edit_that_the_smoke_notices_is_undone(built: dict[str, Any]) -> None:
    assert len(built["lazy"]["undone"]) == 1, built["lazy"]["undone"]
    [undone] = built["lazy"]["undone"]
    assert (undone["path"], undone["name"]) == ("app/__init__.py", "sight")
    assert "42 2 True" in undone["why"]


def test_the_written_tree_is_as_the_whole_one(made: Project, built: dict[str, Any]) -> None:
    """Its records are true, and its imports can be made to run at once."""
    folder = made.folder / "out"
    code = "import app, sys\nprint('app.slow' in sys.modules, app.later(), app.flag()[1:], 'slow' in dir(app))"
    # The interpreter has no variable for its own lazy imports.
    for value, loaded in (("1", False), ("0", not NATIVELY)):
        done = run_python(["-S", "-B", "-c", code], {"PYTHONPATH": str(folder), "MINREQ_LAZY": value})
        assert done.out == f"{loaded} 2 (True, 1, 3) True\n", done.err
    assert built["files"] == sum(each.is_file() for each in folder.rglob("*"))
    for record in folder.glob("*.dist-info/RECORD"):
        for row in csv.reader(record.read_text().splitlines()):
            if row[1]:
                content = folder.joinpath(row[0]).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert row[1:] == [f"sha256={digest}", str(len(content))]


def test_a_source_that_differs_on_another_platform_keeps_its_imports(tmp_path: Path) -> None:
    cost = ImportCost(modules=1, seconds=1.0, peak=1)
    paths = ("differs.py", "nowhere.py", "same.py")
    edits = (
        DeferredImport(path=path, line=1, name="a", statement="import a", milliseconds=1.0, bytes=1) for path in paths
    )
    lazy = LazyResult(
        bound=0.001,
        edits=tuple(edits),
        undone=(),
        imports=3,
        candidates=3,
        read=0,
        refusals={},
        effects=dict.fromkeys(paths, ("b",)),
        before=cost,
        after=cost,
        ordered=0,
        orders=0,
        sources=dict.fromkeys(paths, b"new"),
        digests=dict.fromkeys(paths, hashlib.sha256(b"old").hexdigest()),
    )
    tmp_path.joinpath("differs.py").write_text("other")
    tmp_path.joinpath("same.py").write_text("old")
    found = lazy.for_tree(tmp_path).describe()
    assert [*found["edits"]] == [*found["loaded_for_their_effects"]] == ["same.py"]


def test_find_culprit() -> None:
    tried: list[int] = []

    def passes(items: Any) -> bool:
        tried.append(len(items))
        return 7 not in items

    assert find_culprit(range(10), passes) == 7
    assert len(tried) == 3
