"""Static imports: which ones count, and how few files are read to find them."""

from __future__ import annotations

import pytest
from conftest import MakeWheelhouse
from folderindex import FolderIndex
from packaging.utils import canonicalize_name
from wheelhouse import Release, Scenario, Wheelhouse, write

from minreq.model import Wheel
from minreq.source.imports import StaticImportFinder, module_files, static_imports

CERTS = canonicalize_name("python-certs")


def wheel(house: Wheelhouse, name: str, number: int = 0) -> Wheel:
    value = house.of(name)[number].value
    assert isinstance(value, Wheel)
    return value


def house_of(
    make_wheelhouse: MakeWheelhouse, *roots: dict[str, str], certs: dict[str, str] | None = None
) -> Wheelhouse:
    """A wheelhouse with versions 1, 2, ... of `a` and one of `python-certs`, whose module is `certs`."""
    seed = make_wheelhouse('explanation = ""\nrequirements = ["a"]')
    releases = [Release(name="a", version=f"{number}", files=files) for number, files in enumerate(roots, 1)]
    releases.append(Release(name="python-certs", version="1", files=certs or {"certs/__init__.py": ""}))
    scenario = Scenario(explanation="", root="a", requirements=("a",), releases=tuple(releases))
    return write(scenario, seed.folder / "more")


NEEDED = {
    "plain": "import certs",
    "child": "import certs.core",
    "renamed": "import os, certs as c",
    "from": "from certs import where",
    "class body": "class A:\n    import certs",
    "if": "import sys\nif sys.platform == 'linux':\n    import certs",
    "else of TYPE_CHECKING": "if TYPE_CHECKING:\n    pass\nelse:\n    import certs",
    "try for another error": "try:\n    import certs\nexcept OSError:\n    pass",
    "handler that raises": "try:\n    import certs\nexcept ImportError as e:\n    raise RuntimeError from e",
    "finally": "try:\n    pass\nexcept ImportError:\n    pass\nfinally:\n    import certs",
    "else of a try for another error": "try:\n    pass\nexcept OSError:\n    pass\nelse:\n    import certs",
    "with": "with lock:\n    import certs",
    "not ASCII": "x = 'ä'\nimport certs",
}
NOT_NEEDED = {
    "nothing": "",
    "only a word": "x = 'certs'",
    "another name": "import certsy",
    "function": "def f():\n    import certs",
    "async function": "async def f():\n    import certs",
    "method": "class A:\n    def f(self):\n        import certs",
    "ImportError": "try:\n    import certs\nexcept ImportError:\n    certs = None",
    "ModuleNotFoundError among others": "try:\n    import certs\nexcept (OSError, ModuleNotFoundError):\n    pass",
    "builtins.Exception": "try:\n    import certs\nexcept builtins.Exception:\n    pass",
    "bare except": "try:\n    import certs\nexcept:\n    pass",
    "TYPE_CHECKING": "if typing.TYPE_CHECKING:\n    import certs",
    "suppress": "with contextlib.suppress(ImportError):\n    import certs",
    "no Python": "import certs (",
    "relative": "from . import certs",
    "relative out of the package": "from ... import certs",
    "relative child": "from .certs import x",
}


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in NEEDED.items()])
def test_imports_that_count(source: str, make_wheelhouse: MakeWheelhouse) -> None:
    """An import that runs whenever the module is loaded."""
    house = house_of(make_wheelhouse, {"a/__init__.py": source})
    index = FolderIndex(house)
    line = 1 + next(number for number, text in enumerate(source.splitlines()) if "import" in text and "certs" in text)
    assert (
        StaticImportFinder(index).find_import(wheel(house, "a"), CERTS, wheel(house, "python-certs"))
        == f"a/__init__.py:{line}"
    )


@pytest.mark.parametrize("source", [pytest.param(source, id=name) for name, source in NOT_NEEDED.items()])
def test_imports_that_do_not_count(source: str, make_wheelhouse: MakeWheelhouse) -> None:
    """An import that may not run, that has a handler, or that imports another module."""
    house = house_of(make_wheelhouse, {"a/__init__.py": source})
    index = FolderIndex(house)
    assert StaticImportFinder(index).find_import(wheel(house, "a"), CERTS, wheel(house, "python-certs")) is None


