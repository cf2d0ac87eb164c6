"""What is stored is what was checked: every kind of file of the cache, each damaged in every way.

The files are found by listing the cache after a lock. After each damage a lock has the same bytes, and nothing outside
of the cache has changed. `test_wheels_store.py` has every single file of the store.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from commanding import Project, project
from damages import DAMAGES, OUTSIDE
from simpleserver import ServerFeatures, serve

from minreq.cli import main
from minreq.doctor import diagnose
from minreq.system import regularfile
from minreq.wheels import storedtree

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A start-up file, data, headers, a script, and what looks like an extension module."
requirements = ["app"]
program = "import app"
[wheels]
pth."1.0" = { files = { "pth.py" = "x = 1", "start.pth" = "import sys" } }
[wheels.data."1.0"]
scripts = { run = "#!python\\nprint(1)\\n" }
entry_points = { console_scripts = { go = "data:go" } }
[wheels.data."1.0".files]
"data/__init__.py" = "x = 1"
"data/table.txt" = "a table"
"data/fast.so" = "not loaded"
"data-1.0.data/data/share/x.txt" = "hello"
"data-1.0.data/headers/x.h" = "int x;"
[wheels.app."1.0"]
requires = ["pth", "data"]
files = { "app/__init__.py" = "import pth, data" }
"""
WITH_SOURCE = SCENARIO.replace('["pth", "data"]', '["pth", "data", "built"]').replace(
    "[wheels]\n", '[wheels]\nbuilt."1.0" = { sdist = true }\n'
)
LOCK = ("lock", "app", "--smoke", "smoke.py", "--allow-pth", "pth", "-q", "-j", "2")


def kind_of(path: Path) -> str:
    """Return the kind of a file of the cache: its path without hashes, and for an installed file only its folder."""
    text = re.sub(r"[0-9a-f]{40,}", "*", path.as_posix())
    text = re.sub(r"/[0-9a-f]{2}/", "/*/", text)
    text = re.sub(r"/hosts/[0-9a-f]{32}\..*", "/hosts/*", text)
    text = re.sub(r"/(lib|bin|data|include)/.*?(\.pyc)?$", r"/files\2", text)
    text = re.sub(r"/sizes-.*", "/sizes-*", text)
    return re.sub(r"[^/]*(\.whl|\.tar\.gz|-unpacked)$", r"*\1", text)


def list_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files below *folder* by kind."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if not path.is_dir():
            found.setdefault(kind_of(path.relative_to(folder)), []).append(path.relative_to(folder))
    return found


def run(made: Project, *arguments: str) -> int:
    """Run a command in this process; return its exit status."""
    with pytest.MonkeyPatch.context() as context:
        for name in [name for name in os.environ if name.startswith(("PIP_", "MINREQ_"))]:
            context.delenv(name)
        for name, value in made.environment().items():
            context.setenv(name, value)
        context.chdir(made.folder)
        return main([*arguments, "--index-url", str(made.index)])


