"""`minreq lock --check`: stale or not, without a run of the smoke."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from commanding import Project, project
from wheelhouse import project_html, project_json

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A root with one need, of which there are two versions, the newer not there at first."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
needed."2.0" = {}
"""
LOCK = ("lock", "app", "--smoke", "smoke.py", "--constraint", "constraints.txt", "-q")


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A lock with a newer release of `needed` than it pins; not to be changed."""
    made = project(SCENARIO, tmp_path_factory.mktemp("locked"))
    (made.folder / "constraints.txt").write_text("needed<3\n")
    page, archives = made.wheelhouse.simple / "needed" / "index.html", made.wheelhouse.of("needed")
    page.write_text(project_html(archives[:1]))
    made.make_lock("--constraint", "constraints.txt")
    page.write_text(project_html(archives))
    return made


@pytest.fixture
def own(locked: Project, tmp_path: Path) -> Project:
    """A copy of lock and index, to be changed."""
    shutil.copytree(locked.folder, tmp_path / "own")
    shutil.copytree(locked.wheelhouse.folder, tmp_path / "index")
    return replace(locked, folder=tmp_path / "own", wheelhouse=replace(locked.wheelhouse, folder=tmp_path / "index"))


def test_a_newer_release_does_not_make_it_stale(locked: Project) -> None:
    done = locked.minreq(*LOCK[:-1], "--check")
    assert (done.status, done.out, done.err.splitlines()[-1]) == (0, "", "requirements-minimal.txt is up to date")
    done = locked.minreq(*LOCK, "--check")
    assert (done.status, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize("flags", [["-U"], ["-P", "needed"]], ids=" ".join)
def test_asked_for_newer_releases_it_is(locked: Project, flags: list[str]) -> None:
    done = locked.minreq(*LOCK, "--check", *flags)
    assert (done.status, done.sentences) == (
        1,
        ["requirements-minimal.txt is stale; run `minreq lock` again:", "needed 1.0 would become 2.0"],
    )


def test_another_may_move_and_does_not(locked: Project) -> None:
    assert locked.minreq(*LOCK, "--check", "-P", "app").status == 0


def test_another_command(locked: Project) -> None:
    done = locked.minreq(*LOCK, "--check", "--include", "needed")
    assert (done.status, done.sentences[1:]) == (1, ["the lock was made without --include needed"])


def test_another_smoke(own: Project) -> None:
    (own.folder / "smoke.py").write_text("import app, needed")
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["smoke/smoke.py has changed"]


def test_another_constraint(own: Project) -> None:
    (own.folder / "constraints.txt").write_text("needed<2  # Only this says something.\n")
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["-c constraints.txt has changed"]


def test_another_comment_beside_a_constraint(own: Project) -> None:
    (own.folder / "constraints.txt").write_text("# Nothing newer.\nneeded <3\n")
    assert own.minreq(*LOCK, "--check").status == 0


def test_an_edited_file(own: Project) -> None:
    own.lock.write_text(own.lock.read_text().replace("    #   app\n", ""))
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["the comment '#   app' of needed was removed from the file"]


def test_a_file_that_is_damaged_is_stale_too(own: Project) -> None:
    own.lock.write_text(own.lock.read_text() + "<<<<<<< HEAD\n")
    assert own.minreq(*LOCK, "--check").status == 1


def test_no_lock_and_no_evidence(own: Project) -> None:
    own.evidence.unlink()
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["there is no evidence at requirements-minimal.evidence.json"]
    own.lock.unlink()
    done = own.minreq(*LOCK, "--check")
    assert (done.status, done.sentences[1:]) == (1, ["there is no lock at requirements-minimal.txt"])


def test_a_yanked_file(own: Project) -> None:
    archives = [replace(a, release=replace(a.release, yanked="")) for a in own.wheelhouse.of("needed")]
    (own.wheelhouse.simple / "needed" / "index.html").write_text(project_html(archives))
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["needed-1.0-py3-none-any.whl is yanked"]


def test_a_file_that_is_gone(own: Project) -> None:
    (own.wheelhouse.simple / "needed" / "index.html").write_text(project_html(own.wheelhouse.of("needed")[1:]))
    assert own.minreq(*LOCK, "--check").sentences[1:] == ["needed-1.0-py3-none-any.whl is gone from the index"]


def test_an_index_that_does_not_answer_decides_nothing(own: Project) -> None:
    with serve_responses(lambda _asked: CannedResponse(status=500)) as server:
        done = replace(own, index=f"{server.origin}/simple/").minreq(*LOCK[:-1], "--check")
    assert done.status == 0
    assert "could not check whether a pinned file was yanked or deleted: http://127.0.0.1:" in done.err


def test_offline_no_index_is_asked(own: Project) -> None:
    shutil.rmtree(own.wheelhouse.simple / "needed")
    done = own.minreq(*LOCK[:-1], "--check", "--offline")
    assert (done.status, done.err.splitlines()[-1]) == (0, "requirements-minimal.txt is up to date")
    again = own.minreq(*LOCK[:-1], "--offline")
    assert again.status == 0
    assert "nothing changed since this lock was proven" in again.err


def test_nothing_is_run_and_nothing_written(own: Project) -> None:
    shutil.rmtree(own.wheelhouse.files)
    before = {path: path.read_bytes() for path in own.folder.iterdir()}
    assert own.minreq(*LOCK, "--check").status == 0
    assert {path: path.read_bytes() for path in own.folder.iterdir()} == before


@pytest.mark.parametrize("words", [["app"], [], ["-P", "app"]], ids=" ".join)
def test_the_lock_on_disk_has_the_options(own: Project, words: list[str]) -> None:
    """Whoever names no smoke means the one of the lock."""
    done = own.minreq("lock", *words, "--check")
    assert (done.status, done.out) == (0, "")
    assert "options, with those of the last lock: lock app --smoke smoke.py --constraint constraints.txt" in done.err


def test_options_beside_those_of_the_lock_on_disk(own: Project) -> None:
    done = own.minreq("lock", "--include", "needed", "--check")
    assert "options, with those of the last lock: lock app --smoke smoke.py" in done.err
    assert (done.status, done.sentences[1:]) == (1, ["the lock was made without --include needed"])
    done = own.minreq("lock", "--certify", "-U")
    assert done.status == 0, done.err
    assert "needed==2.0" in own.lock.read_text()
    assert '"certificate": null' not in own.evidence.read_text()


def test_the_lock_on_disk_is_for_another_python(own: Project) -> None:
    """A lock made with --python is not replaced by one for the Python of minreq without a word."""
    version = "{}.{}".format(*sys.version_info)
    marker = f'"python_version": "{version}"'
    assert marker in own.evidence.read_text()
    own.evidence.write_text(own.evidence.read_text().replace(marker, '"python_version": "3.9"'))
    done = own.minreq("lock", "--check")
    assert f"was 3.9 and is {version}; --python 3.9 checks for the other" in done.err
    done = own.minreq("lock")
    assert done.status == 0, done.err
    assert f"the lock on disk is for Python 3.9, and the new one for {version}; for 3.9 add --python 3.9" in done.err
    assert "the lock on disk is for Python" not in own.minreq("lock", "--certify").err


@pytest.mark.parametrize("words", [["needed"], ["-o", "other.txt"], ["-o", "-"], ["."]], ids=" ".join)
def test_a_lock_of_something_else_has_no_options(own: Project, words: list[str]) -> None:
    done = own.minreq("lock", *words)
    assert (done.status, done.sentences[0].partition(":")[0]) == (2, "nothing to run")


def test_unreadable_evidence_has_no_options(own: Project) -> None:
    own.evidence.write_text("{}")
    done = own.minreq("lock", "--check")
    assert (done.status, done.sentences[0].partition(":")[0]) == (2, "nothing to run")


#: Runs a command, and prints what it imported, started and parsed.
WATCHED = """
import json, subprocess, sys
from minreq.index import simple
counts = {"parsed": 0, "started": 0}
def counted(function, what):
    def call(*arguments, **named):
        counts[what] += 1
        return function(*arguments, **named)
    return call
