"""`minreq verify --against-full`: the tests of a user with everything declared, and on the lock."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Done, Project, project
from installedwheels import make_wheel

SCENARIO = """
explanation = "The smoke counts words; `counter` and `checker` are lazy and left out, and so is `reader`."
requirements = ["app"]
program = '''
import app
print(app.greet("you"))
'''
[wheels.app."1.0"]
requires = ["base", "counter", "checker", "reader"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
import base

def greet(name):
    return base.WORD + " " + name

def check(value):
    import checker
    return checker.check(value)

def count(text):
    try:
        import counter
    except ImportError:
        return len(text.split())
    return counter.count(text)
'''
"app/reading.py" = '''
import reader

def read(text):
    return reader.read(text)
'''
[wheels.base."1.0"]
files = { "base/__init__.py" = "WORD = 'Hello'" }
[wheels.counter."1.0"]
files = { "counter/__init__.py" = "def count(text): return len(text)" }
[wheels.checker."1.0"]
requires = ["rules"]
files = { "checker/__init__.py" = "import rules\\ndef check(value): return rules.LIMIT > value" }
[wheels.rules."1.0"]
files = { "rules.py" = "LIMIT = 5" }
[wheels.reader."1.0"]
files = { "reader.py" = "def read(text): return text.upper()" }
"""

#: Twelve tests; three need what the lock leaves out.
TESTS = {
    "test_app.py": """
import app
import pytest

@pytest.mark.parametrize("name", ["you", "Zürich", "two words", "a::b/c", "new\\nline", "[brackets]"])
def test_greets(name):
    assert app.greet(name) == f"Hello {name}"

def test_checks():
    assert app.check(3)

def test_counts():
    assert app.count("Hello you") == 9

class TestWords:
    def test_word(self):
        assert app.base.WORD == "Hello"

    def test_short(self):
        assert app.count("") == 0

def test_writes(tmp_path):
    (tmp_path / "file").write_text("text")
    assert (tmp_path / "file").read_text() == "text"
""",
    "test_reading.py": """
from app.reading import read

def test_reads():
    assert read("a") == "A"
""",
}
TOOLS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
COMMAND = ("verify", "--against-full", "pytest -q tests", "--smoke-with", "pytest", "-j", "2")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A lock, and the tests; not to be changed."""
    made = project(SCENARIO, tmp_path_factory.mktemp("against"))
    for name in TOOLS:
        wheel = make_wheel(name, made.wheelhouse.files)
        page = made.wheelhouse.simple / name
        page.mkdir()
        (page / "index.html").write_text(f'<a href="../../files/{wheel.name}">{wheel.name}</a>')
    write_tests(made, TESTS)
    made.make_lock()
    return made


@pytest.fixture
def own(locked: Project, tmp_path: Path) -> Project:
    """A copy without tests; store and index are shared."""
    folder = tmp_path / "own"
    shutil.copytree(locked.folder, folder, ignore=shutil.ignore_patterns("tests"))
    return replace(locked, folder=folder)


def write_tests(made: Project, tests: dict[str, str]) -> None:
    (made.folder / "tests").mkdir(exist_ok=True)
    for name, text in tests.items():
        (made.folder / "tests" / name).write_text(text)


def compare(made: Project, *arguments: str) -> Done:
    return made.minreq(*COMMAND, *arguments)


def test_three_of_twelve_tests(locked: Project) -> None:
    before = {path: path.read_bytes() for path in locked.folder.rglob("*") if path.is_file()}
    done = compare(locked)
    print(done.out, done.err)
    assert done.status == 1
    assert done.out.splitlines() == []
    assert {path: path.read_bytes() for path in locked.folder.rglob("*") if path.is_file()} == before
