"""Reading a wheel by range gives the same bytes as reading it whole; damage raises an error of minreq."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.errors import ArchiveUnreadable, MetadataMismatch
from minreq.index import archive, coremetadata
from minreq.index.archive import RangedFile
from minreq.index.records import Records
from minreq.index.simple import file_from_url
from minreq.model import Member, Wheel

METADATA = b"Metadata-Version: 2.1\nName: A.b\nVersion: 1.0\n"


def wheel(name: str = "a_b", version: str = "1.0") -> Wheel:
    found = file_from_url(f"https://files.example/{name}-{version}-py3-none-any.whl")
    assert isinstance(found, Wheel)
    return found


def zipped(files: dict[str, bytes], comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.comment = comment
        for path, text in files.items():
            opened.writestr(path, text)
    return buffer.getvalue()


@given(
    body=st.binary(min_size=1, max_size=300),
    parts=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 120)), max_size=6),
    reads=st.lists(st.tuples(st.integers(0, 320), st.integers(0, 150)), max_size=6),
)
def test_a_ranged_file_reads_like_the_file(
    body: bytes, parts: list[tuple[int, int]], reads: list[tuple[int, int]]
) -> None:
    """With any fetched parts, overlapping or not; no byte is fetched twice."""
    fetched: list[int] = []

    def fetch(start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(body)
        fetched.extend(range(start, stop))
        return body[start:stop]

    file, whole = RangedFile(len(body), fetch), io.BytesIO(body)
    for start, length in parts:
        if start < len(body):
            file.add(start, body[start : start + length])
    for start, length in reads:
        assert file.seek(start) == whole.seek(start)
        assert file.read(length) == whole.read(length)
        assert file.tell() == min(whole.tell(), max(start, len(body)))
    assert len(fetched) == len(set(fetched))
    file.seek(0)
    assert file.read() == body


def test_seeking() -> None:
    file = RangedFile(10, lambda start, stop: b"0123456789"[start:stop])
    assert file.seekable()
    assert file.readable()
    assert file.seek(-3, io.SEEK_END) == 7
    assert file.seek(1, io.SEEK_CUR) == 8
    assert file.read() == b"89"
    with pytest.raises(OSError, match="before"):
        file.seek(-11, io.SEEK_END)


@pytest.mark.parametrize("comment", [b"", b"a comment" * 1000], ids=["plain", "comment"])
def test_directory_and_metadata_from_the_tail(comment: bytes) -> None:
    body = zipped({"a_b/__init__.py": b"x" * 100_000, "a_b/": b"", "a_b-1.0.dist-info/METADATA": METADATA}, comment)

    def fetch(start: int, stop: int) -> bytes:
        raise AssertionError((start, stop))

    file = RangedFile(len(body), fetch)
    file.add(0, body)
    with archive.open_zip(file, wheel()) as opened:
        assert archive.list_members(opened) == (
            Member(path="a_b-1.0.dist-info/METADATA", size=len(METADATA)),
            Member(path="a_b/__init__.py", size=100_000),
        )
        assert archive.read_metadata(opened, wheel()) == METADATA


@pytest.mark.parametrize("damage", [b"", b"PK", b"<html>not found</html>"])
def test_no_zip(damage: bytes) -> None:
    with pytest.raises(ArchiveUnreadable, match="no zip"):
        archive.open_zip(io.BytesIO(damage), wheel())


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param([], id="none"),
        pytest.param(["other-1.0.dist-info/METADATA"], id="another project's"),
        pytest.param(["vendored/a_b-1.0.dist-info/METADATA"], id="deeper"),
        pytest.param(["a_b-1.0.dist-info/METADATA", "A.B-1.0.dist-info/METADATA"], id="two"),
    ],
)
def test_metadata_must_be_unmistakable(paths: list[str]) -> None:
    with pytest.raises(ArchiveUnreadable, match="folders for the metadata"):
        archive.find_metadata(paths, wheel())


def test_other_distributions_inside_do_not_matter() -> None:
    """Wheels vendor others with their metadata; only the folder at the top with the wheel's name counts."""
    for own in ("a_b-1.0.dist-info/METADATA", "A.b-1.0.0.dist-info/METADATA", "a-b-1.0.dist-info/METADATA"):
        paths = ["x-1.dist-info/METADATA", own, "v/a_b-1.0.dist-info/METADATA"]
        assert archive.find_metadata(paths, wheel()) == own


def test_huge_metadata_is_refused() -> None:
    """A zip bomb is not unpacked."""
    body = zipped({"a_b-1.0.dist-info/METADATA": b"0" * (17 << 20)})
    with archive.open_zip(io.BytesIO(body), wheel()) as opened, pytest.raises(ArchiveUnreadable, match="larger"):
        archive.read_metadata(opened, wheel())


