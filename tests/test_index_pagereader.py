"""Unchanged pages are not parsed again, changed pages are."""

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
from minreq.index.pagereader import CachedPage, PageReader
from minreq.index.records import Records
from minreq.index.session import Page
from minreq.index.simple import Link, ProjectStatus
from minreq.index.spillfile import SpillFile

URL = "https://index.example/simple/a/"
JSON = "application/vnd.pypi.simple.v1+json"
ONE, TWO = "a-1.0-py3-none-any.whl", "a-2.0-py3-none-any.whl"


def page(*files: dict[str, Any], **more: Any) -> Page:
    content = {"meta": {"api-version": "1.4"}, "files": [{"url": file["filename"], **file} for file in files], **more}
    return Page(url=URL, content_type=JSON, body=json.dumps(content).encode())


class Reader:
    """Reads pages with one folder of records, and counts how many it parsed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.parse_count = 0

    def read(self, a_page: Page) -> CachedPage:
        def parse() -> simple.ProjectPage:
            self.parse_count += 1
            return simple.parse(a_page.body, content_type=a_page.content_type, url=a_page.url)

        page = CachedPage(a_page, Records(self._folder), parse)
        page.check()
        return page


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def test_an_equal_page_is_not_parsed_again(reader: Reader) -> None:
    """The facts of the requested files and the project status come from the record."""
    a_page = page(
        {"filename": TWO, "yanked": 'caf\xe9 {"}'},
        {"filename": ONE, "hashes": {"sha256": "ab"}},
        **{"project-status": {"status": "archived", "reason": "enough"}},
    )
    names = [ONE, TWO, "a-3.0-py3-none-any.whl"]
    before = reader.read(a_page)
    expected = [simple.file_from_link(link) for link in before.links_named(names)]
    assert (reader.parse_count, [file.filename for file in expected if file]) == (1, [TWO, ONE])
    again = reader.read(a_page)
    assert [simple.file_from_link(link) for link in again.links_named(names)] == expected
    assert [link.filename for link in again.links_named([ONE])] == [ONE]
    assert again.project_status == before.project_status == ProjectStatus(status="archived", reason="enough")
    assert reader.parse_count == 1


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
def test_a_changed_page_is_parsed(reader: Reader, changed: Page) -> None:
    reader.read(page({"filename": ONE})).links_named([ONE])
    found = reader.read(changed).links_named([ONE])
    assert reader.parse_count == 2
    assert [link.facts.get("yanked") for link in found] == (
        [True] if b"yanked" in changed.body else [None] * len(found)
    )
    assert len(found) == changed.body.count(ONE.encode()) // 2


def test_a_file_that_is_not_recorded_is_read_from_the_page(reader: Reader) -> None:
    """The record has only the requested files: another file may still be on the page."""
    a_page = page({"filename": ONE}, {"filename": TWO})
    reader.read(a_page).links_named([ONE])
    again = reader.read(a_page)
    assert [link.filename for link in again.links_named([ONE, TWO])] == [ONE, TWO]
    assert [link.filename for link in again.links] == [ONE, TWO]
    assert reader.parse_count == 2


def test_a_record_serves_locks_with_different_pins(reader: Reader) -> None:
    a_page = page({"filename": ONE}, {"filename": TWO})
    for name in (ONE, TWO):
        reader.read(a_page).links_named([name])
    assert reader.parse_count == 2
    for name in (ONE, TWO, ONE):
        assert [link.filename for link in reader.read(a_page).links_named([name])] == [name]
    assert reader.parse_count == 2


def test_an_unreadable_page_is_not_recorded(reader: Reader) -> None:
    a_page = Page(url=URL, content_type=JSON, body=b"{")
    for _ in range(2):
        with pytest.raises(PageUnreadable):
            reader.read(a_page)
    assert reader.parse_count == 2


def test_a_damaged_record_is_none(reader: Reader, tmp_path: Path) -> None:
    a_page = page({"filename": ONE})
    reader.read(a_page).links_named([ONE])
    (record,) = tmp_path.glob("*/*.page")
    record.write_bytes(record.read_bytes().replace(b"a-1.0", b"a-9.0"))
    assert [link.filename for link in reader.read(a_page).links_named([ONE])] == [ONE]
    assert reader.parse_count == 2


def test_a_reader_keeps_the_pages_apart(tmp_path: Path) -> None:
    """Several threads write pages into one spill file, and each link finds its own facts."""
    reader = PageReader(Records(tmp_path))

    def read(number: int) -> Sequence[Link]:
        text = "\xe9" if number % 3 else "e"
        files = [{"filename": f"a-{number}.{each}.tar.gz", "yanked": text * each} for each in range(number)]
        a_page = page(*files)
        body = a_page.body if number % 2 else json.dumps(json.loads(a_page.body), ensure_ascii=False).encode()
        return reader.read(Page(url=f"{URL}{number}", content_type=JSON, body=body)).links

    with ThreadPoolExecutor(8) as threads:
        pages = list(threads.map(read, range(60)))
    for number, links in enumerate(pages):
        assert [link.facts["filename"] for link in links] == [f"a-{number}.{each}.tar.gz" for each in range(number)]
        assert [len(link.facts["yanked"]) for link in links] == [*range(number)]
    reader.close()


def test_bytes_are_written_from_the_first_look_up_on() -> None:
    """A check of a lock looks nothing up, so nothing is written. Too many bytes do not wait in memory."""
    file = io.BytesIO()
    spill_file = SpillFile(file)
    starts = [spill_file.append(data) for data in (b"one", b"", b"four")]
    assert (starts, file.getvalue()) == ([0, 3, 3], b"")
    assert (spill_file.read(3, 4), spill_file.read(0, 3), file.getvalue()) == (b"four", b"one", b"onefour")
    assert (spill_file.append(b"six"), file.getvalue()) == (7, b"onefoursix")
    assert spill_file.read(6, 2) == b"rs"
    large = io.BytesIO()
    spill_file = SpillFile(large)
    spill_file.append(bytes(65 << 20))
    assert len(large.getbuffer()) == 65 << 20


class Full(io.BytesIO):
    """A file on a disk with room for a few pages."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    def write(self, text: Any, /) -> int:
        self._room -= 1
        if self._room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_raises(room: int, tmp_path: Path) -> None:
    """Also where another thread writes a page that is not ASCII a second time."""
    reader = PageReader(Records(tmp_path), SpillFile(Full(room)))
    body = '{"files": [{"filename": "\xe9", "url": "x"}], "meta": {"api-version": "1.0"}}'.encode()
    with pytest.raises(TemporaryFolderUnwritable, match=r"No space left.*TMPDIR"):
        reader.read(Page(url=URL, content_type=JSON, body=body))
    reader.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is full")
def test_a_full_disk_raises_at_the_first_write(tmp_path: Path) -> None:
    """Not at the next page, and not again on close, where the second error would hide the first."""
    reader = PageReader(Records(tmp_path), SpillFile(Path("/dev/full").open("r+b")))  # noqa: SIM115 - The reader closes it.
    with pytest.raises(TemporaryFolderUnwritable, match=r"No space left.*TMPDIR"):
        reader.read(page({"filename": ONE}))
    reader.close()