@pytest.fixture(scope="module", params=["wheels", "a source distribution"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a lock and a full cache."""
    text = WITH_SOURCE if request.param == "a source distribution" else SCENARIO
    made = project(text, tmp_path_factory.mktemp("stored"))
    with serve(made.wheelhouse, ServerFeatures(metadata=True)) as server:
        made = replace(made, index=server.url)
        assert run(made, *LOCK) == 0
        assert run(made, *LOCK) == 0  # This looks for withdrawn files.
        assert run(made, "exposure", "-q") == 0
        yield made


#: The kinds of files, in groups that are damaged together: no kind hides another one of its group.
GROUPS = {
    "records": (
        "durations.json",
        "index/.gitignore",
        "index/hosts/*",
        "index/pages.sqlite",
        "index/wheels/*/*.members",
        "wheels/locks/*",
        "wheels/unpacked/*/imports.json",
        "wheels/unpacked/*/index",
    ),
    "pages and bytecode": (
        "index/wheels/*/*.digest",
        "index/wheels/*/*.metadata",
        "index/wheels/*/*.page",
        "wheels/locks/*-unpacked",
        "wheels/unpacked/*/compiled.txt",
        "wheels/unpacked/*/files.pyc",
        "wheels/unpacked/*/sizes-*",
        "wheels/wheels/*/*/*.whl",
    ),
    "installed files": ("wheels/unpacked/*/files",),
    "a source distribution": ("wheels/wheels/*/*/*.tar.gz", "wheels/wheels/*/*/built/*.whl"),
}


def project_of(group: str) -> str:
    return group if group == "a source distribution" else "wheels"


def test_the_groups_have_all_kinds(made: Project) -> None:
    """A new kind of file belongs into the table."""
    with_source = "built" in made.wheelhouse.projects
    groups = [kinds for name, kinds in GROUPS.items() if with_source or name != "a source distribution"]
    assert {*list_files(made.cache)} == {kind for kinds in groups for kind in kinds}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(
    ("made", "group"), [pytest.param(project_of(name), name, id=name) for name in GROUPS], indirect=["made"]
)
def test_damaged_files_make_the_same_lock(
    made: Project, group: str, damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files of a group at once; nothing is followed, waited for, or left damaged."""
    if damage == "unreadable" and os.geteuid() == 0:
        pytest.skip("root reads everything; see test_wheels_store.py")
    other = replace(made, folder=tmp_path / "work", cache=tmp_path / "cache")
    shutil.copytree(made.cache, other.cache, symlinks=True)
    other.folder.mkdir()
    shutil.copy(made.folder / "smoke.py", other.folder)
    outside = tmp_path / "outside"
    outside.write_bytes(OUTSIDE)
    found = list_files(other.cache)
    files = [file for kind in GROUPS[group] for file in found[kind]]
    for file in files:
        DAMAGES[damage](other.cache / file, outside)
    assert run(other, *LOCK) == 0, capsys.readouterr().err
    assert "Traceback" not in capsys.readouterr().err
    assert other.lock.read_bytes() == made.lock.read_bytes()
    assert other.evidence.read_bytes() == made.evidence.read_bytes()
    assert outside.read_bytes() == OUTSIDE
    assert run(other, *LOCK) == 0, capsys.readouterr().err
    assert run(other, "exposure", "-q") == 0, capsys.readouterr().err
    for file in files:
        if os.path.lexists(other.cache / file):
            assert stat.S_ISREG(os.lstat(other.cache / file).st_mode), file


@pytest.mark.parametrize("made", ["wheels"], indirect=True)
@pytest.mark.parametrize("command", ["lock --require-sandbox", "verify", "build", "export"])
def test_nothing_poisoned_leaves_the_store(made: Project, command: str, tmp_path: Path) -> None:
    """A source of equal length under an index that says the same, and an archive that is another one."""
    if "sandbox" in command and not diagnose(tmp_path / "doctor").kernel:
        pytest.skip("the kernel isolates no smoke here")
    other = replace(made, folder=tmp_path / "work", cache=tmp_path / "cache")
    shutil.copytree(made.cache, other.cache, symlinks=True)
    shutil.copytree(made.folder, other.folder)
    (source,) = other.store.glob("unpacked/*/lib/data/__init__.py")
    tree = source.parents[2]
    (archive,) = other.store.glob(f"wheels/*/{tree.name}/*.whl")
    source.write_text("x = 2")
    index = storedtree.read_index(tree)
    assert index is not None
    hashes = {**index.hashes, "lib/data/__init__.py": regularfile.sha256(source)}
    storedtree.write_index(tree, storedtree.read_statuses(tree, hashes, archive), tmp_path)
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    arguments = {
        "lock --require-sandbox": (*LOCK, "--require-sandbox", "-o", "again.txt"),
        "verify": ("verify", "-q"),
        "build": ("build", "-q", "-o", "out", "--slim", "none"),
        "export": ("export", "-q", "--format", "wheelhouse", "-o", "out"),
    }
    assert run(other, *arguments[command]) == 0
    if command == "export":
        copied = other.folder / "out" / archive.name
        assert regularfile.sha256(copied) == tree.name
    else:
        assert source.read_text() == "x = 1"
        assert regularfile.sha256(archive) == tree.name
    if command == "build":
        assert (other.folder / "out/data/__init__.py").read_text() == "x = 1"
