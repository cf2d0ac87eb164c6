"""`minreq sync`: what reaches the interpreters that it starts, and source distributions, built in isolation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Project, project

from minreq.environment import _pip_environment
from minreq.smoke.isolation import SANDBOX_VARIABLE

SCENARIO = """
explanation = "The root needs a distribution of which the index has the source only."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = { sdist = true }
"""
#: Modules that pip-tools, pip and every interpreter import.
NAMES = (
    "click",
    "pip",
    "piptools",
    "json",
    "runpy",
    "sitecustomize",
    "usercustomize",
    "tomllib",
    "packaging",
    "_pytest",
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("sync"))
    made.make_lock()
    return made


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return folder


def test_neither_the_working_folder_nor_a_variable_decides_what_runs(
    locked: Project, environment: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The working folder of a user may be a clone of a repository that he does not trust."""
    ran = tmp_path / "ran"
    for name in NAMES:
        (locked.folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\n")
    # minreq itself is started as its script is, which leaves the working folder out.
    monkeypatch.setattr(
        Project,
        "command",
        lambda made, *words: [sys.executable, "-I", "-m", "minreq", *words, "--index-url", made.wheelhouse.url],
    )
    variables = {"PYTHONPATH": str(locked.folder), "PYTHONSTARTUP": str(locked.folder / "click.py")}
    whole = {**locked.environment(), **variables}
    monkeypatch.setattr(Project, "environment", lambda _made: whole)
    done = locked.minreq("sync", "--python", str(environment), "--dry-run")
    assert done.status == 0, done.err
    assert "needed==1.0" in done.err
    assert not ran.exists(), ran.read_text()
    for name in NAMES:
        (locked.folder / f"{name}.py").unlink()


def test_source_distributions_are_built_in_isolation(
    locked: Project, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pip builds nothing; where the kernel has to isolate the build and cannot, nothing runs."""
    whole = {**locked.environment(), SANDBOX_VARIABLE: "hooks"}
    with monkeypatch.context() as hooks:
        hooks.setattr(Project, "environment", lambda _made: whole)
        refused = locked.minreq("sync", "--python", str(environment), "--require-sandbox")
        assert (refused.status, "nothing was run" in refused.err) == (1, True), refused.err
    done = locked.minreq("sync", "--python", str(environment), "--json")
    assert done.status == 0, done.err
    assert "builds needed 1.0 from source: " in " ".join(done.err.split())
    installed = json.loads(done.out)["installed"]
    assert (installed["app"], installed["needed"]) == ("1.0", "1.0")
    again = locked.minreq("sync", "--python", str(environment))
    assert again.status == 0, again.err
    assert "from source" not in again.err


def test_an_environment_without_pip_is_a_sentence(locked: Project, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    done = locked.minreq("sync", "--python", str(tmp_path / "bare"), "--dry-run")
    assert done.status == 2, done.err
    assert "has no pip, which pip-sync needs there" in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_variables_for_pip() -> None:
    given = {
        "PYTHONPATH": "a",
        "PYTHONHOME": "b",
        "PYTHONSTARTUP": "c",
        "PIP_CONSTRAINT": "d",
        "PATH": "e",
        "PIP_CERT": "f",
    }
    assert _pip_environment(given) == {"PATH": "e", "PIP_CERT": "f"}
