"""The script that imports and records, in an interpreter of its own: one tree, one run for each kind of record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from minreq.imports.watch import read_script

FILES: Mapping[str, str] = {
    "a/__init__.py": "from a import b\nfrom .deep.leaf import *\nimport a.other as other",
    "a/b.py": """import importlib
data = bytes(bytearray(30_000_000))
def load(): importlib.import_module('c')
load()
""",
    "a/deep/__init__.py": "",
    "a/deep/leaf.py": "__all__ = ['one']\none = two = 1\ntable = {}\nnames = []",
    "a/other.py": """import os
from a.deep.leaf import one, table, names
try:
    import nothing
except ImportError:
    pass
""",
    "c.py": "x = sum(range(400_000))",
    "effects.py": """
import atexit, logging, os, pure
from a.deep import leaf
from a.deep.leaf import table, names
os.environ['SEEN'] = '1'
table['key'] = 1
names.append(1)
leaf.late = 2
atexit.register(print)
logging.getLogger('effects').setLevel(10)
""",
    "pure.py": "import c\nown = {}\nown['key'] = 1",
    "garbage.py": "import gc\nfor _ in range(20): gc.collect()",
    "fails/__init__.py": "import fails.inside.deep, pure\nraise ValueError('no')",
    "fails/inside/deep.py": "",  # `fails.inside` is a namespace package, whose path cannot be asked for afterwards.
    "script/run.py": "import beside",
    "script/beside.py": "import c",
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    for path, text in FILES.items():
        folder.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(path).write_text(text)
    return folder


def watch(tree: Path, record: str, *modules: str, script: str = "") -> dict[str, Any]:
    task = {
        "folders": [str(tree)],
        "script": script,
        "modules": modules,
        "record": record,
        "results": f"{tree}/results",
    }
    tree.joinpath("task").write_text(json.dumps(task))
    code = read_script()
    subprocess.run([sys.executable, "-S", "-s", "-B", "-c", code, tree / "task"], check=True, stdout=subprocess.DEVNULL)
    found: dict[str, Any] = json.loads(tree.joinpath("results").read_text())
    return found


def test_what_is_loaded(tree: Path) -> None:
    found = watch(tree, "loaded", "a", "pure")
    assert {name: file for name, file in found["modules"].items() if name.partition(".")[0] in {"a", "c"}} == {
        **{name: f"{tree}/{name.replace('.', '/')}/__init__.py" for name in ("a", "a.deep")},
        **{name: f"{tree}/{name.replace('.', '/')}.py" for name in ("a.b", "a.deep.leaf", "a.other", "c")},
    }
    assert (found["error"], found["resolved"], found["unresolved"]) == ("", [], [])
    assert found["peak"] > 1_000_000
    assert found["seconds"] > 0


def test_a_script_has_its_folder_and_a_failure_its_traceback(tree: Path) -> None:
    assert watch(tree, "loaded", script=f"{tree}/script/run.py")["modules"]["beside"] == f"{tree}/script/beside.py"
    found = watch(tree, "loaded", "fails")
    assert found["error"].splitlines()[-1] == "ValueError: no"
    assert "pure" in found["modules"]


def test_a_module_costs_what_it_does_itself(tree: Path) -> None:
    """Without what it imports, and without the garbage that is collected while it runs."""
    found = watch(tree, "costs", "a", "garbage")
    costs = found["costs"]
    assert costs.keys() >= {"a", "a.b", "a.deep", "a.deep.leaf", "a.other", "c", "garbage"}
    assert costs["a.b"][1] > 25_000_000
    assert max(costs["a"][1], costs["c"][1]) < 5_000_000
    assert costs["c"][0] > costs["a"][0] > 0
    assert found["collected"] > costs["garbage"][0]


def test_which_line_imports_what(tree: Path) -> None:
    found = watch(tree, "lines", "a")
    places = {name: (place[0], place[2]) for name, place in found["places"].items()}
    assert {name: place for name, place in places.items() if name.partition(".")[0] in {"a", "c"}} == {
        "a": ("", 0),
        "a.b": ("a", 1),
        "c": ("a.b", 3),
        "a.deep": ("a", 2),
        "a.deep.leaf": ("a", 2),
        "a.other": ("a", 3),
    }
    assert found["places"]["a.b"][1] == f"{tree}/a/__init__.py"
    assert {name: found["importers"].get(name) for name in ("a", "a.b", "c")} == {"a": None, "a.b": "a", "c": "a.b"}
    imports: Sequence[tuple[Any, ...]] = [
        (importer, place[2], target, names) for importer, place, target, names in found["imports"]
    ]
    assert ("a", 1, "a.b", ["b"]) in imports
    assert ("a", 2, "a.deep.leaf", ["one"]) in imports  # What the star stands for.
    assert ("a.b", 3, "c", []) in imports
    # Imports of what is loaded already, too; none that fails.
    assert ("a.other", 1, "os", []) in imports
    assert ("a.other", 2, "a.deep.leaf", ["names", "one", "table"]) in imports
    assert not [each for each in imports if each[2] == "nothing"]


def test_what_a_module_changes_outside_of_itself(tree: Path) -> None:
    found = watch(tree, "effects", "a", "effects")
    effects = {
        name: its for name, its in found["effects"].items() if name in {"a", "a.b", "a.other", "effects", "pure"}
    }
    assert effects.keys() == {"effects"}
    assert {*effects["effects"]} >= {
        "a.deep.leaf.names",
        "a.deep.leaf.table['key']",
        "a.deep.leaf['late']",
        "functions that run at the end",
        "loggers",
        "os.environ",
    }
    assert (found["importers"]["pure"], found["importers"]["a.b"]) == ("effects", "a")
    assert sorted(found["aliases"]["effects"]) == ["a.deep.leaf", "atexit", "logging", "os", "pure"]
