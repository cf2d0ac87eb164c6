"""The store uses what it checked, and nothing else: every file of it, damaged in every way, is made anew."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from damages import DAMAGES, OUTSIDE
from packaging.utils import canonicalize_name
from scenariorun import FileDownloader
from wheelhouse import Wheelhouse, parse, write

from minreq.errors import HostileWheel, StoreChanged
from minreq.model import Wheel
from minreq.system import cachefile, regularfile
from minreq.wheels import storedtree
from minreq.wheels.bytecode import BytecodeRecord
from minreq.wheels.store import Store

SCENARIO = """
explanation = "Whatever a wheel may install."
requirements = ["data"]
[wheels]
pth."1.0" = { files = { "pth.py" = "x = 1", "start.pth" = "import sys" } }
[wheels.data."1.0"]
scripts = { run = "#!python\\nprint(1)\\n" }
entry_points = { console_scripts = { go = "data:go" } }
[wheels.data."1.0".files]
"data/__init__.py" = "x = 1"
"data/inner/table.txt" = "a table"
"data/fast.so" = "not loaded"
"data-1.0.data/data/share/x.txt" = "hello"
"data-1.0.data/headers/x.h" = "int x;"
"""
NOBODY = 65534


class StoreCase:
    """A store that has one wheel, and what an environment gets of it."""

    def __init__(self, folder: Path, name: str = "data") -> None:
        self.house: Wheelhouse = write(parse(SCENARIO), folder / "house")
        value = self.house.of(name)[0].value
        assert isinstance(value, Wheel)
        self.wheel = value
        self.folder = folder / "store"
        self.said: list[str] = []
        self.outside = folder / "outside"
        self.outside.write_bytes(OUTSIDE)
        self.tree = self.open().unpack_tree(self.wheel)
        self.archive = self.open().fetch(self.wheel)
        self.expected = self.installed()

    def open(self, *, check_all: bool = False, allow: str = "pth") -> Store:
        """A store as another process opens it."""
        allowed = [canonicalize_name(allow)]
        return Store(self.folder, FileDownloader(), on_damage=self.said.append, check_all=check_all, allow_pth=allowed)

    def installed(self) -> dict[str, bytes]:
        """The files that an environment gets, with folders that have none."""
        return {
            path.relative_to(self.tree).as_posix(): path.read_bytes() if path.is_file() else b""
            for name in ("lib", "bin", "data", "include")
            for path in sorted((self.tree / name).rglob("*"))
        }

    def check(self, *, check_all: bool = False) -> None:
        """Use the store; what an environment gets is what it was, and nothing outside has changed."""
        self.open(check_all=check_all).unpack(self.wheel)
        self.open().fetch(self.wheel)
        assert self.installed() == self.expected
        assert regularfile.sha256(self.archive) == self.wheel.sha256
        assert self.outside.read_bytes() == OUTSIDE

    def add_bytecode(self) -> Path:
        """Write bytecode as the compiler does."""
        file = self.tree / "lib/data/__pycache__/__init__.cpython-312.pyc"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"compiled")
        source = regularfile.sha256(self.tree / "lib/data/__init__.py")
        record = BytecodeRecord(regularfile.sha256(file), source)
        self.open().record_bytecode(self.tree, file.relative_to(self.tree).as_posix(), record)
        return file


@pytest.fixture
def case(tmp_path: Path) -> StoreCase:
    return StoreCase(tmp_path)


@pytest.mark.parametrize("check_all", [False, True], ids=["changed files", "all files"])
@pytest.mark.parametrize("damage", [each for each in DAMAGES if each != "unreadable"])
def test_every_file_is_made_anew(case: StoreCase, damage: str, *, check_all: bool) -> None:
    """One after the other: archive, locks, index, and each file of the tree."""
    case.open()
    files = [path for path in sorted(case.folder.rglob("*")) if path.is_file()]
    assert len(files) > 12
    for file in files:
        if file.stat().st_size or damage in {"a folder", "a link", "a link to nothing", "a pipe", "deleted"}:
            DAMAGES[damage](file, case.outside)
            case.check(check_all=check_all)


def damage_unreadable(folder: Path) -> None:
    """Make each file unreadable and use the store."""
    case = StoreCase(folder)
    for file in [path for path in sorted(case.folder.rglob("*")) if path.is_file()]:
        DAMAGES["unreadable"](file, case.outside)
        case.check()
    assert os.geteuid() == 0 or any("was damaged in the store" in sentence for sentence in case.said)


def test_an_unreadable_file_is_made_anew() -> None:
    """As a user without rights: root reads everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "first").mkdir()
        damage_unreadable(folder / "first")  # This also imports what the user below may not be able to read.
        (folder / "second").mkdir()
        if os.geteuid():
            return
        folder.chmod(0o755)
        os.chown(folder / "second", NOBODY, NOBODY)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pytest may have threads; the child uses none of them.
            child = os.fork()
        if not child:
            try:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                damage_unreadable(folder / "second")
            except BaseException:  # noqa: BLE001 - The status tells the parent.
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    "path",
    ["lib/added.py", "lib/data/added.so", "lib/added.pth", "lib/sitecustomize.py", "lib/empty/", "bin/ls", "lib/x.pyc"],
)
def test_what_was_added_is_found(case: StoreCase, path: str) -> None:
    added = case.tree / path
    if path.endswith("/"):
        added.mkdir()
    else:
        added.write_text("x")
    case.check()
    assert case.said == [
        f"{case.wheel.filename} was damaged in the store and is unpacked again: {path.rstrip('/')} was added"
    ]


