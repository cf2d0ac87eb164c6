"""The comparison of the imports from two trees, on folders of a few files."""

from __future__ import annotations

import json
import py_compile
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from minreq.build import moduleproof
from minreq.build.moduleproof import ImportResult, ModuleProver, link_compiled
from minreq.build.slim.files import TreeFile

FILES = {
    "p/__init__.py": "import os\nname = 1",
    "p/data.txt": "data",
    "p/ends.py": "import os; os._exit(3)",
    "p/fails.py": "raise KeyError",
    "p/hangs.py": "import time; time.sleep(100)",
    "p/leaves.py": "raise SystemExit",
    "p/other.py": "import p",
    "p/sub/__init__.py": "",
}
MODULES = ["p", "p.ends", "p.fails", "p.hangs", "p.leaves", "p.nothing", "p.other", "p.sub"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        tmp_path.joinpath(path).parent.mkdir(parents=True, exist_ok=True)
        tmp_path.joinpath(path).write_text(text)
    return tmp_path


def probe(folder: Path) -> dict[str, dict[str, Any]]:
    packages = [{"name": "p", "lists": [MODULES]}, {"name": "", "lists": [["json"]]}]
    (folder / "task").write_text(json.dumps({"folders": [str(folder)], "packages": packages, "seconds": 1}))
    command = [
        sys.executable,
        "-S",
        "-B",
        "-c",
        moduleproof.read_script(),
        str(folder / "task"),
        str(folder / "results"),
    ]
    subprocess.run(command, check=True)
    records = map(json.loads, (folder / "results").read_text().splitlines())
    return {record["module"]: record for record in records}


def test_each_module_has_a_result(folder: Path) -> None:
    """One that ends or hangs does not keep the others from being imported."""
    found = probe(folder)
    assert {module: record["outcome"] for module, record in found.items()} == {
        "json": "imported",
        "p": "imported",
        "p.ends": "the process ended",
        "p.fails": "KeyError",
        "p.hangs": "no end after 1 seconds",
        "p.leaves": "SystemExit",
        "p.nothing": "ModuleNotFoundError",
        "p.other": "imported",
        "p.sub": "imported",
    }
    assert found["p"]["data"] != found["p.sub"]["data"]


def test_what_the_store_compiled_is_not_compiled_again(folder: Path, tmp_path: Path) -> None:
    """Python finds the compiled files of a tree whose files are links to those of the store."""
    source = folder / "p" / "__init__.py"
    known = Path(py_compile.compile(str(source)) or "")
    tree, compiled = tmp_path / "tree", tmp_path / "compiled"
    tree.joinpath("p").mkdir(parents=True)
    tree.joinpath("p", "__init__.py").hardlink_to(source)
    file = TreeFile(path="p/__init__.py", owner=canonicalize_name("p"), source=source, size=1)
    link_compiled([file], tree, compiled, known.name.split(".")[1])
    environment = {"PYTHONPATH": str(tree), "PYTHONPYCACHEPREFIX": str(compiled)}
    command = [sys.executable, "-Sv", "-c", "import p"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert f"{compiled}{tree}/p/{known.name} matches {tree}/p/__init__.py" in done.stderr


def test_public_names_and_data_make_a_difference(folder: Path) -> None:
    before = probe(folder)["p"]
    folder.joinpath("results").unlink()
    folder.joinpath("p/__init__.py").write_text("import os\n_name = 1")
    folder.joinpath("p/data.txt").write_text("other")
    after = probe(folder)["p"]
    assert before["names"] != after["names"]
    assert before["data"] != after["data"]


def imported(names: str = "") -> ImportResult:
    return ImportResult(outcome="imported", names=names)


def kinds(**names: str) -> ImportResult:
    return ImportResult(outcome="imported", kinds=names)


@pytest.mark.parametrize(
    ("whole", "cold", "sentence"),
    [
        (imported(), imported(), None),
        (
            imported(),
            ImportResult(outcome="OSError"),
            "m: imported from the whole lock, fails (OSError) from the cold tree",
        ),
        (imported("a"), imported("b"), "m: its public names differ between the whole lock and the cold tree"),
        (kinds(a="int"), kinds(a="int", b="module p.b"), None),
        (kinds(a="int"), kinds(a="str"), "m: its public names differ between the whole lock and the cold tree"),
        (kinds(a="int"), kinds(), "m: its public names differ between the whole lock and the cold tree"),
        (kinds(), kinds(a="int"), "m: its public names differ between the whole lock and the cold tree"),
        (None, None, "m: its import could not be compared"),
        (imported(), None, "m: its import could not be compared"),
    ],
)
def test_no_result_is_a_difference(
    monkeypatch: pytest.MonkeyPatch, whole: ImportResult | None, cold: ImportResult | None, sentence: str | None
) -> None:
    results = {Path("whole"): whole, Path("cold"): cold}

    def import_all(
        _prover: ModuleProver, tree: Path, _packages: Iterable[tuple[str, Sequence[Sequence[str]]]], _names: object = ()
    ) -> Mapping[str, ImportResult]:
        return {} if (result := results[tree]) is None else {"m": result}

    monkeypatch.setattr(ModuleProver, "_import_all", import_all)
    setup: Any = SimpleNamespace()
    prover = ModuleProver(setup=setup, whole=Path("whole"), cold=Path("cold"), provided=(), jobs=1)
    assert [each.sentence for each in prover.find_differences(["m"])] == ([] if sentence is None else [sentence])


def test_private_names_that_are_deferred_are_looked_up_in_both_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Mapping[str, Sequence[str]]] = {}

    def import_all(
        _prover: ModuleProver, tree: Path, _packages: object, names: Mapping[str, Sequence[str]]
    ) -> Mapping[str, ImportResult]:
        asked[tree.name] = names
        return {"m": kinds(**dict.fromkeys([*names["m"], "b"], f"a kind of {tree}"))}

    monkeypatch.setattr(ModuleProver, "_import_all", import_all)
    setup: Any = SimpleNamespace()
    prover = ModuleProver(
        setup=setup, whole=Path("whole"), cold=Path("cold"), provided=(), jobs=1, looks_up=True, hinted={"m": {"_a"}}
    )
    assert len([*prover.find_differences(["m"])]) == 1
    assert asked == {"whole": {"m": ["_a"]}, "cold": {"m": ["_a", "b"]}}