simple.parse = counted(simple.parse, "parsed")
subprocess.Popen.__init__ = counted(subprocess.Popen.__init__, "started")
from minreq.__main__ import main
status = main()
print(json.dumps({**counts, "status": status, "modules": sorted(name for name, each in sys.modules.items() if each)}))
"""
#: What nothing needs where nothing changed: it would take longer to import than all the rest.
UNNEEDED = {"anysqlite", "elftools", "h2", "installer", "pygments", "resolvelib", "rich.live", "trustme"}
UNNEEDED_ROOMS = ("minreq.lock.make", "minreq.minimize", "minreq.resolver", "minreq.smoke.run", "minreq.wheels.store")


def test_what_is_unchanged_needs_little(own: Project) -> None:
    """Pages are read, and neither parsed nor stored; no program is started, and few modules are imported."""

    def answer(asked: ReceivedRequest) -> CannedResponse:
        name = asked.path.split("/")[2]
        body = project_json(name, own.wheelhouse.of(name)).encode()
        # Neither a lifetime nor a validator.
        return CannedResponse(body=body, headers={"Content-Type": "application/vnd.pypi.simple.v1+json"})

    with serve_responses(answer) as server:
        served = replace(own, index=f"{server.origin}/simple/")
        done = served.minreq(*LOCK, "--check")
        assert (done.status, done.err) == (0, "")
        assert len(server.requests) == 2
        for flags, most in ((["--check"], 120), ([], 140)):
            _, _, _, *arguments = served.command(*LOCK, *flags)
            watched = served.python(WATCHED, *arguments)
            found = json.loads(watched.out.splitlines()[-1])
            assert (found["status"], found["parsed"], found["started"]) == (0, 0, 0)
            assert UNNEEDED.isdisjoint(found["modules"])
            assert not [name for name in found["modules"] if name.startswith(UNNEEDED_ROOMS)]
            assert len([name for name in found["modules"] if name.partition(".")[0] == "minreq"]) <= most
        assert len(server.requests) == 2 * 3
    # What is not stored is never compared.
    assert not [*own.cache.rglob("*.digest")]