def test_a_folder_that_became_a_link_is_not_followed(case: StoreCase, tmp_path: Path) -> None:
    shutil.move(case.tree / "lib" / "data", tmp_path / "moved")
    (case.tree / "lib" / "data").symlink_to(tmp_path / "moved")
    case.check()
    assert (tmp_path / "moved" / "__init__.py").is_file()


def test_a_change_of_equal_length_and_time_is_found(case: StoreCase) -> None:
    """The kernel keeps the time of the change, which no user sets."""
    source = case.tree / "lib/data/__init__.py"
    status = source.stat()
    source.write_text("x = 2")
    os.utime(source, ns=(status.st_atime_ns, status.st_mtime_ns))
    case.check()
    assert case.said == [
        f"{case.wheel.filename} was damaged in the store and is unpacked again: lib/data/__init__.py was changed"
    ]


def test_a_forged_index_is_found_where_all_files_are_hashed(case: StoreCase) -> None:
    """Who writes into the store can write an index too; the hashes then come from the archive."""
    source = case.tree / "lib/data/__init__.py"
    source.write_text("x = 2")
    index = storedtree.read_index(case.tree)
    assert index is not None
    hashes = {**index.hashes, "lib/data/__init__.py": regularfile.sha256(source)}
    forged = storedtree.read_statuses(case.tree, hashes, case.archive)
    storedtree.write_index(case.tree, forged, case.folder / "unfinished")
    case.check(check_all=True)
    assert len(case.said) == 1


def test_a_replaced_archive_is_fetched_again(case: StoreCase) -> None:
    case.archive.write_bytes(b"another archive")
    case.check()
    assert case.said == [
        f"{case.wheel.filename} was damaged in the store and is removed from it: it does not have its hash"
    ]


@pytest.mark.parametrize("check_all", [False, True])
def test_bytecode_stays_where_its_source_and_its_record_do(case: StoreCase, *, check_all: bool) -> None:
    compiled = case.add_bytecode()
    for _ in range(2):
        case.open(check_all=check_all).unpack(case.wheel)
        assert compiled.read_bytes() == b"compiled"
    compiled.write_bytes(b"c0mpiled")
    case.open(check_all=check_all).unpack(case.wheel)
    assert not compiled.exists()
    assert case.said == []


def test_no_start_up_file_comes_through(tmp_path: Path) -> None:
    """Whatever happens to the files beside a tree."""
    case = StoreCase(tmp_path, "pth")
    for damage in DAMAGES:
        for file in [each for each in case.tree.iterdir() if each.is_file()]:
            DAMAGES[damage](file, case.outside)
        with pytest.raises(HostileWheel, match="--allow-pth pth"):
            case.open(allow="other").unpack(case.wheel)
        case.check()


def test_an_unchanged_tree_is_not_hashed(case: StoreCase, monkeypatch: pytest.MonkeyPatch) -> None:
    """This keeps a warm lock fast: only what has changed is read."""
    hashed: list[str] = []
    real = regularfile.sha256

    def count(path: Path) -> str:
        hashed.append(path.name)
        return real(path)

    case.add_bytecode()
    case.open().unpack(case.wheel)
    monkeypatch.setattr(regularfile, "sha256", count)
    case.open().unpack(case.wheel)
    assert hashed == []
    os.utime(case.tree / "lib/data/__init__.py")
    case.open().unpack(case.wheel)
    assert hashed == ["__init__.py"]


def test_a_run_that_changes_the_store_is_found(case: StoreCase) -> None:
    """As under hooks alone, which compiled code bypasses; bytecode that this process did not make is removed."""
    store = case.open()
    store.unpack(case.wheel)
    store.check_unchanged()
    planted = case.add_bytecode()
    store.check_unchanged()
    assert not planted.exists()
    (case.tree / "lib/data/fast.so").write_bytes(b"evil")
    with pytest.raises(StoreChanged, match=r"lib/data/fast.so was changed; minreq wrote no result"):
        store.check_unchanged()
    case.check()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cache"
    folder.mkdir()
    yield folder
    folder.chmod(0o700)


def test_a_folder_that_others_can_write_is_reported(shared: Path) -> None:
    store = Store(shared / "wheels", FileDownloader())
    assert store.find_other_writers() == ""
    shared.chmod(0o777)
    assert store.find_other_writers().startswith(f"all users can write into the cache folder {shared}")
    if os.geteuid() == 0:
        shared.chmod(0o755)
        os.chown(shared, NOBODY, NOBODY)
        assert store.find_other_writers().startswith(f"the cache folder {shared} belongs to another user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "record"
    cachefile.write(file, json.dumps([1]).encode(), tmp_path)
    assert cachefile.read(file) == b"[1]"
    os.chown(file, NOBODY, NOBODY)
    assert cachefile.read(file) is None
