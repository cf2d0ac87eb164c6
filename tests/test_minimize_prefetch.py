"""What is prefetched: imports without indentation, and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from scenariorun import open_scenario
from wheelhouse import parse, write

from minreq.minimize.prefetch import Prefetcher, precompile, top_level_imports
from minreq.model import Member, Script
from minreq.wheels.importmap import import_map, modules


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a", ["a"]),
        ("import a.b, c as d  # why", ["a.b", "c"]),
        ("from a.b import c", ["a.b", "a.b.c"]),
        ("from a import (\n    b,\n    c as d,\n)", ["a", "a.b", "a.c"]),
        ("from . import b", ["p.q", "p.q.b"]),
        ("from ..r import b", ["p.r", "p.r.b"]),
        ("from .... import b", []),
        ("try:\n    import a\nexcept ImportError:\n    pass", []),
        ("def f():\n    import a", []),
        ("from a import *", ["a"]),
        ("import /etc/a, b\0c", ["b"]),
        ("from a import (  # Why (not)\n    b,  # c, d)\n    e,\n)", ["a", "a.b", "a.e"]),
        ("important = 1\nfromage = 2", []),
    ],
)
def test_only_imports_without_indentation_count(source: str, found: list[str]) -> None:
    assert list(top_level_imports(source.encode(), "p.q", is_package=True)) == found


@pytest.mark.parametrize("source", [b"from " + b"." * 10**6, b"from" + b" " * 10**6, b"from a import (\n" * 10**5])
def test_no_text_makes_the_search_slow(source: bytes) -> None:
    """A search in quadratic time would take hours, and nothing could interrupt it."""
    assert list(top_level_imports(source, "p.q", is_package=True)) == []


class Closure:
    """Distributions in a folder; a call fetches each."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder
        self.fetched: list[str] = []
        owned: dict[NormalizedName, list[Member]] = {}
        for path, text in files.items():
            name, _, inner = path.partition(":")
            file = folder / name / inner
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            owned.setdefault(canonicalize_name(name), []).append(Member(path=inner, size=len(text)))
        self.import_map = import_map({name: modules(members) for name, members in owned.items()})

    def unpack(self, name: NormalizedName) -> Path:
        """Return the folder; `gone` cannot be fetched."""
        self.fetched.append(name)
        if name == "gone":
            raise OSError(name)
        return self.folder / name

    def unpack_tree(self, name: NormalizedName) -> tuple[Path, bool]:
        """Return the folder, as for a wheel without start-up files."""
        return self.unpack(name), False


def prefetched(closure: Closure, smoke: str, *, likely: Sequence[str] = (), excluded: Sequence[str] = ()) -> list[str]:
    """Return the files that are prefetched from the text of a *smoke*."""
    script = closure.folder / "smoke.py"
    script.write_text(smoke)
    scripts = [Script(stage="smoke", file=script)]
    known = {"likely": [*map(canonicalize_name, likely)], "excluded": [*map(canonicalize_name, excluded)]}
    with Prefetcher(closure, scripts, **known) as prefetcher:
        return [file.relative_to(closure.folder).as_posix() for file in prefetcher.wait_for_files()]


FILES = {
    "root:root/__init__.py": "from .inner import x\nimport b\n",
    "root:root/inner.py": "import ns.c\n",
    "root:root/unused.py": "import d\n",
    "b-dist:b.py": "try:\n    import e\nexcept ImportError:\n    e = None\n",
    "c-dist:ns/c.py": "",
    "other:ns/o.py": "",
    "d-dist:d.py": "",
    "e-dist:e.py": "",
    "gone:gone.py": "",
}


def test_follows_from_file_to_file(tmp_path: Path) -> None:
    closure = Closure(tmp_path, FILES)
    files = prefetched(closure, "import root\n")
    assert files == ["b-dist/b.py", "c-dist/ns/c.py", "root/root/__init__.py", "root/root/inner.py"]
    assert sorted(closure.fetched) == ["b-dist", "c-dist", "root"]


def test_excluded_is_not_fetched_and_an_error_is_ignored(tmp_path: Path) -> None:
    closure = Closure(tmp_path, FILES)
    assert prefetched(closure, "import b\nimport d\nimport gone\n", excluded=["b-dist"]) == ["d-dist/d.py"]
    assert sorted(closure.fetched) == ["d-dist", "gone"]


def test_what_is_likely_is_followed_too(tmp_path: Path) -> None:
    closure = Closure(tmp_path, FILES)
    assert prefetched(closure, "print()\n", likely=["d-dist", "unknown"]) == ["d-dist/d.py"]


def test_nothing_to_follow(tmp_path: Path) -> None:
    closure = Closure(tmp_path, FILES)
    assert prefetched(closure, "print()\n") == []
    assert closure.fetched == []


def test_prefetched_files_are_compiled_and_not_run(tmp_path: Path) -> None:
    scenario = """
explanation = "A file that tells when it runs, and one that is no Python."
requirements = ["a"]
program = "import a"
[wheels]
a."1.0" = { files = { "a/__init__.py" = "import a.wrong\\nimport sys\\nsys.exit('it ran')", "a/wrong.py" = "def" } }
"""
    with open_scenario(write(parse(scenario), tmp_path / "house")) as opened:
        runner = opened.runner
        (group,) = runner.setup.plan.groups
        with Prefetcher(runner.closure, group.scripts) as prefetcher:
            files = prefetcher.wait_for_files()
        assert [file.name for file in files] == ["__init__.py", "wrong.py"]
        precompile(runner, files)
        version = sys.version_info
        (compiled,) = files[0].parent.rglob("*.pyc")
        assert compiled.name == f"__init__.cpython-{version.major}{version.minor}.pyc"


def test_others_are_fetched_in_the_background(tmp_path: Path) -> None:
    closure = Closure(tmp_path, {"a-dist:a.py": "", "b-dist:b.py": ""})
    with Prefetcher(closure, []) as prefetcher:
        prefetcher.wait_for_files()
        prefetcher.fetch(map(canonicalize_name, ["a-dist", "gone", "b-dist"]))
        while len(closure.fetched) < 3:
            time.sleep(0.01)
    assert sorted(closure.fetched) == ["a-dist", "b-dist", "gone"]


def test_what_is_needed_in_any_case_is_fetched_from_the_start(tmp_path: Path) -> None:
    closure = Closure(tmp_path, {"a-dist:a.py": "", "b-dist:b.py": ""})
    with Prefetcher(closure, [], at_once=map(canonicalize_name, ["a-dist", "gone", "b-dist"])):
        while len(closure.fetched) < 3:
            time.sleep(0.01)
    assert sorted(closure.fetched) == ["a-dist", "b-dist", "gone"]
