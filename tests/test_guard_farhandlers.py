"""The guard where the smoke passed by a handler far from the import: from the trace to the run in production."""

from __future__ import annotations

import copy
import pickle
import runpy
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from samplelock import LOCK
from scenariorun import run_scenario
from wheelhouse import parse as parse_scenario, write

from minreq import smoke
from minreq.cli import main
from minreq.guard.render import FILENAME, render_guard
from minreq.lockfile import evidence
from minreq.lockfile.requirements import render
from minreq.model import FarHandler, Frame, Lock
from minreq.source.farhandlers import find_far_handlers
from minreq.source.optionalimports import find_blocks, lambda_lines
from minreq.source.syntax import parse

#: `translate` looks as if it caught the failure, and raises in the function that it calls.
APP = """\
import contextlib, importlib_metadata

def call():
    try:
        return translate()
    except Exception:
        return None

def translate():
    try:
        return load()
    except ImportError as error:
        fail(error)

def fail(error):
    raise ValueError("no transport") from error

def load():
    import transport
    return transport.__name__

def call_other():
    with contextlib.suppress(ImportError):
        return find()

def find():
    return load()

def list_versions():
    try:
        return importlib_metadata.children()
    except Exception:
        return None
"""
#: It catches itself what it imports for itself.
BACKPORT = """\
from contextlib import suppress

def children():
    with suppress(Exception):
        return zip_children()

def zip_children():
    import zipp
"""
SCENARIO = f"""
explanation = "The smoke passes without `transport`, since functions that call the importer catch the failure."
requirements = ["app"]
program = '''
import app
app.call()
app.call_other()
app.list_versions()
'''
kept = ["app", "importlib-metadata"]
dropped = ["transport", "zipp"]
[wheels]
transport."1.0" = {{}}
zipp."1.0" = {{}}
importlib-metadata."1.0" = {{ requires = ["zipp"], files."importlib_metadata/__init__.py" = '''{BACKPORT}''' }}
[wheels.app."1.0"]
requires = ["transport", "importlib-metadata"]
[wheels.app."1.0".files]
"app/__init__.py" = '''{APP}'''
"""


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Lock:
    """A lock with what a trace left out."""
    selection = run_scenario(write(parse_scenario(SCENARIO), tmp_path_factory.mktemp("guard") / "house")).selection
    left_out = selection.left_out
    assert [each.reason for each in left_out] == ["passed without it"] * 2
    with_others = replace(LOCK.selection, left_out=(*LOCK.selection.left_out, *left_out))
    lock = replace(LOCK, selection=with_others)
    pins = {**LOCK.resolution.pins, **{each.candidate.name: each.candidate for each in left_out}}
    return evidence.load(evidence.dump(replace(lock, resolution=replace(LOCK.resolution, pins=pins))))


def test_the_evidence_names_the_handlers(traced: Lock) -> None:
    """Those that caught the failure, and not the one that only looks so."""
    (asker,) = next(each.askers for each in traced.left_out if each.candidate.name == "transport")
    assert [(each.text, each.function, each.line, each.first, each.last) for each in asker.far_handlers] == [
        ("except Exception", "call", 6, 5, 5),
        ("contextlib.suppress(ImportError)", "call_other", 23, 24, 24),
    ]
    assert {each.file for each in asker.far_handlers} == {"app/__init__.py"}
    (asker,) = next(each.askers for each in traced.left_out if each.candidate.name == "zipp")
    assert [(each.file, each.function) for each in asker.far_handlers] == [
        ("importlib_metadata/__init__.py", "children")
    ]


def test_they_are_explained(traced: Lock, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.joinpath("a.txt").write_text(render(traced))
    tmp_path.joinpath("a.evidence.json").write_text(evidence.dump(traced))
    assert main(["explain", "transport", "--lock", str(tmp_path / "a.txt")]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "a caller catches the failure: except Exception at app/__init__.py:6, contextlib.suppress" in out


@pytest.mark.parametrize(
    ("program", "misses"),
    [
        ("app.call()", 0),
        ("app.call_other()", 0),
        ("app.list_versions()", 0),
        ("import importlib_metadata\nimportlib_metadata.children()", 0),
        ("import importlib_metadata\ntry: importlib_metadata.zip_children()\nexcept ImportError: pass", 1),
        ("try: app.load()\nexcept ImportError: pass", 1),
        ("try: app.translate()\nexcept Exception: pass", 1),
    ],
)
def test_it_reports_where_no_such_handler_is_on_the_stack(
    program: str, misses: int, traced: Lock, tmp_path: Path
) -> None:
    tmp_path.joinpath(FILENAME).write_text(render_guard(traced, filename="requirements-minimal.txt"))
    tmp_path.joinpath("app").mkdir()
    tmp_path.joinpath("app", "__init__.py").write_text(APP)
    tmp_path.joinpath("importlib_metadata").mkdir()
    tmp_path.joinpath("importlib_metadata", "__init__.py").write_text(BACKPORT)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nimport minreq_guard, app\n{program}"
    done = subprocess.run(
        [sys.executable, "-IB", "-c", code], capture_output=True, encoding="utf-8", check=True, cwd=tmp_path
    )
    assert done.stderr.count("minreq-miss ") == misses, done.stderr


def find_in(source: str, *frames: Frame, caught: tuple[Frame, ...] = ()) -> tuple[FarHandler, ...]:
    blocks = find_blocks(parse(source.encode()), lambda_lines(source.encode()))
    return find_far_handlers(frames, caught, blocks_of=lambda _file, _line: blocks, all_blocks_of=lambda _file: blocks)


def test_where_the_child_saw_no_place_the_innermost_handler_counts() -> None:
    """A handler that always raises does not catch, and what it raises is caught farther up."""
    source = (
        "def outer():\n    try:\n        middle()\n    except Error:\n        pass\n"
        "def middle():\n    try:\n        inner()\n    except ImportError:\n        raise Error\n"
        "def inner():\n    import gone\n"
    )
    frames = [Frame(file="a.py", line=line, function=name) for line, name in ((12, "inner"), (8, "middle"))]
    assert find_in(source, *frames) == ()
    (handler,) = find_in(source, *frames, Frame(file="a.py", line=3, function="outer"))
    assert (handler.text, handler.line, handler.first, handler.last) == ("except Error", 4, 3, 3)


def test_a_place_outside_of_a_clause_is_no_handler() -> None:
    """The garbage collector may free an exception anywhere."""
    place = Frame(file="a.py", line=2, function="f")
    assert find_in("def f():\n    x = 1\n", caught=(place,)) == ()


def test_a_copy_of_the_mark_is_a_plain_string(child_module: Callable[[str], dict[str, object]]) -> None:
    reported: list[object] = []
    make = child_module("_minreq_caught")["DeclinedName"]
    mark = make("a", sys._getframe(), reported.append)  # type: ignore[operator]
    assert type(copy.deepcopy(mark)) is str
    assert type(pickle.loads(pickle.dumps(mark))) is str  # noqa: S301 - Written just now.
    assert reported == []
    del mark
    assert [place[2] for place in reported] == ["test_a_copy_of_the_mark_is_a_plain_string"]  # type: ignore[index]


@pytest.fixture
def child_module(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, object]]:
    folder = Path(smoke.__file__).with_name("child")
    monkeypatch.syspath_prepend(folder)
    return lambda name: runpy.run_path(str(folder / f"{name}.py"))
