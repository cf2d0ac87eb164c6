"""`minreq lock --all` as a user meets it: many locks, one index, one resolution, one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from commanding import Project, project
from simpleserver import serve

SCENARIO = """
explanation = "A root with a need of its import, and one of a feature."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed", "unused"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
unused."1.0" = {}
"""
#: Two functions and a job with two locks; one smoke of them fails.
FUNCTIONS = {
    "chat/pyproject.toml": '[tool.minreq]\nroot = "app"\nsmoke = ["smoke.py"]\n',
    "chat/smoke.py": "import app\n",
    "jobs/pyproject.toml": (
        '[tool.minreq]\nroot = "app"\n[tool.minreq.locks.daily]\nsmoke = ["../chat/smoke.py"]\n'
        '[tool.minreq.locks.plain]\nsmoke = ["../chat/smoke.py"]\nannotate = false\n'
    ),
    "wrong/pyproject.toml": '[tool.minreq]\nroot = "app"\nsmoke = ["smoke.py"]\n',
    "wrong/smoke.py": "import app, absent\n",
    "misspelt/pyproject.toml": '[tool.minreq]\nroot = "app"\nsmok = ["smoke.py"]\n',
    "other/pyproject.toml": '[project]\nname = "other"\n',
    ".venv/pyvenv.cfg": "",
    ".venv/lib/pyproject.toml": '[tool.minreq]\nroot = "app"\n',
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    own = project(SCENARIO, tmp_path_factory.mktemp("everylock"))
    for name, text in FUNCTIONS.items():
        (own.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (own.folder / name).write_text(text)
    return own


def states(out: str) -> dict[str, str]:
    locks: list[dict[str, Any]] = json.loads(out)["locks"]
    return {f"{each['folder']}: {each['name']}" if each["name"] else each["folder"]: each["state"] for each in locks}


def test_all_locks_of_a_repository(made: Project) -> None:
    """One test, since each step builds on the files of the one before."""
    with serve(made.wheelhouse) as server:
        own = Project(wheelhouse=made.wheelhouse, folder=made.folder, cache=made.cache, index=server.url)
        done = own.minreq("lock", "--all", ".", "--json")
    assert states(done.out) == {
        "chat": "made",
        "jobs: daily": "made",
        "jobs: plain": "made",
        "misspelt": "failed",
        "wrong": "failed",
    }
    # The worst: a smoke that fails on everything, before a wrong configuration. The others are there all the same.
    assert done.status == 3
    assert done.sentences == ["2 of 5 locks failed: misspelt, wrong; the others are complete"]
    assert {path.relative_to(made.folder).as_posix() for path in made.folder.rglob("requirements*.txt")} == {
        "chat/requirements-minimal.txt",
        "jobs/requirements-minimal-daily.txt",
        "jobs/requirements-minimal-plain.txt",
    }
    daily, plain = (made.folder / f"jobs/requirements-minimal-{name}.txt" for name in ("daily", "plain"))
    assert "needed==1.0" in daily.read_text()
    assert "needed==1.0" in plain.read_text()
    assert "via" not in plain.read_text()
    # One of the two was made, the other one has its contents.
    assert done.err.count("this lock has the contents of one that was made before") == 1
    pages = [each.path for each in server.requests if each.path.endswith("/needed/")]
    assert len(pages) == 1

    done = own.minreq("lock", "--all", "jobs", "--offline")
    assert (done.status, [line.split()[2] for line in done.out.splitlines()[1:]]) == (0, ["unchanged", "unchanged"])


def test_a_lock_is_the_one_that_is_made_in_its_folder(made: Project) -> None:
    assert "--smoke ../chat/smoke.py" in (made.folder / "jobs/requirements-minimal-daily.txt").read_text()
    inside = Project(wheelhouse=made.wheelhouse, folder=made.folder / "jobs", cache=made.cache)
    assert inside.minreq("lock", "--check", "--name", "daily", "-q").status == 0


def test_check_reports_each_stale_lock(made: Project) -> None:
    (made.folder / "chat/smoke.py").write_text("import app, needed\n")
    done = made.minreq("lock", "--check", "--all", "jobs", "--json")
    assert done.status == 1
    found = json.loads(done.out)["locks"]
    assert [(each["state"], each["reason"]) for each in found] == [("failed", "stale")] * 2
    inside = Project(wheelhouse=made.wheelhouse, folder=made.folder / "jobs", cache=made.cache)
    assert states(inside.minreq("lock", "--check", "--all", "--json").out) == {
        ".: daily": "failed",
        ".: plain": "failed",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--all", "-o", "x.txt", "--html", "x.html"], "--output, --html: is for one lock"),
        (["app", "--all"], "ROOT: is for one lock"),
        (["--all", "nowhere"], "--all nowhere: there is no such folder"),
        (["--all", "other"], "--all other: no pyproject.toml in it, or below it, has [tool.minreq]"),
        (["--all"], "--all makes the locks of [tool.minreq] of pyproject.toml, and there is none here or above"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_what_does_not_go_together(made: Project, arguments: list[str], sentence: str) -> None:
    done = made.minreq("lock", *arguments)
    assert done.status == 2
    assert sentence in done.err


@pytest.mark.one_python
def test_two_locks_with_one_file(made: Project, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.minreq]\nroot = "app"\nsmoke = ["smoke.py"]\n[tool.minreq.locks.a]\noutput = "x.txt"\n'
        '[tool.minreq.locks.b]\noutput = "./x.txt"\n'
    )
    (tmp_path / "smoke.py").write_text("import app\n")
    own = Project(wheelhouse=made.wheelhouse, folder=tmp_path, cache=made.cache)
    done = own.minreq("lock", "--all", "--json")
    assert (done.status, states(done.out)) == (2, {".: a": "made", ".: b": "failed"})
    assert "b and a have the same output, x.txt; rename one" in done.err
