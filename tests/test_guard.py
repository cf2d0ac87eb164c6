"""The module that reports misses in production, in an interpreter of its own."""

from __future__ import annotations

import json
import py_compile
import runpy
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from samplelock import LOCK

from minreq import smoke
from minreq.cli import main
from minreq.guard import minreq_guard
from minreq.guard.render import FILENAME, render_guard
from minreq.lockfile import evidence
from minreq.lockfile.requirements import render
from minreq.model import Asker, FarHandler, Frame, QuestionKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A deployed folder."""

    folder: Path

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, text: str) -> tuple[str, list[dict[str, object]]]:
        """Run the program; return its output and the misses it reports."""
        self.write("main.py", f"import minreq_guard\n{text}")
        done = subprocess.run(
            [sys.executable, "-IB", "-c", f"import sys, runpy; sys.path.insert(0, {str(self.folder)!r})\nimport main"],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        lines = [line for line in done.stderr.splitlines() if line.startswith("minreq-miss ")]
        assert "Traceback" not in done.stderr or lines, done.stderr
        return done.stdout, [json.loads(line.removeprefix("minreq-miss ")) for line in lines]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    made = Program(folder=tmp_path)
    made.write(FILENAME, render_guard(LOCK, filename="requirements-minimal.txt"))
    return made


CAUGHT = "try:\n    {}\nexcept ImportError as error:\n    print(type(error).__name__, error.name, error)\n"


def test_it_loads_little(program: Program) -> None:
    """Each start of a program pays for it."""
    assert program.run("import sys; print({'ast', 'json', 're'} & sys.modules.keys())") == ("set()\n", [])


def test_a_source_is_parsed_once(program: Program) -> None:
    """A function may try the import in each call, and parsing a large file takes a tenth of a second."""
    out, misses = program.run(
        "import ast\nparse, parsed = ast.parse, []\nast.parse = lambda text: parsed.append(1) or parse(text)\n"
        "def f():\n    try:\n        import tokenizers\n    except ImportError:\n        pass\n"
        "for _ in range(3): f()\nprint(len(parsed))"
    )
    assert out == "1\n"
    assert len(misses) == 1


def test_a_miss_is_reported(program: Program) -> None:
    """In the exception for the user, and on stderr for a log collector; once for each place."""
    out, misses = program.run(
        "for _ in range(2):\n    " + CAUGHT.format("import tokenizers.models").replace("\n", "\n    ")
    )
    assert out.splitlines()[0] == (
        "ModuleNotFoundError tokenizers No module named 'tokenizers': requirements-minimal.txt leaves out the "
        f"distribution tokenizers; to keep it, run: minreq {LOCK.command} --include tokenizers"
    )
    (miss,) = misses
    assert str(miss.pop("file")).endswith("main.py")
    assert miss == {
        "module": "tokenizers",
        "distribution": "tokenizers",
        "lock": "requirements-minimal.txt",
        "line": 4,
        "function": "<module>",
        "handled": True,
    }


def test_imports_that_the_trace_declined_are_not_reported(program: Program) -> None:
    """Only at that line of that file."""
    lines = ["" for _ in range(72)]
    program.write("litellm/__init__.py", "")
    program.write("litellm/utils.py", "\n".join([*lines, "try: import tokenizers", "except ImportError: pass"]))
    program.write("litellm/other.py", "\n".join([*lines, "try: import tokenizers", "except ImportError: pass"]))
    assert program.run("import litellm.utils")[1] == []
    assert len(program.run("import litellm.other")[1]) == 1


def test_a_declined_place_without_its_handler(program: Program) -> None:
    """One importer of a module goes on without what that imports, another one needs it: the same line, and a miss."""
    program.write("litellm/__init__.py", "")
    program.write("litellm/utils.py", "\n" * 72 + "import tokenizers\n")
    out, misses = program.run("try:\n    import litellm.utils\nexcept ImportError:\n    print('went on')\n")
    assert (out, misses) == ("went on\n", [])
    out, misses = program.run(
        "def load():\n    import litellm.utils\ntry:\n    load()\nexcept ImportError as e:\n    print(e)\n"
    )
    assert "leaves out the distribution tokenizers" in out
    assert [(miss["line"], miss["handled"]) for miss in misses] == [(73, False)]


def test_a_place_that_was_declined_without_a_handler(program: Program) -> None:
    """The smoke passed without it, so code that no rule knows goes on, and will here."""
    left_out = [
        replace(each, askers=tuple(replace(asker, why_optional=None) for asker in each.askers))
        for each in LOCK.selection.left_out
    ]
    lock = replace(LOCK, selection=replace(LOCK.selection, left_out=tuple(left_out)))
    program.write(FILENAME, render_guard(lock, filename="requirements-minimal.txt"))
    program.write("litellm/__init__.py", "")
    program.write("litellm/utils.py", "\n" * 72 + "import tokenizers\n")
    caller = (
        "import contextlib\nwith contextlib.ExitStack() as s:\n    s.push(lambda *_: True)\n    import litellm.utils\n"
    )
    assert program.run(caller) == ("", [])


def test_a_place_without_a_source(program: Program) -> None:
    """A build with compiled files alone: only the place can tell."""
    program.write("litellm/__init__.py", "")
    program.write("litellm/utils.py", "\n" * 72 + "import tokenizers\n")
    py_compile.compile(str(program.folder / "litellm/utils.py"), str(program.folder / "litellm/utils.pyc"))
    (program.folder / "litellm/utils.py").unlink()
    assert program.run("try: import litellm.utils\nexcept ImportError: pass") == ("", [])


def test_the_machinery_of_imports_is_that_of_the_trace() -> None:
    source = Path(smoke.__file__).with_name("child").joinpath("_minreq_frames.py")
    assert runpy.run_path(str(source))["_IMPORT_MACHINERY"] == minreq_guard.MACHINERY


@pytest.mark.parametrize(
    "text",
    [
        "from importlib.util import find_spec\nprint(find_spec('tokenizers'))",
        "try:\n    import nobody_knows_it\nexcept ImportError as error:\n    print('minreq' in str(error) or None)",
        "import importlib.metadata\nlist(importlib.metadata.distributions())\nprint(None)",
    ],
)
def test_imports_that_are_no_misses(text: str, program: Program) -> None:
    assert program.run(text) == ("None\n", [])


def test_a_missed_look_up_of_metadata_is_reported(program: Program) -> None:
    """With the class of Python's own error, so that handlers still catch it."""
    text = "from importlib.metadata import PackageNotFoundError, version\n"
    caught = "try:\n    version('Tokenizers')\nexcept PackageNotFoundError as error:\n    print(error.name, error)\n"
    out, misses = program.run(text + caught)
    assert out == (
        "Tokenizers No package metadata was found for Tokenizers: requirements-minimal.txt leaves out the distribution "
        f"tokenizers; to keep it, run: minreq {LOCK.command} --include tokenizers\n"
    )
    assert [(miss["module"], miss["distribution"], miss["line"]) for miss in misses] == [
        ("tokenizers", "tokenizers", 4)
    ]


