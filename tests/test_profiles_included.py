"""The script that imports what the user keeps (``--include``), run as the smoke runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

SCRIPT = resources.files("minreq.profiles") / "commands" / "smoke_included.py"


def import_all(folder: Path, files: Mapping[str, str], also: tuple[str, ...] = ()) -> list[str]:
    """Install a distribution with *files* into *folder*, which has those of *also*; return what the script prints."""
    names = {f"{name}.py": text for name, text in files.items()}
    info = folder / "thing-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
    info.joinpath("RECORD").write_text(
        "".join(f"{name},,\n" for name in (*names, *also)) + "../bin/thing.py,,\nthing/a.txt,,\n"
    )
    for name, text in names.items():
        folder.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        folder.joinpath(name).write_text(text)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env={"MINREQ_INCLUDED": "thing", "PYTHONPATH": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("files", "modules"),
    [
        (("a/__init__", "a/b", "a/c/__init__", "c"), ["a", "c"]),
        (("a/b/__init__", "a/b/c", "a/d"), ["a.b", "a.d"]),
        (("a/b/c", "a/__main__", "b-c/d"), ["a.b.c"]),
        (("__main__", "__init__/a"), ["__init__.a"]),
        ((), []),
    ],
)
def test_the_modules_are_those_that_no_package_is_around(
    files: tuple[str, ...], modules: list[str], tmp_path: Path
) -> None:
    """So the parts of a namespace package are modules, too."""
    found = import_all(tmp_path, dict.fromkeys(files, ""))
    assert found == [f"{module} is imported" for module in modules]


def test_a_package_may_have_another_encoding(tmp_path: Path) -> None:
    """Its source is searched as bytes."""
    tmp_path.joinpath("a").mkdir()
    tmp_path.joinpath("a", "__init__.py").write_bytes(b"# -*- coding: latin-1 -*-\nx = '\xfc'\n")
    assert import_all(tmp_path, {"a/b": ""}, also=("a/__init__.py",)) == ["a is imported"]


def test_a_namespace_package_may_have_a_file(tmp_path: Path) -> None:
    old = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    assert import_all(tmp_path, {"a/__init__": old, "a/b": "import gone"}) == [
        "a.b ModuleNotFoundError No module named 'gone'"
    ]


def test_each_has_a_process_of_its_own(tmp_path: Path) -> None:
    """One that ends it is no end for the others, and what one loads another does not have."""
    loads = "import sys\nsys.modules['gone'] = sys\n"
    assert import_all(tmp_path, {"a": loads, "b": "import os\nos._exit(3)", "c": "import gone"}) == [
        "a is imported",
        "b ends its process with status 3",
        "c ModuleNotFoundError No module named 'gone'",
    ]