def test_follows_the_package_and_nothing_else(make_wheelhouse: MakeWheelhouse) -> None:
    """Only modules that the root imports are read, level by level, with their packages."""
    house = house_of(
        make_wheelhouse,
        {
            "a/__init__.py": "from a.b.c import d\nimport a.native, a.missing\nfrom .e import *",
            "a/b/__init__.py": "from . import sibling",
            "a/b/sibling.py": "from ..far import x",
            "a/b/c.py": "",
            "a/e.py": "",
            "a/far.py": "import json\nimport certs",
            "a/native.abi3.so": "import certs",
            "a/unread.py": "import certs",
            "a-1.data/scripts/a": "import certs",
        },
    )
    index = FolderIndex(house)
    assert StaticImportFinder(index).find_import(wheel(house, "a"), CERTS, wheel(house, "python-certs")) == "a/far.py:2"
    assert "a/unread.py" not in index.paths
    assert len(index.paths) == len(set(index.paths))


def test_other_versions_are_searched_first_where_the_import_was_found(make_wheelhouse: MakeWheelhouse) -> None:
    """One file of another version is read. If it has no such import, the search starts again."""
    top = "import a.http"
    house = house_of(
        make_wheelhouse,
        {"a/__init__.py": top, "a/http.py": "import certs"},
        {"a/__init__.py": top, "a/http.py": "import certs"},
        {"a/__init__.py": top, "a/http.py": "\nimport certs"},
        {"a/__init__.py": top, "a/http.py": "import certs"},
        {"a/__init__.py": "import a.other", "a/other.py": "import certs", "a/http.py": ""},
        {"a/__init__.py": ""},
    )
    index = FolderIndex(house)
    finder = StaticImportFinder(index)
    answers, read = [], []
    for number in range(6):
        index.paths.clear()
        answers.append(finder.find_import(wheel(house, "a", number), CERTS, wheel(house, "python-certs")))
        read.append(sorted(index.paths))
    assert answers == [*["a/http.py:1"] * 2, "a/http.py:2", "a/http.py:1", "a/other.py:1", None]
    assert read[1] == read[2] == read[3] == ["a/http.py"]
    assert read[4] == ["a/__init__.py", "a/http.py", "a/other.py"]


def test_packages_of_one_namespace_are_distinguished(make_wheelhouse: MakeWheelhouse) -> None:
    """An import of `google.cloud`, or of `google`, is no import of `google.auth`."""
    house = house_of(
        make_wheelhouse,
        {"a.py": "import google\nfrom google import cloud\nimport google.cloud.storage"},
        {"a.py": "from google import auth"},
        certs={"google/auth/__init__.py": "", "google/auth/crypt.py": ""},
    )
    finder = StaticImportFinder(FolderIndex(house))
    assert finder.find_import(wheel(house, "a"), CERTS, wheel(house, "python-certs")) is None
    assert finder.find_import(wheel(house, "a", 1), CERTS, wheel(house, "python-certs")) == "a.py:1"


def test_without_a_wheel_the_name_stands_for_the_module(make_wheelhouse: MakeWheelhouse) -> None:
    """A guess is enough to try an older version; it installs nothing."""
    house = house_of(make_wheelhouse, {"a/__init__.py": "import python_certs"})
    assert StaticImportFinder(FolderIndex(house)).find_import(wheel(house, "a"), CERTS, None) == "a/__init__.py:1"


def test_modules_of_a_wheel() -> None:
    """Packages, modules, extension modules, `.data` folders; no data files, no scripts, no bare folders."""
    paths = [
        "a/__init__.py",
        "a/b.py",
        "a/b.cpython-312-x86_64-linux-gnu.so",
        "a/c.cpython-312-x86_64-linux-gnu.so",
        "a/data.json",
        "a/not-a-module.py",
        "a-1.data/purelib/p/__init__.py",
        "a-1.data/platlib/q.pyd",
        "a-1.data/scripts/run.py",
        "a-1.dist-info/METADATA",
        "ns/child/__init__.py",
        "top.py",
        "__init__.py",
    ]
    assert module_files(reversed(paths)) == {
        "a": "a/__init__.py",
        "a.b": "a/b.py",
        "a.c": "a/c.cpython-312-x86_64-linux-gnu.so",
        "p": "a-1.data/purelib/p/__init__.py",
        "q": "a-1.data/platlib/q.pyd",
        "ns.child": "ns/child/__init__.py",
        "top": "top.py",
    }


def test_static_imports_are_absolute() -> None:
    """Relative imports begin at the package of the file."""
    source = b"from . import x\nfrom .y import z\nimport q.r"
    assert [(found.module, found.line) for found in static_imports(source, "a.b", "a/b/__init__.py")] == [
        ("a.b", 1),
        ("a.b.x", 1),
        ("a.b.y", 2),
        ("a.b.y.z", 2),
        ("q.r", 3),
    ]
    assert [found.module for found in static_imports(source, "a.b", "a/b.py")][:2] == ["a", "a.x"]
