"""`minreq analyze` as a user meets it: trees of a wheelhouse, zips, an environment, a layer with an interpreter."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from commanding import Done, Project, project

from minreq.analyze import containers
from minreq.analyze.coldarchives import read_cold_archives
from minreq.analyze.containers import open_container
from minreq.analyze.inventory import take_inventory
from minreq.analyze.kinds import Kind
from minreq.analyze.sharedobjects import needed_libraries
from minreq.errors import TreeUnreadable
from minreq.system import temporary

SCENARIO = """
explanation = "`app` needs `needed`; `extra` is required and never asked for, and brings `deep`."
requirements = ["app"]
program = "import app"
[wheels.app."1.0"]
requires = ["needed", "extra"]
[wheels.app."1.0".files]
"app/__init__.py" = "import needed"
"app/tests/test_a.py" = "a = 1"
"app/x.pyi" = "x: int"
"app/d.bin" = "12345"
[wheels]
needed."1.0" = { files = { "needed/__init__.py" = "", "needed/native.c" = "int", "needed/docs/a.md" = "# a" } }
needed."2.0" = {}
extra."1.0" = { requires = ["deep", "needed"], files = { "extra/__init__.py" = "e = 1" } }
deep."1.0" = { files = { "deep.py" = "d = 12" } }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a lock."""
    made = project(SCENARIO, tmp_path_factory.mktemp("analyze"))
    made.make_lock()
    return made


@pytest.fixture
def tree(made: Project, tmp_path: Path) -> Path:
    """A folder with everything, the older `needed`."""
    folder = tmp_path / "tree"
    install(made, folder, "app", "needed", "extra", "deep")
    return folder


@pytest.fixture(scope="module")
def slow(made: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slow")
    install(made, folder, "app", "needed")
    (folder / "needed" / "__init__.py").write_text("from needed.heavy import number\ndef f(): return number\n")
    (folder / "needed" / "heavy.py").write_text("number = sum(range(300_000))\n")
    return folder


def install(made: Project, folder: Path, *names: str, version: int = 0) -> None:
    for name in names:
        with zipfile.ZipFile(made.wheelhouse.of(name)[version].path) as wheel:
            wheel.extractall(folder)


def analyze(made: Project, *arguments: str) -> Done:
    # It asks no index.
    done = subprocess.run(
        [sys.executable, "-m", "minreq", "analyze", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=made.folder,
        env=made.environment(),
    )
    return Done(status=done.returncode, out=done.stdout, err=done.stderr)


def data(made: Project, *arguments: str) -> dict[str, Any]:
    done = analyze(made, *arguments, "--json")
    assert done.status == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def test_a_folder_by_distribution_and_kind(made: Project, tree: Path) -> None:
    found = data(made, str(tree))
    assert found["bytes"] == sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    parts = {each["name"]: each for each in found["distributions"]}
    assert [*parts] == sorted(parts, key=lambda name: -parts[name]["bytes"])
    kinds = {name: count for name, count in parts["app"]["kinds"].items() if name != "metadata"}
    assert kinds == {"code": 13, "type stubs": 6, "tests": 5, "data": 5}
    assert {"C sources", "docs"} < parts["needed"]["kinds"].keys()
    assert found["required_by_none"] == ["app"]
    assert (found["unowned"], found["duplicates"], found["pth"]) == ({}, {}, [])


def test_a_zip_and_a_wheel_are_read_where_they_lie(made: Project, tree: Path, tmp_path: Path) -> None:
    archive = Path(shutil.make_archive(str(tmp_path / "layer"), "zip", tree))
    assert {**data(made, str(archive)), "path": ""} == {**data(made, str(tree)), "path": ""}
    wheel = data(made, str(made.wheelhouse.of("app")[0].path))
    assert [(each["name"], each["version"]) for each in wheel["distributions"]] == [("app", "1.0")]


def test_a_layer_with_its_own_interpreter(made: Project, tree: Path, tmp_path: Path) -> None:
    """A function of another language that carries Python along."""
    layer = tmp_path / "layer"
    library = layer / "lib" / "python3.12"
    shutil.copytree(tree, library / "site-packages")
    install(made, layer / "python", "needed", version=1)
    (library / "os.py").write_text("import sys")
    (library / "json").mkdir()
    (library / "json" / "__init__.py").write_text("a")
    (layer / "bin").mkdir()
    (layer / "bin" / "python3.12").write_bytes(b"x" * 100)
    (layer / "lib" / "libpython3.12.so.1.0").write_bytes(b"x" * 10)
    (library / "site-packages" / "start.pth").write_text("import os")
    (library / "site-packages" / "minreq-build.json").write_text("{}")
    found = data(made, str(layer))
    parts = {each["name"]: each for each in found["distributions"] if each["version"] is None}
    assert parts["(interpreter)"]["bytes"] == 110
    assert (parts["(standard library)"]["bytes"], parts["(standard library)"]["files"]) == (11, 2)
    assert parts["(minreq build)"]["bytes"] == 2
    assert found["duplicates"] == {"needed": ["1.0", "2.0"]}
    assert found["unowned"] == {"lib/python3.12/site-packages": 9}
    assert found["pth"] == ["lib/python3.12/site-packages/start.pth"]


def test_a_page_to_look_at(made: Project, tree: Path, tmp_path: Path) -> None:
    done = analyze(made, str(tree), "--html", str(tmp_path / "page.html"), "--budget", "10")
    assert done.status == 1
    text = (tmp_path / "page.html").read_text()
    assert '["app 1.0",' in text
    assert 'over.",true]' in text
    # The page on standard output takes the place of the table.
    printed = made.minreq("analyze", str(tree), "--html", "-", "--budget", "10")
    assert (printed.status, printed.out) == (1, text)


def test_compiled_files_belong_to_their_source(made: Project, tree: Path) -> None:
    subprocess.run([sys.executable, "-m", "compileall", "-q", tree], check=True)
    found = data(made, str(tree))
    assert found["unowned"] == {}
    assert all("compiled" in each["kinds"] for each in found["distributions"])


def test_a_real_environment(made: Project, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "environment"], check=True)
    found = data(made, str(tmp_path / "environment"))
    assert {each["name"] for each in found["distributions"]} <= {"(interpreter)", "(nobody)"}


class TestLock:
    """`--lock`: what need not be there."""

    def test_what_it_leaves_out_and_what_only_that_brings(self, made: Project, tree: Path) -> None:
        (saving,) = data(made, str(tree), "--lock", "requirements-minimal.txt")["left_out_by_lock"][:1]
        assert (saving["name"], [*saving["brings"]]) == ("extra", ["deep"])
        assert saving["total"] == saving["bytes"] + saving["brings"]["deep"]

    def test_nothing_to_leave_out(self, made: Project, tmp_path: Path) -> None:
        install(made, tmp_path / "small", "app", "needed")
        done = analyze(made, str(tmp_path / "small"), "--lock", "requirements-minimal.txt")
        assert "Left out by the lock, with the bytes that each saves:\n  nothing" in done.out

    def test_no_lock(self, made: Project, tree: Path) -> None:
        done = analyze(made, str(tree), "--lock", "nothing.txt")
        assert (done.status, done.sentences[0]) == (
            2,
            "no lock at nothing.txt; restore it, or make the lock with `minreq lock`",
        )


class TestImports:
    """`--imports`: what the import of a program costs; the only option that runs something of the tree."""

    def test_of_the_root_of_a_lock(self, made: Project, slow: Path, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        found = data(made, str(slow), "--imports", "--lock", "requirements-minimal.txt", "--html", str(page))["imports"]
        assert found["program"] == "import app"
        modules = [(each["name"], each["importer"], each["place"]) for each in found["modules"]]
        assert modules == [
            ("app", None, "import app"),
            ("needed", "app", "app/__init__.py:1"),
            ("needed.heavy", "needed", "needed/__init__.py:1"),
        ]
        first, second = found["lines"]
        assert (first["path"], first["line"], first["statement"]) == ("app/__init__.py", 1, "import needed")
        assert (first["modules"], first["saved"]["modules"], first["saved"]["read_by"]) == (2, 2, None)
        assert first["seconds"] > second["seconds"] >= 0.001
        assert second["names"] == [{"name": "number", "obstacle": None, "line": 2}]
        assert not [*slow.rglob("__pycache__")]
        text = page.read_text()
        assert '["needed.heavy","needed/__init__.py:1",' in text
        assert "number: nothing reads it at import; the first line that names it is 2" in text

    def test_of_a_module_in_a_zip(self, made: Project, slow: Path, tmp_path: Path) -> None:
        archive = shutil.make_archive(str(tmp_path / "layer"), "zip", slow)
        done = analyze(made, archive, "--imports", "--module", "needed", "--budget", "1")
        assert done.status == 1
        shown = [" ".join(line.split()) for line in done.out.splitlines()]
        start = next(number for number, line in enumerate(shown) if line.startswith("`import needed` loads 2 modules"))
        assert shown[start + 3].split() == ["ms", "MB", "modules", "ms", "saved", "MB", "saved", "line", "statement"]
        assert shown[start + 4].endswith("needed/__init__.py:1 from needed.heavy import number")
        assert shown[start + 7].endswith("1 module: needed/__init__.py:1 from needed.heavy import number")
        assert shown[-1].startswith("Budget 1: ")

    @pytest.mark.parametrize(
        ("options", "status", "sentence"),
        [
            (["--imports"], 2, "--imports needs to know what to import: add --module NAME, or --lock FILE"),
            (["--imports", "--module", "a-b"], 2, "--module a-b: this is no name of a module"),
            (["--module", "a"], 2, "--module, --python and --require-sandbox are for --imports; add --imports"),
            (["--imports", "--module", "nothing"], 1, "ModuleNotFoundError: No module named 'nothing'"),
        ],
    )
    def test_what_cannot_be_measured(
        self, made: Project, slow: Path, options: list[str], status: int, sentence: str
    ) -> None:
        done = analyze(made, str(slow), *options)
        assert (done.status, len(done.sentences)) == (status, 1)
        assert sentence in done.sentences[0]


class TestBudget:
    """`--budget`, with what else is deployed."""

    def test_what_is_left(self, made: Project, tree: Path) -> None:
        size = data(made, str(tree))["bytes"]
        found = data(made, str(tree), "--budget", str(size + 100), "--reserve", "60")
        assert found["left"] == 40

    def test_over_budget_is_no(self, made: Project, tree: Path) -> None:
        size = data(made, str(tree))["bytes"]
        done = analyze(made, str(tree), "--budget", str(size + 100), "--reserve", "160")
        assert (done.status, len(done.sentences)) == (1, 1)
        told = f"{tree} has {size + 160:,} bytes, over the budget of {size + 100:,} by 60 bytes; the largest: "
        assert done.sentences[0].startswith(told)
        assert f"Budget {size + 100:,}: {size:,} here and 160 of the function, 60 over" in done.out

    def test_over_budget_is_one_object(self, made: Project, tree: Path) -> None:
        done = analyze(made, str(tree), "--budget", "1", "--json")
        assert (done.status, len(done.sentences)) == (1, 1)
        assert json.loads(done.out)["left"] < 0


@pytest.mark.parametrize("name", ["nothing", "text.zip"])
def test_no_tree(made: Project, tmp_path: Path, name: str) -> None:
    (tmp_path / "text.zip").write_text("no zip")
    done = analyze(made, str(tmp_path / name))
    assert done.status == 2
    assert done.sentences[0].startswith(f"cannot read {tmp_path / name}: ")
    assert done.sentences[0].endswith("name a folder, a virtual environment, a wheel or a zip")


def test_a_cold_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its archives may be larger than any metadata; what the build adds is a file of the build, compiled or not."""
    monkeypatch.setattr(containers, "_MAX_METADATA", 1000)
    folder = tmp_path / "tree" / "_minreq_cold"
    folder.joinpath("__pycache__").mkdir(parents=True)
    for name in ("finder.py", "finder.pyc", "__pycache__/finder.cpython-312.pyc", "index.json"):
        folder.joinpath(name).write_text("x")
    for name in ("_minreq_build.py", "_minreq_lazy.py", "_minreq_lazy.pyc"):
        folder.with_name(name).write_text("x")
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        archive.writestr("app/a.py", "x" * 2000)
        archive.writestr("minreq-cold.json", "{}")
    packed = Path(shutil.make_archive(str(tmp_path / "layer"), "zip", tmp_path / "tree"))
    for path in (tmp_path / "tree", packed):
        with open_container(path) as container:
            [found] = read_cold_archives(container)
            owners = {entry.path.rpartition("/")[2]: entry.owner for entry in take_inventory(container).entries}
        assert (found.name, found.files, found.kinds) == ("app", 1, {Kind.CODE: 2000})
        assert owners.pop("app.zip") == "(nobody)"
        assert {*owners.values()} == {"(minreq build)"}


