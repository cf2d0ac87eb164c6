"""Locks of other things than one root: several roots, a project in a folder, a code base, smokes that are commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Project, project
from wheelhouse import Release

from minreq.lockfile import evidence
from minreq.model import Lock

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "Two programs, and a tool that runs checks and shares a dependency with one of them."
requirements = ["first"]
[wheels.first."1.0"]
requires = ["needed", "shared", "fallback", "unused"]
files = { "first/__init__.py" = '''
import needed
import shared
try:
    import fallback
except ImportError:
    fallback = None
''' }
[wheels.second."1.0"]
requires = ["other", "unused"]
files = { "second/__init__.py" = "import other" }
[wheels.tool."2.0"]
requires = ["shared", "fallback", "part"]
entry_points = { console_scripts = { check = "tool:main" } }
files = { "tool/__init__.py" = '''
import os, sys, runpy
import part, shared, fallback

def main():
    for name in sorted(os.listdir(sys.argv[1])):
        if name.startswith("check_") and name.endswith(".py"):
            runpy.run_path(os.path.join(sys.argv[1], name), run_name="checked")
            print(name, "passed in 0.%dsec" % (os.getpid() % 10))
''' }
[wheels]
needed."1.0" = {}
other."1.0" = {}
unused."1.0" = {}
shared."1.0" = {}
fallback."1.0" = {}
part."1.0" = {}
"""

#: A backend that copies the wheel beside it.
BACKEND = """
import pathlib, shutil

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    (wheel,) = pathlib.Path(__file__).parent.glob("*.whl")
    shutil.copy(wheel, wheel_directory)
    return wheel.name
"""
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def lock_of(made: Project) -> Lock:
    return evidence.load(made.evidence.read_text())


def kept(made: Project) -> dict[str, str]:
    return {each.candidate.name: each.evidence.kind for each in lock_of(made).selection.kept}


def test_several_roots_in_one_lock(made: Project) -> None:
    made.folder.joinpath("smoke.py").write_text("import first, second\n")
    done = made.minreq("lock", "first", "second", "--smoke", "smoke.py", "-q")
    assert done.status == 0, done.err
    assert kept(made) == {
        "first": "request",
        "needed": "failure",
        "other": "failure",
        "second": "request",
        "shared": "failure",
    }
    text = made.lock.read_text()
    assert "minreq lock first --also second --smoke smoke.py" in text
    assert "# root: first, second" in text
    assert made.minreq("lock", "first", "--smoke", "smoke.py", "--check").status == 1
    assert made.minreq("verify").status == 0
    for form in ("uv", "uv-excludes", "wheelhouse", "pylock"):
        exported = made.minreq("export", "--format", form)
        assert exported.status == 0, exported.err
    refused = made.minreq("lock", "first", "second", "--exclude", "second", "--smoke", "smoke.py")
    assert (refused.status, refused.sentences) == (2, ["--exclude second: the root cannot be left out"])


def test_a_command_with_tools_that_are_never_in_the_lock(made: Project) -> None:
    checks = made.folder / "checks"
    checks.mkdir()
    checks.joinpath("check_first.py").write_text("import first\nassert first\n")
    command = ("lock", "first", "--smoke", "check checks", "--smoke-with", "tool")
    done = made.minreq(*command, "-q")
    assert done.status == 0, done.err
    # What the tool has too is missed by the program as anything else.
    assert kept(made) == {"first": "request", "needed": "failure", "shared": "failure"}
    lock = lock_of(made)
    assert [f"{each.name} {each.version}" for each in lock.tools] == [
        "fallback 1.0",
        "part 1.0",
        "shared 1.0",
        "tool 2.0",
    ]
    assert {each.candidate.name for each in lock.selection.left_out} == {"fallback", "unused"}
    assert made.minreq(*command, "--check").status == 0
    assert made.minreq("verify").status == 0
    built = made.minreq("build", "-o", "built", "--slim", "safe")
    assert built.status == 0, built.err
    assert not made.folder.joinpath("built", "tool").exists()
    checks.joinpath("check_first.py").write_text("import first\n")
    stale = made.minreq(*command, "--check")
    assert stale.status == 1
    assert "check checks" in stale.err


