"""Pipes and devices in the place of files that a user names: minreq refuses them soon, and waits for no writer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from commanding import Project, project

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A root with a dependency."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
"""
LOCK = ("lock", "app", "--smoke", "smoke.py")
PATH, EVIDENCE = "requirements-minimal.txt", "requirements-minimal.evidence.json"
NOWHERE = "https://127.0.0.1:1/simple/"
#: Commands without an index.
LOCAL = frozenset({"analyze", "check", "diff", "explain", "guard", "scan"})
#: What becomes a pipe; the command, and its status. `{}` is the pipe.
PLACES: Mapping[str, tuple[str, tuple[str, ...], int]] = {
    "-r": ("r.txt", (*LOCK, "-r", "{}"), 2),
    "-r in a file": ("inner.txt", (*LOCK, "-r", "outer.txt"), 2),
    "-c": ("c.txt", (*LOCK, "-c", "{}"), 2),
    "--smoke": ("s.py", ("lock", "app", "--smoke", "{}"), 2),
    "--smoke-file": ("data.txt", (*LOCK, "--smoke-file", "{}"), 2),
    "--profiles": ("profiles/app/profile.toml", ("lock", "app", "-p", "x", "--profiles", "profiles"), 2),
    "--project": ("pyproject.toml", ("lock", "--project", ".", "--smoke", "smoke.py"), 2),
    "--cert": ("cert.pem", (*LOCK, "-U", "--cert", "{}", "--index-url", NOWHERE), 2),
    "--client-cert": ("cert.pem", (*LOCK, "-U", "--client-cert", "{}", "--index-url", NOWHERE), 2),
    "--find-links": ("links.html", (*LOCK, "--find-links", "{}"), 0),
    "-o": (PATH, (*LOCK, "-o", "{}"), 2),
    "--html": ("page.html", (*LOCK, "--html", "{}"), 2),
    "evidence, lock": (EVIDENCE, LOCK, 2),
    "lock, --check": (PATH, (*LOCK, "--check"), 2),
    "evidence, --check": (EVIDENCE, (*LOCK, "--check"), 2),
    "lock, verify": (PATH, ("verify",), 2),
    "evidence, verify": (EVIDENCE, ("verify",), 2),
    "verify --path": ("tree.zip", ("verify", "--path", "{}"), 2),
    "verify --path, metadata": ("tree/a-1.dist-info/METADATA", ("verify", "--path", "tree"), 2),
    "smoke, verify": ("smoke.py", ("verify",), 2),
    "verify --python": ("pipes/python", ("verify", "--python", "{}"), 2),
    "lock, explain": (PATH, ("explain", "--tree", "--lock", "{}"), 0),
    "evidence, explain": (EVIDENCE, ("explain", "--tree"), 2),
    "evidence, exposure": (EVIDENCE, ("exposure",), 2),
    "evidence, diff": (EVIDENCE, ("diff", PATH, PATH), 2),
    "lock, export": (PATH, ("export", "--format", "pylock"), 2),
    "evidence, export": (EVIDENCE, ("export", "--format", "uv"), 2),
    "evidence, build": (EVIDENCE, ("build", "-o", "out"), 2),
    "evidence, guard": (EVIDENCE, ("guard", "-o", "."), 2),
    "lock, check": (PATH, ("check", "tree"), 2),
    "check": ("tree.zip", ("check", "{}"), 2),
    "check, metadata": ("tree/a-1.dist-info/METADATA", ("check", "tree"), 2),
    "lock, sync": (PATH, ("sync", "--python", "nowhere"), 2),
    "analyze": ("tree.zip", ("analyze", "{}"), 2),
    "analyze --lock": (EVIDENCE, ("analyze", ".", "--lock", PATH), 2),
    "scan": ("code.py", ("scan", "{}"), 0),
    "scan, rules": (".gitignore", ("scan", "."), 0),
    "versions --smoke": ("s.py", ("versions", "app", "--trace", "--smoke", "{}"), 0),
}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("project"))
    assert made.minreq(*LOCK).status == 0
    (made.folder / "outer.txt").write_text("-r inner.txt\n")
    (made.folder / "tree").mkdir()
    (made.folder / "profiles/app").mkdir(parents=True)
    return made


@pytest.mark.parametrize("place", PLACES)
def test_a_pipe_is_not_waited_for(place: str, locked: Project, tmp_path: Path) -> None:
    name, arguments, status = PLACES[place]
    folder = tmp_path / "work"
    shutil.copytree(locked.folder, folder)
    pipe = folder / name
    pipe.parent.mkdir(parents=True, exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    index = [] if arguments[0] in LOCAL or NOWHERE in arguments else ["--index-url", locked.wheelhouse.url]
    done = subprocess.run(
        [sys.executable, "-m", "minreq", *(each.replace("{}", name) for each in arguments), *index],
        cwd=folder, env=locked.environment(), capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == status, done.stderr
    assert status == 0 or Path(name).stem.split(".")[0] in done.stderr
