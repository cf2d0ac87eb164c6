"""What two files of the repository say about one thing is the same."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import minreq

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomlkit.parse(ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8")).unwrap()
DEPENDENCIES = sorted(PROJECT["project"]["dependencies"])
PACKAGE = Path(minreq.__file__).parent
CHILD = sorted(PACKAGE.glob("smoke/child/*.py"))
#: Scripts that run without minreq and without each other.
SCRIPTS = [
    PACKAGE / name
    for name in (
        *("smoke/compileworker.py", "guard/minreq_guard.py", "build/importprobe.py"),
        *("imports/importwatch.py", "build/lazy/_minreq_lazy.py"),
    )
]
LAUNCHER = sorted(PACKAGE.glob("smoke/launcher/*.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES_OF_FILE = 400
MAX_LINES_OF_FUNCTION = 60


def requirements(file: str) -> Iterator[str]:
    """Lines of *file* that name a requirement: no comments, no options."""
    for line in ROOT.joinpath("requirements", file).read_text(encoding="utf-8").splitlines():
        requirement = line.partition("#")[0].strip()
        if requirement and not requirement.startswith("-"):
            yield requirement


def test_run_requirements_are_the_dependencies() -> None:
    """Installing `requirements/run.txt` and then minreq without dependencies is installing minreq."""
    assert sorted(requirements("run.in")) == DEPENDENCIES


def test_requirements_of_extras_are_those_of_their_environments() -> None:
    """What the environment `dask` installs beside the tests is what `pip install .[dask]` does."""
    assert sorted(requirements("dask.in")) == PROJECT["project"]["optional-dependencies"]["dask"]


def test_lowest_requirements_are_the_floors_of_the_dependencies() -> None:
    """The environment `min` tests exactly what `dependencies` promise."""
    assert sorted(requirements("min.in")) == [each.replace(">=", "==") for each in DEPENDENCIES]


@pytest.mark.parametrize("source", sorted(each.name for each in ROOT.glob("requirements/*.in")))
def test_every_stated_requirement_is_pinned_with_hashes(source: str) -> None:
    """A `.in` file changed without its `.txt` is noticed before an installer meets it."""
    pinned = {}
    for line in ROOT.joinpath("requirements", source).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
        name, is_pin, version = line.removesuffix(" \\").partition("==")
        if is_pin:
            assert line.endswith("\\"), f"{line} has no hash"
            pinned[canonicalize_name(name)] = Version(version.partition(" ;")[0])
    for each in map(Requirement, requirements(source)):
        assert pinned[canonicalize_name(each.name)] in each.specifier


def test_every_test_that_the_security_page_names_is_there() -> None:
    """A promise without a test is none: each row of its tables names one at least, and all of them exist."""
    rows = [line for line in ROOT.joinpath("SECURITY.md").read_text("utf-8").splitlines() if line.startswith("| ")]
    tests = {path.name: path.read_text("utf-8") for path in ROOT.glob("tests/test_*.py")}
    named = 0
    promising = False
    for row in rows:
        if row.startswith(("| attack ", "| fault ", "| what ")):
            promising = not row.startswith("| what ")
            continue
        found = re.findall(r"`(?:(test_\w+\.py)(?:::)?)?(test_\w+)?`", row)
        assert bool([each for each in found if any(each)]) == promising, row
        for file, name in found:
            if file:
                assert file in tests, row
            if name:
                where = [tests[file]] if file else [*tests.values()]
                assert any(f"def {name}(" in text for text in where), f"{name} in {row}"
                named += 1
    assert named > 30


@pytest.mark.parametrize("script", [*CHILD, *LAUNCHER, *SCRIPTS], ids=lambda script: script.name)
def test_child_scripts_import_the_standard_library_and_each_other_only(script: Path) -> None:
    """Their interpreters have nothing of minreq. The contract on imports does not see modules of a script's folder."""
    siblings = next((scripts for scripts in (CHILD, LAUNCHER) if script in scripts), [])
    allowed = sys.stdlib_module_names | {each.stem for each in siblings}
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported = {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"line {node.lineno}: a script has no siblings to import relatively"
            imported = {str(node.module).partition(".")[0]}
        else:
            continue
        assert imported <= allowed, f"line {node.lineno}"


def test_child_scripts_shadow_no_module_of_the_standard_library() -> None:
    """Their folder is on `sys.path` of the interpreter."""
    assert not {each.stem for each in (*CHILD, *LAUNCHER)} & (sys.stdlib_module_names - {"__main__"})


def test_files_and_functions_are_short() -> None:
    """CONTRIBUTING.md has the same numbers."""
    too_long = []
    for file in MODULES:
        name, text = file.relative_to(PACKAGE).as_posix(), file.read_text("utf-8")
        if (lines := len(text.splitlines())) > MAX_LINES_OF_FILE:
            too_long.append(f"{name}: {lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_LINES_OF_FUNCTION:
                    too_long.append(f"{name}:{node.lineno}: {node.name} has {lines} lines")
    assert MODULES
    assert too_long == []