def test_damaged_and_missing_members() -> None:
    body = bytearray(zipped({"a.py": b"hello " * 100}))
    body[45] ^= 0xFF
    with archive.open_zip(io.BytesIO(body), wheel()) as opened:
        with pytest.raises(ArchiveUnreadable, match="damaged"):
            archive.read_members(opened, ["a.py"], wheel())
        assert archive.read_members(opened, ["b.py"], wheel()) == {}
        assert archive.member_ranges(opened, ["b.py"]) == []


def test_neighbours_are_fetched_together_and_long_stretches_in_pieces() -> None:
    mib = 1 << 20
    assert archive.coalesce([(5 * mib, 5 * mib + 1), (100, 200), (0, 10), (150, 160)]) == [
        (0, 200),
        (5 * mib, 5 * mib + 1),
    ]
    assert archive.coalesce([(0, 9 * mib)]) == [(0, 4 * mib), (4 * mib, 8 * mib), (8 * mib, 9 * mib)]
    assert archive.coalesce([]) == []


def test_core_metadata() -> None:
    text = (
        METADATA
        + b"Requires-Dist: C>=1; extra == 'X.y'\nRequires-Dist: d (>=2)\nProvides-Extra: X.y\nRequires-Python: >=3.8\n"
        + b"Description-Content-Type: nonsense\nUnheard-Of: field\n"
    )
    found = coremetadata.parse(text, wheel())
    assert (found.name, found.version) == ("a-b", Version("1.0"))
    assert found.requires == (Requirement("C>=1; extra == 'x-y'"), Requirement("d>=2"))
    assert found.extras == {canonicalize_name("x-y")}
    assert found.requires_python == SpecifierSet(">=3.8")


def test_unreadable_requires_python_of_metadata_constrains_nothing() -> None:
    assert coremetadata.parse(METADATA + b"Requires-Python: >=3.*.1\n", wheel()).requires_python is None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"Metadata-Version: 2.1\nName: a-b\n",
        b"Metadata-Version: 2.1\nVersion: 1.0\n",
        b"Metadata-Version: 2.1\nName: a-b\nVersion: one\n",
        METADATA + b"Requires-Dist: ???\n",
    ],
)
def test_unusable_metadata(text: bytes) -> None:
    with pytest.raises(ArchiveUnreadable) as caught:
        coremetadata.parse(text, wheel())
    assert caught.value.filename == "a_b-1.0-py3-none-any.whl"


@pytest.mark.parametrize("other", [wheel(name="other"), wheel(version="1.1")])
def test_metadata_of_another_release(other: Wheel) -> None:
    with pytest.raises(MetadataMismatch) as caught:
        coremetadata.parse(METADATA, other)
    assert (caught.value.filename, caught.value.name, caught.value.version) == (other.filename, "A.b", "1.0")


def hashed(url: str) -> Wheel:
    found = file_from_url(url)
    assert isinstance(found, Wheel)
    return Wheel(
        name=found.name,
        version=found.version,
        filename=found.filename,
        url=url,
        sha256="ab" * 32,
        tags=found.tags,
    )


def test_records_last_and_are_kept_apart(tmp_path: Path) -> None:
    """By URL and hash: a record of another index with the same hash does not count."""
    one, two = (hashed(f"https://{host}.example/a-1.0-py3-none-any.whl") for host in ("one", "two"))
    members = (Member(path="a/ü.py", size=3),)
    Records(tmp_path).save_metadata(one, METADATA)
    Records(tmp_path).save_members(one, members)
    assert Records(tmp_path).metadata(one) == METADATA
    assert Records(tmp_path).members(one) == members
    assert Records(tmp_path).metadata(two) is None
    assert Records(tmp_path).members(two) is None


def test_a_wheel_without_hash_is_not_recorded(tmp_path: Path) -> None:
    Records(tmp_path).save_metadata(wheel(), METADATA)
    assert Records(tmp_path).metadata(wheel()) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["", "{", "[[1]]", "[1]", json.dumps([["a", 1, 2]])])
def test_a_damaged_record_is_none(tmp_path: Path, damage: str) -> None:
    one = hashed("https://one.example/a-1.0-py3-none-any.whl")
    Records(tmp_path).save_members(one, ())
    (record,) = tmp_path.rglob("*.members")
    record.write_text(damage)
    assert Records(tmp_path).members(one) is None


def test_a_folder_that_cannot_be_written_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = hashed("https://one.example/a-1.0-py3-none-any.whl")
    Records(tmp_path / "file").save_metadata(one, METADATA)
    assert Records(tmp_path / "file").metadata(one) is None