def test_a_backport_of_metadata_raises_its_own_error(program: Program) -> None:
    program.write("importlib_metadata.py", BACKPORT)
    text = "import importlib_metadata as m\ntry:\n    m.version('tokenizers')\nexcept m.PackageNotFoundError as e:\n"
    out, misses = program.run(text + "    print(e)\n")
    assert "leaves out the distribution tokenizers" in out
    assert len(misses) == 1


BACKPORT = """
import sys

class PackageNotFoundError(ModuleNotFoundError):
    pass

class Context:
    path = sys.path

    def __init__(self, name):
        self.name = name

class Distribution:
    @classmethod
    def from_name(cls, name):
        for finder in sys.meta_path:
            for found in getattr(finder, "find_distributions", lambda _: [])(Context(name)):
                return found
        raise PackageNotFoundError(name)

def version(name):
    return Distribution.from_name(name).version
"""


def test_what_a_backport_imports_for_itself(program: Program) -> None:
    """Its own statement is the place, whoever called it; an import on behalf of its caller is the caller's."""
    asker = Asker(
        need=QuestionKind.IMPORT,
        name="tokenizers",
        frame=Frame(file="importlib_metadata/__init__.py", line=4, function="children"),
    )
    left_out = [replace(each, askers=(asker,)) for each in LOCK.selection.left_out]
    lock = replace(LOCK, selection=replace(LOCK.selection, left_out=tuple(left_out)))
    program.write(FILENAME, render_guard(lock, filename="requirements-minimal.txt"))
    program.write(
        "importlib_metadata/__init__.py",
        "import contextlib, importlib\ndef children():\n    with contextlib.suppress(Exception):\n"
        "        import tokenizers\ndef load():\n    importlib.import_module('tokenizers')\n",
    )
    caller = "import importlib_metadata\n\nimportlib_metadata.children()\nimportlib_metadata.children()\n"
    assert program.run(caller) == ("", [])
    _, misses = program.run("import importlib_metadata\n\nimportlib_metadata.load()\n")
    assert [(Path(str(miss["file"])).name, miss["line"]) for miss in misses] == [("main.py", 4)]


