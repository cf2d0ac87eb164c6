"""`minreq verify --against-full`: the tests of a user with everything declared, and on the lock."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest
from commanding import Done, Project, project
from installedwheels import make_wheel
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.verify.against import Repetition
from minreq.verify.outcomes import Outcome, RunOutcomes

pytestmark = pytest.mark.one_python

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
[wheels.pytest-mocker."1.0"]
requires = ["pytest", "base"]
entry_points = { pytest11 = { mocker = "pytest_mocker" } }
[wheels.pytest-mocker."1.0".files]
"pytest_mocker.py" = '''
import base, pytest

@pytest.fixture
def mocked(monkeypatch):
    monkeypatch.setattr(base, "WORD", "Bye")
'''
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
COMMAND = ("verify", "--against-full", "pytest -q tests", "--smoke-with", "pytest", "-j", "2")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A lock, and the tests; not to be changed."""
    made = project(SCENARIO, tmp_path_factory.mktemp("against"))
    for name in sorted(find_closure("pytest")):
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


def find_closure(name: str) -> set[str]:
    """Return the installed distributions that *name* requires on this Python, with *name*."""
    found, waiting = set[str](), [name]
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            requirements = [Requirement(each) for each in distribution(name).requires or ()]
            waiting += [each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def write_tests(made: Project, tests: dict[str, str]) -> None:
    (made.folder / "tests").mkdir(exist_ok=True)
    for name, text in tests.items():
        (made.folder / "tests" / name).write_text(text)


def compare(made: Project, *arguments: str) -> Done:
    return made.minreq(*COMMAND, *arguments)


def test_three_of_twelve_tests(locked: Project) -> None:
    before = {path: path.read_bytes() for path in locked.folder.rglob("*") if path.is_file()}
    done = compare(locked)
    assert done.status == 1
    assert done.out.splitlines() == [
        "3 tests pass only with all declared distributions:",
        "  tests/test_app.py::test_checks",
        "    fails on the lock: ModuleNotFoundError: No module named 'checker'",
        "    missed: checker, at app/__init__.py:7",
        "    covered by: --include checker (tried: with it on the lock, it passes)",
        "  tests/test_app.py::test_counts",
        "    fails on the lock: AssertionError: assert 2 == 9",
        "    missed: counter, at app/__init__.py:12",
        "    covered by: --include counter (tried: with it on the lock, it passes)",
        "  tests/test_reading.py::test_reads",
        "    is not collected on the lock: ModuleNotFoundError: No module named 'reader'",
        "    missed: reader, at app/reading.py:1",
        "    covered by: --include reader (tried: with it on the lock, it passes)",
        "`minreq lock --include checker --include counter --include reader` keeps what they missed.",
    ]
    assert done.sentences == [
        "requirements-minimal.txt is not proven:",
        "3 tests pass only with all declared distributions, of 12",
    ]
    assert {path: path.read_bytes() for path in locked.folder.rglob("*") if path.is_file()} == before


#: What may happen to a test, by its name: how it ends with everything declared, and on the lock.
ODD_TESTS = """
import os
import app
import pytest

def check():
    try:
        return app.check(3)
    except ImportError:
        return None

@pytest.fixture
def checked():
    return app.check(3)

def test_fixture(checked): pass
def test_skip(): pytest.importorskip("counter")
def test_ends_the_process(): check() or os._exit(3)
def test_writes():
    with open("file", "w"): pass
def test_metadata():
    from importlib.metadata import version
    assert version("Counter") == "1.0"
@pytest.mark.parametrize("value", ["a b", "ä", "x\\ny", "a::b[c]", "\\ud800", ""], ids=str)
def test_names(value): assert app.check(3)
def test_misses_one_after_the_other():
    import counter
    import reader
def test_imports_what_it_wrote(tmp_path, monkeypatch):
    (tmp_path / "written.py").write_text("import checker")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        import written
    except ImportError:
        raise ValueError(f"{tmp_path} has no module") from None
"""
ODD_OUTCOMES = {
    "fixture": ("passed", "error", ["checker"], True),
    "skip": ("passed", "skipped", ["counter"], True),
    "ends_the_process": ("passed", "interrupted", ["checker"], True),
    "metadata": ("passed", "failed", ["counter"], True),
    "names[a b]": ("passed", "failed", ["checker"], True),
    "names[\\xe4]": ("passed", "failed", ["checker"], True),
    "names[x\\ny]": ("passed", "failed", ["checker"], True),
    "names[a::b[c]]": ("passed", "failed", ["checker"], True),
    "names[\\ud800]": ("passed", "failed", ["checker"], True),
    "names[]": ("passed", "failed", ["checker"], True),
    "misses_one_after_the_other": ("passed", "failed", ["counter", "reader"], True),
    "imports_what_it_wrote": ("passed", "failed", ["checker"], True),
}


def test_odd_tests_on_what_another_tool_built(own: Project) -> None:
    """Each test gets an outcome, whatever it does to pytest; a fault of the tree is reported beside them."""
    write_tests(own, {"test_odd.py": ODD_TESTS})
    for name in ("app", "base", "rules"):
        with zipfile.ZipFile(own.wheelhouse.of(name)[0].path) as wheel:
            wheel.extractall(own.folder / "tree")
    done = compare(own, "--path", "tree", "--json")
    assert done.status == 1
    result = json.loads(done.out)
    assert {
        each["test"].removeprefix("tests/test_odd.py::test_"): (
            each["declared"]["status"],
            each["locked"]["status"],
            each["include"],
            each["covered"],
        )
        for each in result["differing"]
    } == ODD_OUTCOMES
    assert (result["holds"], result["pytest"], result["flaky"], result["deviations"]) == (False, True, [], [])
    assert result["declared"] == {"distributions": 6, "tests": {"passed": 12, "failed": 1}}
    assert result["locked"]["distributions"] == 3
    written = next(each for each in result["differing"] if each["test"].endswith("_wrote"))
    assert re.sub(r"-of-\w+/", "/", written["missed"][0]["file"]) == (
        "$TMPDIR/pytest/pytest-0/test_imports_what_it_wrote0/written.py"
    )
    assert written["locked"]["text"].startswith("ValueError: $TMPDIR/pytest-of-")
    assert "{sandbox}" not in done.out
    assert result["faults"] == ["rules 1.0 is in tree and not in the lock"]
    assert "1 test fails in both, which shows nothing about the lock: tests/test_odd.py::test_writes" in done.err
    assert "the folder of the tests is read-only" in done.err


def test_a_command_that_is_not_pytest(own: Project) -> None:
    (own.folder / "program.py").write_text("import app, time\nprint(app.count('a b'))\nprint(time.time())\n")
    done = own.minreq("verify", "--against-full", "program.py")
    assert done.status == 1
    assert done.out.splitlines() == [
        "program.py does not do the same on the lock:",
        "  output of python program.py no longer has '3'",
        "    missed: counter, at app/__init__.py:12",
        "    covered by: --include counter (tried: with it on the lock, it passes)",
        "`minreq lock --include counter` keeps what they missed.",
    ]
    assert "program.py does not run pytest: its exit status, output, warnings and requests are compared" in done.err
    assert done.sentences[1] == "program.py does something else than with all declared distributions"


def test_tools_that_replace_parts_of_the_program(own: Project) -> None:
    """They get no copies of their own: with copies, the mock of `base` would replace nothing."""
    write_tests(own, {"test_mock.py": "import app\n\ndef test_mock(mocked): assert app.greet('you') == 'Bye you'\n"})
    done = compare(own, "--smoke-with", "pytest-mocker")
    assert done.status == 0, done.err
    assert done.out == ""
    assert "too little passes where the tools have copies of base; they use the program's now" in done.err
    assert done.err.splitlines()[-1] == (
        "requirements-minimal.txt holds: 1 test passes with all 6 declared distributions and on the 2 of the lock"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (("pytest -q tests",), 3, "no installed distribution has the command 'pytest'; name the project"),
        (("pytest -q tests", "--smoke-with", "pytest"), 3, "pytest finds no test with all declared distributions"),
        (("program.py", "--timeout", "1"), 3, "python program.py of the smoke did not end within 1 second"),
        (("pytest 'a",), 2, '--against-full "pytest \'a" is no command line: No closing quotation'),
        (("x", "--export-smoke", "y.py"), 2, "--export-smoke runs nothing, and --against-full runs a command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_nothing_to_compare(own: Project, arguments: tuple[str, ...], status: int, sentence: str) -> None:
    (own.folder / "program.py").write_text("import time\ntime.sleep(60)\n")
    done = own.minreq("verify", "-q", "--against-full", *arguments)
    assert done.status == status
    assert sentence in done.sentences[0]


def test_tools_without_a_command(own: Project) -> None:
    done = own.minreq("verify", "--smoke-with", "pytest")
    assert done.status == 2
    assert done.sentences == ["--smoke-with names tools for the command of --against-full; name the command too"]


def test_an_edited_lock(own: Project, tmp_path: Path) -> None:
    """And an index that has no longer a file that the store has: the full environment is not without it."""
    shutil.copytree(own.wheelhouse.folder, tmp_path / "index")
    own = replace(own, wheelhouse=replace(own.wheelhouse, folder=tmp_path / "index"))
    (own.wheelhouse.simple / "reader" / "index.html").write_text("")
    own.lock.write_text(own.lock.read_text() + "# by hand\n")
    (own.folder / "program.py").write_text("import app\nprint(app.greet('you'))\n")
    done = own.minreq("verify", "--against-full", "program.py")
    assert done.status == 1
    assert "reader-1.0-py3-none-any.whl is gone from the index\n" in done.err
    assert "all 6 declared" in done.err
    assert re.fullmatch(r"line \d+, '# by hand', was added by hand", done.sentences[1])


class TestChance:
    """Tests that pass now and then; no run."""

    @pytest.mark.parametrize(
        ("later", "steady", "varying"),
        [
            pytest.param([(True, False)] * 4, True, False, id="always"),
            pytest.param([(False, False), (False, False)], False, False, id="not-again"),
            pytest.param([(False, False), (True, False)], True, False, id="only-with-others"),
            pytest.param([(True, False), (True, False), (True, True)], True, True, id="third-time"),
        ],
    )
    def test_runs(self, later: list[tuple[bool, bool]], *, steady: bool, varying: bool) -> None:
        selections: list[Sequence[str] | None] = []
        runs = iter(later)

        def run(selected: Sequence[str] | None) -> tuple[RunOutcomes, RunOutcomes]:
            selections.append(selected)
            full, locked = next(runs)
            return outcomes(passes=full), outcomes(passes=locked)

        repetition = Repetition(full=outcomes(passes=True), locked=outcomes(passes=False), run=run)
        alone, together = repetition.find_steady(["a"])
        assert bool(alone | together) is steady
        assert selections == [["a"], None][: 1 if alone else 2]
        assert bool(repetition.find_varying([*alone])) is varying


def outcomes(*, passes: bool) -> RunOutcomes:
    return RunOutcomes(is_pytest=True, tests={"a": Outcome(status="passed" if passes else "failed")})