def test_debug_symbols_are_counted_apart(made: Project, tmp_path: Path) -> None:
    """The interpreter's own extension modules stand for any; what `strip` takes is what is counted."""
    strip = shutil.which("strip")
    modules = [file for name in ("_json", "_csv") if (file := getattr(__import__(name), "__file__", None))]
    if not modules or strip is None:
        pytest.skip("this interpreter has no extension modules of its own, or there is no strip")
    (tmp_path / "tree").mkdir()
    copy = Path(shutil.copy(modules[0], tmp_path / "tree"))
    before = data(made, str(tmp_path / "tree"))["kinds"]
    subprocess.run([strip, "--strip-unneeded", copy], check=True)
    after = data(made, str(tmp_path / "tree"))["kinds"]
    assert "debug symbols" not in after
    # Alignment and the table of sections differ by a little.
    assert abs(before["shared objects"] - after["shared objects"]) < 4096


def test_libraries_are_those_that_the_loader_reads() -> None:
    """It reads no sections, which a file need not have."""
    content = Path(sys.executable).read_bytes()
    needed = needed_libraries(io.BytesIO(content))
    assert needed
    assert any(name.startswith("libc.") for name in needed)
    # Where the sections begin, and how many there are.
    without = content[:40] + bytes(8) + content[48:58] + bytes(6) + content[64:]
    assert needed_libraries(io.BytesIO(without)) == needed
    assert needed_libraries(io.BytesIO(content[:5000])) is None
    assert needed_libraries(io.BytesIO(b"no library")) is None


def test_large_and_hostile_files_take_little_memory_and_time(tmp_path: Path) -> None:
    """Of a shared object the headers are read, which may never end; metadata has a limit; no depth takes its cube."""
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, 64, 0, 64, 0, 0, 0, 0, 0)
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1 << 50, 0, 0, 0, 0)
    for name in ("endless.so", "large.so"):
        (tmp_path / name).write_bytes(header + section)
    os.truncate(tmp_path / "large.so", 1 << 40)
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(800):
        os.mkdir("d", dir_fd=folder)
        inner = os.open("d", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
    with open_container(tmp_path) as container:
        entries = take_inventory(container).entries
        for name in ("endless.so", "large.so"):
            with container.open(name) as stream:
                assert needed_libraries(stream) is None
    assert [entry.path.rpartition("/")[2] for entry in entries] == ["file", "endless.so", "large.so"]
    temporary.remove(tmp_path / "d")
    metadata = tmp_path / "a-1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.touch()
    os.truncate(metadata, 1 << 40)
    with open_container(tmp_path) as container, pytest.raises(TreeUnreadable, match="more than any metadata"):
        take_inventory(container)