def test_a_program_without_what_its_lock_lost_fails_although_a_tool_has_it(made: Project) -> None:
    """The tool imports `shared` too; the run of the proof has it for the tool alone."""
    made.folder.joinpath("check_first.py").write_text("import first\n")
    assert made.minreq("lock", "first", "--smoke", "check .", "--smoke-with", "tool", "-q").status == 0
    assert made.minreq("verify").status == 0
    text = made.lock.read_text()
    begin = text.index("\nshared==")
    made.lock.write_text(text[:begin] + text[text.index("\n", text.index("# via", begin)) :])
    done = made.minreq("verify")
    assert done.status == 1, done.err
    assert "No module named 'shared'" in done.err or "SystemExit" in done.err, done.err


REPLACING = """
explanation = "The tool replaces a function of the library that the program calls."
requirements = ["program"]
[wheels.program."1.0"]
requires = ["library", "unused"]
[wheels.program."1.0".files]
"program/__init__.py" = '''
def call():
    import library
    return library.call()
'''
[wheels.library."1.0"]
files = { "library/__init__.py" = "def call(): return 'real'" }
[wheels.unused."1.0"]
[wheels.tool."1.0"]
requires = ["library", "unused"]
entry_points = { console_scripts = { check = "tool:main" } }
[wheels.tool."1.0".files]
"tool/__init__.py" = '''
import library, runpy, sys, unused

def main():
    library.call = lambda: "replaced"
    runpy.run_path(sys.argv[1], run_name="checked")
'''
"""


def test_a_tool_that_replaces_parts_of_the_program_uses_what_the_program_uses(tmp_path: Path) -> None:
    made = project(REPLACING, tmp_path)
    made.folder.joinpath("check.py").write_text("import program\nassert program.call() == 'replaced'\n")
    done = made.minreq("lock", "program", "--smoke", "check ./check.py", "--smoke-with", "tool")
    assert done.status == 0, done.err
    assert kept(made) == {"library": "masked", "program": "request"}
    assert "# via masked, not certified: program/__init__.py:2" in made.lock.read_text()
    assert "separate copies of library, unused for its tools; the tools now use the program's" in done.err
    assert "library: a tool of the smoke uses it too; kept for its import at program/__init__.py:2" in done.err
    assert made.minreq("verify").status == 0


def test_a_command_finds_its_files_wherever_the_lock_lies(made: Project, tmp_path: Path) -> None:
    """By what the evidence records: the files it names, and where the lock was written, seen from where it ran."""
    other = tmp_path / "other"
    for folder, text in ((made.folder, "import first\n"), (other, "raise SystemExit('not these')\n")):
        folder.joinpath("checks").mkdir(parents=True)
        folder.joinpath("checks", "check_first.py").write_text(text)
    made.folder.joinpath("locks").mkdir()
    command = ("lock", "first", "--smoke", "check checks", "--smoke-with", "tool", "-q", "-o")
    for output in (str(other / "lock.txt"), "locks/lock.txt"):
        assert made.minreq(*command, output).status == 0
        done = made.minreq("verify", output)
        assert (done.status, "the smoke is not the one" in done.err) == (0, False), done.err
    elsewhere = replace(made, folder=other)
    assert elsewhere.minreq("verify", str(made.folder / "locks" / "lock.txt")).status == 0
    # Of files that are no longer the same, those are taken that are nearest to where the lock was made.
    made.folder.joinpath("checks", "check_first.py").write_text("import first  # and more\n")
    done = elsewhere.minreq("verify", str(made.folder / "locks" / "lock.txt"))
    assert (done.status, "the smoke is not the one the lock was proven with: smoke/check checks" in done.err) == (
        0,
        True,
    )


def test_a_script_is_found_where_the_lock_was_made(made: Project, tmp_path: Path) -> None:
    made.folder.joinpath("smoke.py").write_text("import first\n")
    made.folder.joinpath("locks").mkdir()
    assert made.minreq("lock", "first", "--smoke", "smoke.py", "-q", "-o", "locks/lock.txt").status == 0
    elsewhere = replace(made, folder=tmp_path)
    assert elsewhere.minreq("verify", str(made.folder / "locks" / "lock.txt")).status == 0


