"""`store.prune` and `minreq cache prune`: what nobody will miss goes, what is in use stays."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from filelock import FileLock
from scenariorun import FileDownloader
from wheelhouse import Wheelhouse, parse, write

from minreq.cli.engine import Engine
from minreq.errors import StoreUnwritable
from minreq.index import records
from minreq.model import Wheel
from minreq.wheels.store import Store, prune

SCENARIO = """
explanation = "Two distributions."
requirements = ["a", "b"]
[wheels]
a."1.0" = {}
b."1.0" = {}
"""
DAY = 24 * 60 * 60


@pytest.fixture
def house(tmp_path: Path) -> Wheelhouse:
    return write(parse(SCENARIO), tmp_path / "house")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store", FileDownloader())


def wheel(house: Wheelhouse, name: str) -> Wheel:
    value = house.of(name)[0].value
    assert isinstance(value, Wheel)
    return value


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then), follow_symlinks=False)


def test_an_empty_store_frees_nothing(tmp_path: Path) -> None:
    assert prune(tmp_path / "store") == 0
    assert not (tmp_path / "store").exists()


def test_what_was_used_lately_stays(house: Wheelhouse, store: Store, tmp_path: Path) -> None:
    tree, archive = store.unpack(wheel(house, "a")), store.fetch(wheel(house, "a"))
    for path in (tree.parent, archive.parent):
        age(path, 29)
    assert prune(tmp_path / "store") == 0
    assert tree.is_dir()
    assert archive.exists()


def test_what_was_not_used_goes_whole(house: Wheelhouse, store: Store, tmp_path: Path) -> None:
    old, young = wheel(house, "a"), wheel(house, "b")
    tree, archive = store.unpack(old), store.fetch(old)
    store.unpack(young)
    size = archive.stat().st_size + sum(each.stat().st_size for each in tree.parent.rglob("*") if each.is_file())
    for path in (tree.parent, archive.parent):
        age(path, 31)
    assert prune(tmp_path / "store") == size
    assert not tree.parent.exists()
    assert not archive.parent.exists()
    assert store.holds(young)
    assert list(store.scratch_folder.iterdir()) == []
    assert store.unpack(old).is_dir(), "it is fetched again"


def test_use_renews(house: Wheelhouse, store: Store, tmp_path: Path) -> None:
    tree, archive = store.unpack(wheel(house, "a")), store.fetch(wheel(house, "a"))
    for path in (tree.parent, archive.parent):
        age(path, 31)
    Store(tmp_path / "store", FileDownloader()).unpack(wheel(house, "a"))
    assert prune(tmp_path / "store") == 0


def test_what_is_locked_is_in_use(house: Wheelhouse, store: Store, tmp_path: Path) -> None:
    archive = store.fetch(wheel(house, "a"))
    age(archive.parent, 31)
    with FileLock(tmp_path / "store" / "locks" / str(wheel(house, "a").sha256)):
        assert prune(tmp_path / "store") == 0
    assert archive.exists()


def test_leftovers_of_a_day_go_and_links_are_not_followed(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("stays")
    store.scratch_folder.mkdir(parents=True)
    half, new, link = (store.scratch_folder / name for name in ("half", "new", "link"))
    half.mkdir()
    (half / "part").write_bytes(b"12345")
    os.link(outside / "file", half / "linked")
    new.mkdir()
    link.symlink_to(outside)
    for path in (half, link):
        age(path, 2)
    assert prune(tmp_path / "store") == 5 + len(str(outside))
    assert list(store.scratch_folder.iterdir()) == [new]
    assert (outside / "file").read_text() == "stays"


@pytest.mark.skipif(os.geteuid() == 0, reason="this user writes everywhere")
def test_a_store_that_cannot_be_written(house: Wheelhouse, store: Store, tmp_path: Path) -> None:
    age(store.fetch(wheel(house, "a")).parent, 31)
    store.scratch_folder.chmod(0o500)
    with pytest.raises(StoreUnwritable):
        prune(tmp_path / "store")


def test_a_store_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "store" / "wheels").mkdir(parents=True)
    (tmp_path / "store" / "wheels" / "ab").mkdir()
    old = tmp_path / "store" / "wheels" / "ab" / "ab00"
    old.mkdir()
    age(old, 31)
    (tmp_path / "store" / "locks").touch()
    with pytest.raises(StoreUnwritable):
        prune(tmp_path / "store")


def test_records_of_the_index_go_too(house: Wheelhouse, tmp_path: Path) -> None:
    """Reading one is a use."""
    kept = records.Records(tmp_path / "index" / "wheels")
    for name in ("a", "b"):
        kept.save_metadata(wheel(house, name), b"12345")
    for record in (tmp_path / "index" / "wheels").glob("*/*"):
        age(record, 31)
    assert kept.metadata(wheel(house, "b")) == b"12345"
    assert Engine().prune(tmp_path) == len(b"12345") + len(hashlib.sha256().hexdigest()) + 1
    assert kept.metadata(wheel(house, "a")) is None
    assert kept.metadata(wheel(house, "b")) == b"12345"
