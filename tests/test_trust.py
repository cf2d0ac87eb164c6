"""`minreq explain`, `exposure`, `guard` and `lock --misses` as a user runs them, on one lock."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import Project, project

pytestmark = pytest.mark.one_python

SCENARIO = '''
explanation = "One that is needed, one that makes a difference, two that are left out."
requirements = ["app"]
program = "import app; app.run()"
[wheels.app."1.0"]
requires = ["needed", "colour", "rare", "optional"]
[wheels.app."1.0".files]
"app/__init__.py" = """
import needed
try:
    import colour
    MODE = "colours"
except ImportError:
    MODE = "plain"
try:
    import optional
except ImportError:
    pass

def run():
    print(MODE)

def export():
    from app import exporting
"""
"app/exporting.py" = "import rare"
[wheels]
needed."1.0" = {}
colour."1.0" = {}
rare."1.0" = { requires = ["heavy"] }
heavy."1.0" = {}
optional."1.0" = {}
'''


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    made = project(SCENARIO, tmp_path_factory.mktemp("trust"))
    made.make_lock("--certify")
    return made


def test_the_certificate_is_in_the_evidence_and_stays(made: Project) -> None:
    """`--certify` makes a lock without a certificate again; a lock with one stays unchanged."""
    certificate = json.loads(made.evidence.read_text())["certificate"]
    assert [outcome["distribution"] for outcome in certificate["outcomes"]] == ["app", "colour", "needed"]
    assert [outcome["result"]["kind"] for outcome in certificate["outcomes"]] == ["failure", "difference", "failure"]
    assert len(certificate["subject"]) == 64
    before = made.evidence.read_bytes()
    made.make_lock("--certify")
    made.make_lock()
    assert made.evidence.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("needed", ["failure", "app/__init__.py:1", "import needed", "declared by  app", "certified"]),
        ("colour", ["difference", "without it   plain", "except ImportError at app/__init__.py:5"]),
        ("rare", ["never asked for", "declared by    app", "heavy"]),
        ("optional", ["optional: except ImportError at app/__init__.py:9", "smoke/smoke.py:1"]),
    ],
)
def test_explain(name: str, lines: list[str], made: Project) -> None:
    done = _run(made, "explain", name)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"is {'' if name in ('needed', 'colour') else 'not '}in the lock" in done.stdout.splitlines()[0]
    for line in lines:
        assert line in done.stdout


def test_explain_as_json(made: Project) -> None:
    document = json.loads(_run(made, "explain", "optional", "--json").stdout)
    assert (document["in"], document["asked"][0]["optional"]) == (False, "except ImportError at app/__init__.py:9")
    assert document["chain"][-1]["distribution"] == "app"


def test_the_tree(made: Project) -> None:
    lines = _run(made, "explain", "--tree").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["app", "colour", "needed"]
    document = json.loads(_run(made, "explain", "--tree", "--json").stdout)
    assert [each["depth"] for each in document["distributions"]] == [0, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "check the name, or add it to the closure with `minreq lock --with`"),
        ([], "name a distribution, or show the whole lock with --tree"),
        (["needed", "--tree"], "name a distribution, or show the whole lock with --tree"),
        (["needed", "--lock", "elsewhere.txt"], "no lock at elsewhere.txt"),
    ],
)
def test_explain_refuses_wrong_arguments(arguments: list[str], sentence: str, made: Project) -> None:
    done = _run(made, "explain", *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr


def test_evidence_of_another_schema_is_made_anew(made: Project, tmp_path: Path) -> None:
    """`minreq lock` does so, as the error recommends; the user moves no file away."""
    other = Project(wheelhouse=made.wheelhouse, folder=tmp_path / "project", cache=made.cache)
    shutil.copytree(made.folder, other.folder)
    text = other.evidence.read_text()
    other.evidence.write_text(re.sub(r'"schema": \d+', '"schema": 1', text, count=1))
    done = _run(other, "explain", "needed")
    assert done.returncode == 2
    assert "or run `minreq lock` again" in done.stderr
    other.make_lock()
    assert "is in the lock" in _run(other, "explain", "needed").stdout


def test_exposure(made: Project) -> None:
    """An unguarded import comes first; an import that the run declined is not unguarded."""
    done = made.minreq("exposure", "-q")
    assert done.status == 0
    head, first, *others = done.out.splitlines()
    assert head.startswith(
        "2 imports in the kept code lead to left-out distributions: 1 unguarded, 0 caught, 1 declined"
    )
    assert first.split()[:4] == ["1", "rare", "app/exporting.py:1", "<module>"]
    assert first.endswith("1 import from traced code: app/__init__.py:16 export")
    assert [line.strip() for line in others[:2]] == ["app.export() leads there", "covered by --include rare"]
    data = json.loads(made.minreq("exposure", "-q", "--json").out)
    assert [site["unguarded"] for site in data["sites"]] == [True, False]
    (function,) = data["sites"][0]["functions"]
    assert (function["name"], function["line"], function["handler"]) == ("app.export()", 16, None)


def test_exposure_for_ci(made: Project) -> None:
    done = made.minreq("exposure", "-q", "--fail-on", "unguarded")
    assert done.status == 1
    assert "first app/exporting.py:1" in done.err
    done = made.minreq("exposure", "-q", "--fail-on", "unguarded", "--json")
    assert (done.status, json.loads(done.out)["unguarded"]) == (1, 1)
    assert "first app/exporting.py:1" in done.err


def test_code_that_the_store_lacks_is_fetched(made: Project) -> None:
    """As on another machine, or after `minreq cache prune`."""
    other = Project(wheelhouse=made.wheelhouse, folder=made.folder, cache=made.folder.parent / "another-cache")
    assert other.minreq("exposure", "-q").out == made.minreq("exposure", "-q").out


def test_a_miss_leads_to_a_lock_that_has_it(made: Project, tmp_path: Path) -> None:
    """From a log of production to the next lock; other names in the log have no effect."""
    assert _run(made, "guard", "-o", str(tmp_path / "python")).returncode == 0
    text = f"import sys; sys.path[:0] = [{str(tmp_path / 'python')!r}]; import minreq_guard, rare"
    program = subprocess.run([sys.executable, "-c", text], capture_output=True, encoding="utf-8", check=False)
    assert "minreq lock app --smoke smoke.py --include rare" in program.stderr
    log = tmp_path / "log"
    log.write_text(program.stderr + program.stderr.replace('"rare"', '"evil"'))
    lock = ("lock", "app", "--smoke", "smoke.py", "--misses", str(log), "-o", "other.txt")
    done = made.minreq(*lock)
    assert done.status == 2  # Misses are those of the lock that is made anew.
    made.folder.joinpath("other.txt").write_bytes(made.lock.read_bytes())
    made.folder.joinpath("other.evidence.json").write_bytes(made.evidence.read_bytes())
    done = made.minreq(*lock)
    assert done.status == 0, done.err
    assert "rare was missed once" in done.err
    assert "evil was missed once, and is not among what this lock leaves out" in done.err
    assert "evil" not in (made.folder / "other.txt").read_text()
    assert "rare==1.0" in (made.folder / "other.txt").read_text()
    assert "--include rare" in (made.folder / "other.txt").read_text()


def _run(made: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that uses no index."""
    return subprocess.run(
        [sys.executable, "-m", "minreq", *arguments],
        cwd=made.folder,
        env=made.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