def test_a_command_that_nobody_has(made: Project) -> None:
    done = made.minreq("lock", "first", "--smoke", "chekc checks", "-q")
    assert done.status == 3
    assert "has the command 'chekc'; name the project that has it with --smoke-with" in done.err


@pytest.mark.parametrize("command", ["python -m checks.run", "python checks/run.py"])
def test_a_command_of_python(command: str, made: Project) -> None:
    made.folder.joinpath("checks").mkdir()
    made.folder.joinpath("checks", "run.py").write_text("import first, sys\nassert sys.argv[1:] == ['a b']\n")
    done = made.minreq("lock", "first", "--smoke", f"{command} 'a b'", "-q")
    assert done.status == 0, done.err
    assert kept(made) == {"first": "request", "needed": "failure", "shared": "failure"}


def test_a_project_in_a_folder(made: Project) -> None:
    folder = made.folder / "program"
    folder.mkdir()
    program = Release(
        name="program", version="0.1", requires=("first",), files={"program/__init__.py": "import first\nname = 'p'\n"}
    )
    folder.joinpath("pyproject.toml").write_text(PYPROJECT)
    folder.joinpath("backend.py").write_text(BACKEND)
    folder.joinpath("program-0.1-py3-none-any.whl").write_bytes(program.wheel("py3-none-any"))
    made.folder.joinpath("smoke.py").write_text("import program\nprint(program.name)\n")
    command = ("lock", "./program", "--smoke", "smoke.py")
    done = made.minreq(*command)
    assert done.status == 0, done.err
    assert "provided by the runtime" not in (done.err + made.lock.read_text()).lower()
    assert "# kept: 3 of 5 distributions\n" in made.lock.read_text()
    assert "because  it is the project itself;" in made.minreq("explain", "program").out
    assert kept(made) == {"first": "failure", "needed": "failure", "shared": "failure"}
    text = made.lock.read_text()
    assert "minreq lock --project program --smoke smoke.py" in text
    assert "program==0.1 \\" not in text
    assert made.minreq(*command, "--check").status == 0
    assert made.minreq("verify").status == 0
    assert {each.name for each in folder.iterdir()} == {
        "backend.py",
        "program-0.1-py3-none-any.whl",
        "pyproject.toml",
    }


def test_a_project_is_that_of_the_folder_and_not_one_of_that_name_on_an_index(made: Project) -> None:
    """The index has a `second` of that very version, which needs `other`."""
    folder = made.folder / "second"
    folder.mkdir()
    mine = Release(name="second", version="1.0", requires=("first",), files={"second/__init__.py": "import first\n"})
    folder.joinpath("pyproject.toml").write_text(PYPROJECT)
    folder.joinpath("backend.py").write_text(BACKEND)
    folder.joinpath("second-1.0-py3-none-any.whl").write_bytes(mine.wheel("py3-none-any"))
    made.folder.joinpath("smoke.py").write_text("import second\n")
    done = made.minreq("lock", "./second", "--smoke", "smoke.py", "--exclude", "frist", "-P", "frist")
    assert done.status == 0, done.err
    assert kept(made) == {"first": "failure", "needed": "failure", "shared": "failure"}
    for told in ("--exclude frist excludes nothing", "--upgrade-package frist upgrades nothing"):
        assert f"{told}: no distribution of that name is declared (did you mean first?)" in done.err


def test_a_folder_without_a_project(made: Project) -> None:
    done = made.minreq("lock", ".", "--smoke", "smoke.py")
    assert done.status == 2
    assert "the folder has neither a pyproject.toml nor a setup.py" in done.err
    assert made.minreq("lock", ".", "./a", "--smoke", "smoke.py").status == 2


def test_a_smoke_with_the_name_of_a_module(made: Project) -> None:
    made.folder.joinpath("needed.py").write_text("import first\n")
    done = made.minreq("lock", "first", "--smoke", "needed.py")
    assert done.status == 2
    assert "Python would import it instead of the module of needed with the same name; rename it" in done.err
