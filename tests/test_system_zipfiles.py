"""Archives from outside, in every command that reads one: none fills the disk, and each fault is a sentence."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from minreq.analyze.containers import open_container
from minreq.analyze.importfolders import open_tree
from minreq.analyze.inventory import take_inventory
from minreq.errors import MinreqError, StoreUnwritable
from minreq.system import zipfiles
from minreq.wheels.unpacking import unpack

INFO = "evil-1.0.dist-info"
NAME = "evil-1.0-py3-none-any.whl"


def verified(path: Path, scratch: Path) -> None:
    """As `minreq verify --path`."""
    with open_tree(path, scratch):
        pass


def checked(path: Path, scratch: Path) -> None:
    """As `minreq check --python`."""
    with open_tree(path, scratch, metadata_only=True):
        pass


def analyzed(path: Path, scratch: Path) -> None:  # noqa: ARG001 - As the others.
    """As `minreq analyze`."""
    with open_container(path) as container:
        take_inventory(container)


def unpacked(path: Path, scratch: Path) -> None:
    """As the store does it, which makes a sentence of errors of the system."""
    try:
        unpack(path, scratch)
    except OSError as error:
        raise StoreUnwritable(path, str(error)) from error


READERS = (verified, checked, analyzed, unpacked)


def write(path: Path, members: Mapping[str, bytes]) -> bytearray:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return bytearray(path.read_bytes())


def bomb(path: Path) -> None:
    """A RECORD, which every command would read."""
    write(path, {f"{INFO}/METADATA": b"Name: evil\nVersion: 1.0\n", f"{INFO}/RECORD": b"\0" * (80 << 20)})


def bomb_that_lies(path: Path) -> None:
    """As before, and the directory says that it has ten bytes."""
    data = write(path, {f"{INFO}/METADATA": b"Name: evil\n", f"{INFO}/RECORD": b"\0" * (80 << 20)})
    start = data.rindex(b"PK\x01\x02")
    data[start + 24 : start + 28] = b"\x0a\0\0\0"
    path.write_bytes(data)


def deep(path: Path) -> None:
    write(path, {f"{'d/' * 1500}evil-1.0.dist-info/METADATA": b"Name: evil\n"})


def long_name(path: Path) -> None:
    write(path, {f"{'n' * 300}.dist-info/METADATA": b"Name: evil\n"})


def damaged(path: Path) -> None:
    """The compressed bytes of the metadata are none."""
    data = write(path, {f"{INFO}/METADATA": b"Name: evil\nVersion: 1.0\n" * 50})
    data[60:70] = b"\xff" * 10
    path.write_bytes(data)


def encrypted(path: Path) -> None:
    data = write(path, {f"{INFO}/METADATA": b"Name: evil\nVersion: 1.0\n"})
    data[6] = data[data.index(b"PK\x01\x02") + 8] = 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    data = write(path, {f"{INFO}/METADATA": b"Name: evil\n"})
    path.write_bytes(data[:50])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def pipe(path: Path) -> None:
    """Whoever opens it waits for a writer."""
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("make", [bomb, bomb_that_lies, deep, long_name, damaged, encrypted, cut, empty, pipe, device])
def test_an_archive_from_outside(
    make: Callable[[Path], None], read: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    path, scratch = tmp_path / NAME, tmp_path / "scratch"
    scratch.mkdir()
    make(path)
    if (make, read) == (bomb_that_lies, checked):
        read(path, scratch)  # It does not read what lies.
        return
    with pytest.raises(MinreqError) as caught:
        read(path, scratch)
    assert NAME in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert sum(each.stat().st_size for each in scratch.rglob("*")) < 10 << 20


def test_a_check_unpacks_the_metadata_alone(tmp_path: Path) -> None:
    """A layer may have a gigabyte of other files."""
    write(tmp_path / "a.zip", {f"python/{INFO}/METADATA": b"Name: evil\n", "python/evil.py": b"x"})
    with open_tree(tmp_path / "a.zip", tmp_path, metadata_only=True) as folder:
        assert [each.name for each in folder.rglob("*") if each.is_file()] == ["METADATA"]


def test_large_archives_of_a_usual_ratio_are_no_bombs() -> None:
    entry = zipfile.ZipInfo("a/lib.so")
    entry.file_size = 3 << 30
    zipfiles.check_entries([entry], 1 << 30)
    with pytest.raises(zipfiles.ArchiveRefused):
        zipfiles.check_entries([entry], 1 << 20)


@pytest.mark.parametrize("record", ["a\0,,\n", '"' + "x" * 200_000 + '",,\n'])
def test_a_record_that_is_no_csv(record: str, tmp_path: Path) -> None:
    """Python reads no field of more than 128 KiB, and some versions no NUL."""
    members = {
        f"{INFO}/METADATA": b"Name: evil\nVersion: 1.0\n",
        f"{INFO}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n",
        f"{INFO}/RECORD": record.encode(),
    }
    write(tmp_path / NAME, members)
    analyzed(tmp_path / NAME, tmp_path)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(MinreqError):
        unpacked(tmp_path / NAME, tmp_path / "scratch")