def test_another_task_may_have_caught_the_failure(program: Program) -> None:
    """``asyncio`` handed it on: whether somebody catches it now is unknown, so only the error explains it."""
    handler = FarHandler(
        file="{python}/asyncio/events.py", line=1, text="except", function="_run", first=1, last=sys.maxsize
    )
    asker = Asker(
        need=QuestionKind.IMPORT,
        name="tokenizers",
        frame=Frame(file="app.py", line=2, function="load"),
        far_handlers=(handler,),
    )
    left_out = [replace(each, askers=(asker,)) for each in LOCK.selection.left_out]
    lock = replace(LOCK, selection=replace(LOCK.selection, left_out=tuple(left_out)))
    program.write(FILENAME, render_guard(lock, filename="requirements-minimal.txt"))
    program.write("app.py", "async def load():\n    import tokenizers\n")
    caught = "try: {}\nexcept ImportError as error: print('leaves out' in str(error))"
    assert program.run("import app, asyncio\n" + caught.format("asyncio.run(app.load())")) == ("True\n", [])
    out, misses = program.run("import app\n" + caught.format("app.load().send(None)"))
    assert out == "True\n"
    assert len(misses) == 1


def test_a_declined_look_up_is_not_reported(program: Program) -> None:
    """Nor is a look-up of an unknown distribution, or of all distributions."""
    asker = Asker(
        need=QuestionKind.METADATA,
        name="Tokenizers",
        frame=Frame(file="litellm/utils.py", line=3, function="<module>"),
        distribution=canonicalize_name("litellm"),
        why_optional="except PackageNotFoundError at litellm/utils.py:4",
        stages=("import",),
    )
    left_out = [
        replace(each, askers=(asker,)) if each.candidate.name == "tokenizers" else each
        for each in LOCK.selection.left_out
    ]
    lock = replace(LOCK, selection=replace(LOCK.selection, left_out=tuple(left_out)))
    program.write(FILENAME, render_guard(lock, filename="requirements-minimal.txt"))
    program.write("litellm/__init__.py", "")
    text = "from importlib.metadata import version\ntry:\n    version({!r})\nexcept ImportError as e:\n    print(e)"
    program.write("litellm/utils.py", text.format("tokenizers"))
    assert program.run("import litellm.utils") == ("No package metadata was found for tokenizers\n", [])
    assert program.run(text.format("nobody-knows-it"))[1] == []


def test_a_left_out_module_that_is_installed_after_all(program: Program) -> None:
    program.write("tokenizers.py", "print('here')")
    assert program.run("import tokenizers") == ("here\n", [])


def test_an_import_by_the_standard_library_is_reported_with_its_caller(program: Program) -> None:
    _, misses = program.run(CAUGHT.format("__import__('importlib').import_module('tokenizers')"))
    assert [(str(miss["file"]).rpartition("/")[2], miss["line"]) for miss in misses] == [("main.py", 3)]


def test_stderr_may_be_closed(program: Program) -> None:
    out, misses = program.run("import sys\nsys.stderr = None\n" + CAUGHT.format("import tokenizers"))
    assert out.startswith("ModuleNotFoundError")
    assert misses == []


def test_it_is_installed_once(program: Program) -> None:
    text = "import importlib, sys\nimportlib.reload(minreq_guard)\n"
    counted = "print([type(finder).__name__ for finder in sys.meta_path].count('Guard'))"
    assert program.run(text + counted)[0] == "1\n"


def test_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text(render(LOCK))
    Path("a.evidence.json").write_text(evidence.dump(LOCK))
    assert main(["guard", "a.txt", "-o", "-"]) == 0
    assert capsys.readouterr().out == render_guard(LOCK, filename="a.txt")
    # A folder of that name would be made, and the module in it would not be found.
    assert main(["guard", "a.txt", "-o", "minreq_guard.py"]) == 2
    assert "name the folder of minreq_guard.py" in capsys.readouterr().err
    assert not Path("-").exists()


def test_the_template_guards_nothing() -> None:
    """The file in the package has no data; equal locks make equal modules."""
    text = render_guard(LOCK, filename="x.txt")
    assert text == render_guard(LOCK, filename="x.txt")
    assert '"tokenizers": [("litellm/utils.py", 73, True, [])],' in text
    assert "botocore" not in text.partition("MODULES")[2]
