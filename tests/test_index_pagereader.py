"""Pages that did not change are not understood anew, and those that did are."""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from minreq.errors import PageUnreadable, TemporaryFolderUnwritable
from minreq.index import simple
from minreq.index.aside import Aside
from minreq.index.records import Records
from minreq.index.remembered import PageReader, RememberedPage
from minreq.index.session import Page
from minreq.index.simple import Link, Standing

URL = "https://index.example/simple/a/"
JSON = "application/vnd.pypi.simple.v1+json"
ONE, TWO = "a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"


def page(*files: dict[str, Any], **more: Any) -> Page:
    told = {"meta": {"api-version": "1.4"}, "files": [{"url": file["filename"], **file} for file in files], **more}
    return Page(url=URL, content_type=JSON, body=json.dumps(told).encode())


class Reader:
    """Reads pages with one memory, and counts those that had to be understood."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.understood = 0

    def read(self, told: Page) -> RememberedPage:
        def understand() -> simple.ProjectPage:
            self.understood += 1
            return simple.parse(told.body, content_type=told.content_type, url=told.url)

        page = RememberedPage(told, Records(self._folder), understand)
        page.check()
        return page


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_an_equal_page_is_not_understood_anew(reader: Reader) -> None:
    """What it said of the files that were asked for, and of the project, is as before."""
    told = page(
        {"filename": TWO, "yanked": 'caf\xe9 {"}'},
        {"filename": ONE, "hashes": {"sha256": "ab"}},
        **{"project-status": {"status": "archived", "reason": "enough"}},
    )
    asked = [ONE, TWO, "a-3.0-py3-none-any.whl"]
    before = reader.read(told)
    expected = [simple.file_of(link) for link in before.named(asked)]
    assert (reader.understood, [file.filename for file in expected if file]) == (1, [TWO, ONE])
    again = reader.read(told)
    assert [simple.file_of(link) for link in again.named(asked)] == expected
    assert [link.filename for link in again.named([ONE])] == [ONE]
    assert again.standing == before.standing == Standing(status="archived", reason="enough")
    assert reader.understood == 1


@pytest.mark.parametrize(
    "changed",
    [
        page({"filename": ONE, "yanked": True}),
        page(),
        Page(url=URL, content_type=JSON, body=page({"filename": ONE}).body + b" "),
        Page(url=URL, content_type=f"{JSON}; charset=utf-8", body=page({"filename": ONE}).body),
    ],
    ids=["yanked", "gone", "one-more-byte", "another-type"],
)
def test_another_page_is_understood(reader: Reader, changed: Page) -> None:
    reader.read(page({"filename": ONE})).named([ONE])
    found = reader.read(changed).named([ONE])
    assert reader.understood == 2
    assert [link.facts.get("yanked") for link in found] == (
        [True] if b"yanked" in changed.body else [None] * len(found)
    )
    assert len(found) == changed.body.count(ONE.encode()) // 2


def test_another_file_is_looked_for_on_the_page(reader: Reader) -> None:
    """What nobody asked for is not recorded, and its absence is not taken for granted."""
    told = page({"filename": ONE}, {"filename": TWO})
    reader.read(told).named([ONE])
    again = reader.read(told)
    assert [link.filename for link in again.named([ONE, TWO])] == [ONE, TWO]
    assert [link.filename for link in again.links] == [ONE, TWO]
    assert reader.understood == 2


def test_two_locks_with_other_pins_both_find_theirs_again(reader: Reader) -> None:
    told = page({"filename": ONE}, {"filename": TWO})
    for asked in (ONE, TWO):
        reader.read(told).named([asked])
    assert reader.understood == 2
    for asked in (ONE, TWO, ONE):
        assert [link.filename for link in reader.read(told).named([asked])] == [asked]
    assert reader.understood == 2


def test_a_page_nobody_can_read_is_not_recorded(reader: Reader) -> None:
    told = Page(url=URL, content_type=JSON, body=b"{")
    for _ in range(2):
        with pytest.raises(PageUnreadable):
            reader.read(told)
    assert reader.understood == 2


def test_a_damaged_record_is_none(reader: Reader, tmp_path: Path) -> None:
    told = page({"filename": ONE})
    reader.read(told).named([ONE])
    (record,) = tmp_path.glob("*/*.page")
    record.write_bytes(record.read_bytes().replace(b"a-1.0", b"a-9.0"))
    assert [link.filename for link in reader.read(told).named([ONE])] == [ONE]
    assert reader.understood == 2


def test_a_reader_keeps_the_pages_apart(tmp_path: Path) -> None:
    """Several threads read pages into one file, and each file of a page finds what is told about it."""
    reader = PageReader(Records(tmp_path))

    def read(number: int) -> Sequence[Link]:
        text = "\xe9" if number % 3 else "e"
        files = [{"filename": f"a-{number}.{each}.tar.gz", "yanked": text * each} for each in range(number)]
        told = page(*files)
        body = told.body if number % 2 else json.dumps(json.loads(told.body), ensure_ascii=False).encode()
        return reader.read(Page(url=f"{URL}{number}", content_type=JSON, body=body)).links

    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(read, range(60)))
    for number, links in enumerate(pages):
        assert [link.facts["filename"] for link in links] == [f"a-{number}.{each}.tar.gz" for each in range(number)]
        assert [len(link.facts["yanked"]) for link in links] == [*range(number)]
    reader.close()


class Full(io.BytesIO):
    """A file on a disk with room for so many pages."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def write(self, text: Any, /) -> int:
        self._room -= 1
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_is_told(room: int, tmp_path: Path) -> None:
    """Also where a page that is not ASCII is put aside once more, by another thread."""
    reader = PageReader(Records(tmp_path), Aside(Full(room)))
    body = '{"files": [{"filename": "\xe9", "url": "x"}], "meta": {"api-version": "1.0"}}'.encode()
    with pytest.raises(TemporaryFolderUnwritable, match=r"No space left.*TMPDIR"):
        reader.read(Page(url=URL, content_type=JSON, body=body))
    reader.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_a_full_disk_is_told_at_once(tmp_path: Path) -> None:
    """Not when the next page is read, and not once more at the end, where it would hide what was told."""
    reader = PageReader(Records(tmp_path), Aside(Path("/dev/full").open("r+b")))  # noqa: SIM115 - The reader closes it.
    with pytest.raises(TemporaryFolderUnwritable, match=r"No space left.*TMPDIR"):
        reader.read(page({"filename": ONE}))
    reader.close()
