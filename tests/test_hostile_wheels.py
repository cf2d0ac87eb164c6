"""Wheels as enemies: each attack refused, or kept and told, with the wheel's name, the file and the rule."""

from __future__ import annotations

import base64
import hashlib
import io
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from commanding import project
from hypothesis import given, strategies as st
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version
from scenariorun import FileDownloader

from minreq.errors import BrokenWheel, HostileWheel
from minreq.model import Wheel
from minreq.system import regularfile, zipfiles
from minreq.wheels import rules
from minreq.wheels.store import Store

NAME = "evil-1.0-py3-none-any.whl"
INFO = "evil-1.0.dist-info"
METADATA = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A member of an archive, as an attacker writes it."""

    path: str
    content: bytes = b""
    mode: int = stat.S_IFREG | 0o644
    #: In RECORD, in the place of the right row; "" for none.
    row: str | None = None
    compression: int = zipfile.ZIP_DEFLATED


def digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def archive(folder: Path, *entries: Entry, **changes: bytes | None) -> Path:
    """Write a wheel with *entries*; *changes* are to the files of its ``.dist-info``, ``None`` leaves one out."""
    own: Mapping[str, bytes | None] = {
        "METADATA": METADATA.encode(),
        "WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **changes,
    }
    members = [
        *entries,
        *(Entry(path=f"{INFO}/{name}", content=text) for name, text in own.items() if text is not None),
    ]
    if "RECORD" not in own:
        rows = [
            f"{each.path},sha256={digest(each.content)},{len(each.content)}" if each.row is None else each.row
            for each in members
        ]
        record = "\n".join([*filter(None, rows), f"{INFO}/RECORD,,", ""])
        members.append(Entry(path=f"{INFO}/RECORD", content=record.encode()))
    folder.mkdir(exist_ok=True)
    path = folder / NAME
    twice = len({each.path for each in members}) < len(members)
    with pytest.warns() if twice else nullcontext(), zipfile.ZipFile(path, "w") as file:
        for each in members:
            info = zipfile.ZipInfo("x")
            info.filename = info.orig_filename = each.path
            info.external_attr = each.mode << 16
            info.compress_type = each.compression
            file.writestr(info, each.content)
    return path


def wheel_of(path: Path, name: str = "evil") -> Wheel:
    return Wheel(
        name=canonicalize_name(name),
        version=Version("1.0"),
        filename=path.name,
        url=path.as_uri(),
        sha256=regularfile.sha256(path),
        tags=frozenset(parse_tag("py3-none-any")),
    )


def unpacked(path: Path, folder: Path, *allowed: str, remarks: list[str] | None = None) -> Path:
    told: Callable[[str], None] = (lambda _sentence: None) if remarks is None else remarks.append
    store = Store(folder / "store", FileDownloader(), allow_pth=map(canonicalize_name, allowed), on_notice=told)
    return store.unpack(wheel_of(path))


FINE = Entry(path="evil/__init__.py", content=b"x = 1\n")
BOMB = b"\0" * (80 << 20)

#: What is in the wheel, beside what is fine; the file that the refusal names, and a part of the rule.
REFUSED: Mapping[str, tuple[tuple[Entry, ...], Mapping[str, bytes | None], str, str]] = {
    "traversal": ((Entry(path="../out.py"),), {}, "../out.py", "leads out of the wheel"),
    "traversal in the middle": ((Entry(path="evil/../../out.py"),), {}, "evil/../../out.py", "leads out of the wheel"),
    "absolute": ((Entry(path="/out.py"),), {}, "/out.py", "path is absolute"),
    "drive": ((Entry(path="C:/out.py"),), {}, "C:/out.py", "path is absolute"),
    "backslash": ((Entry(path="evil\\..\\out.py"),), {}, "evil\\..\\out.py", "another place on another system"),
    "dot": ((Entry(path="./evil/x.py"),), {}, "./evil/x.py", "another place on another system"),
    "doubled slash": ((Entry(path="evil//x.py"),), {}, "evil//x.py", "another place on another system"),
    "newline": ((Entry(path="evil/x\n.py"),), {}, "evil/x\n.py", "another place on another system"),
    "link": ((Entry(path="evil/key", content=b"/etc/shadow", mode=stat.S_IFLNK | 0o777),), {}, "evil/key", "is a link"),
    "pipe": ((Entry(path="evil/pipe", mode=stat.S_IFIFO | 0o666),), {}, "evil/pipe", "is no file"),
    "device": ((Entry(path="evil/disk", mode=stat.S_IFBLK | 0o666),), {}, "evil/disk", "is no file"),
    "duplicate": ((FINE, Entry(path="evil/__init__.py", content=b"x = 2")), {}, "evil/__init__.py", "more than once"),
    "duplicate by scheme": (
        (Entry(path="evil-1.0.data/purelib/evil/__init__.py", content=b"x = 2"),),
        {},
        "evil/__init__.py",
        "more than once",
    ),
    "bomb": ((Entry(path="evil/bomb", content=BOMB),), {}, "evil/bomb", "would unpack to 83,88"),
    "lzma": (
        (Entry(path="evil/x", compression=zipfile.ZIP_LZMA),),
        {},
        "evil/x",
        "its compression method is not allowed",
    ),
    "no RECORD": ((), {"RECORD": None}, f"{INFO}/RECORD", "not there"),
    "no METADATA": ((), {"METADATA": None}, f"{INFO}/METADATA", "not there"),
    "no WHEEL": ((), {"WHEEL": None}, f"{INFO}/WHEEL", "not there"),
    "unlisted": ((Entry(path="evil/x.py", row=""),), {}, "evil/x.py", "RECORD does not list it"),
    "listed and absent": (
        (Entry(path="evil/x.py", row=f"evil/x.py,sha256={digest(b'')},0\nevil/y.py,sha256=0,0"),),
        {},
        "evil/y.py",
        "not there",
    ),
    "no hash": (
        (Entry(path="evil/x.py", row="evil/x.py,,"),),
        {},
        "evil/x.py",
        "no SHA-256 or stronger hash of it (none)",
    ),
    "weak hash": ((Entry(path="evil/x.py", row="evil/x.py,md5=0,0"),), {}, "evil/x.py", "stronger hash of it (md5)"),
    "hash that lies": (
        (Entry(path="evil/x.py", content=b"x", row=f"evil/x.py,sha256={digest(b'y')},1"),),
        {},
        "evil/x.py",
        "not the file whose hash RECORD has",
    ),
    "SHA-512 that lies": (
        (Entry(path="evil/x.py", content=b"x", row="evil/x.py,sha512=AAAA,1"),),
        {},
        "evil/x.py",
        "not the file whose hash RECORD has",
    ),
    "other name": ((), {"METADATA": METADATA.replace("evil", "good").encode()}, f"{INFO}/METADATA", "it is good 1.0"),
    "other version": ((), {"METADATA": METADATA.replace("1.0", "2").encode()}, f"{INFO}/METADATA", "it is evil 2"),
    "no name": ((), {"METADATA": b"Metadata-Version: 2.1\n"}, f"{INFO}/METADATA", "it is nothing"),
    "scheme": ((Entry(path="evil-1.0.data/stdlib/os.py"),), {}, "evil-1.0.data/stdlib/os.py", "stdlib is no place"),
    "scheme of another": ((Entry(path="x.data/y/os.py"),), {}, "x.data/y/os.py", "y is no place"),
    "data into site-packages": (
        (Entry(path="evil-1.0.data/data/lib/python3.12/site-packages/x.pth"),),
        {},
        "evil-1.0.data/data/lib/python3.12/site-packages/x.pth",
        "overwrite files of the environment",
    ),
    "data over the environment": (
        (Entry(path="evil-1.0.data/data/pyvenv.cfg"),),
        {},
        "evil-1.0.data/data/pyvenv.cfg",
        "overwrite files of the environment",
    ),
    "data over the interpreter": (
        (Entry(path="evil-1.0.data/data/bin/python3"),),
        {},
        "evil-1.0.data/data/bin/python3",
        "overwrite files of the environment",
    ),
    "script over the interpreter": (
        (Entry(path="evil-1.0.data/scripts/python3.12"),),
        {},
        "evil-1.0.data/scripts/python3.12",
        "take the place of the interpreter",
    ),
    "entry point that leads out": (
        (),
        {"entry_points.txt": b"[console_scripts]\n../../x = evil:main\n"},
        f"{INFO}/entry_points.txt",
        "outside of the folder of scripts",
    ),
    "entry point over the interpreter": (
        (),
        {"entry_points.txt": b"[console_scripts]\npython = evil:main\n"},
        f"{INFO}/entry_points.txt",
        "take the place of the interpreter",
    ),
    **{
        f"data: {place}": (
            (Entry(path=f"evil-1.0.data/data/{place}"),),
            {},
            f"evil-1.0.data/data/{place}",
            "overwrite files of the environment",
        )
        for place in (
            *("lib/python3.12/os.py", "lib64/python3.12/lib-dynload/x.so", "Lib/os.py", "lib/json/__init__.py"),
            *("DLLs/_ssl.pyd", "lib/python/dist-packages/x.py", "Scripts/Python.exe", "bin/pypy3"),
        )
    },
    **{
        f"{scheme}: {place}": (
            (Entry(path=f"evil-1.0.data/{scheme}/{place}"),),
            {},
            f"evil-1.0.data/{scheme}/{place}",
            rule,
        )
        for scheme in ("data", "scripts", "headers")
        for place, rule in (
            ("sitecustomize.py", "every start of Python"),
            ("UserCustomize.py", "every start of Python"),
            ("evil.pth", "every start of Python"),
            ("evil.start", "every start of Python"),
            ("python312._pth", "where Python looks for modules"),
        )
    },
    **{
        f"hash that lies in {scheme}": (
            (
                Entry(
                    path=f"evil-1.0.data/{scheme}/x",
                    content=b"x",
                    row=f"evil-1.0.data/{scheme}/x,sha256={digest(b'y')},1",
                ),
            ),
            {},
            f"evil-1.0.data/{scheme}/x",
            "not the file whose hash RECORD has",
        )
        for scheme in ("data", "scripts", "headers", "purelib", "platlib")
    },
    "RECORD of another": (
        (Entry(path="evil/x.dist-info/RECORD", row=""),),
        {},
        "evil/x.dist-info/RECORD",
        "does not list it",
    ),
    "deep path": ((Entry(path=f"evil/{'d/' * 1500}x.py"),), {}, f"evil/{'d/' * 37}d...", "in 1,502 parts"),
    "long name": ((Entry(path=f"evil/{'n' * 300}"),), {}, f"evil/{'n' * 75}...", "has 300 bytes, more than 255"),
    "sitecustomize": ((Entry(path="sitecustomize.py"),), {}, "sitecustomize.py", "every start of Python"),
    "sitecustomize as a package": (
        (Entry(path="sitecustomize/__init__.py"),),
        {},
        "sitecustomize/__init__.py",
        "every start of Python",
    ),
    "sitecustomize compiled": (
        (Entry(path="sitecustomize.cpython-312-x86_64-linux-gnu.so"),),
        {},
        "sitecustomize.cpython-312-x86_64-linux-gnu.so",
        "every start of Python",
    ),
    "usercustomize by a scheme": (
        (Entry(path="evil-1.0.data/platlib/usercustomize.py"),),
        {},
        "evil-1.0.data/platlib/usercustomize.py",
        "every start of Python",
    ),
    "pth": ((Entry(path="evil.pth", content=b"import os"),), {}, "evil.pth", "use --allow-pth evil"),
    "pth by a scheme": (
        (Entry(path="evil-1.0.data/purelib/evil.pth"),),
        {},
        "evil.pth",
        "use --allow-pth evil",
    ),
    "start file": ((Entry(path="evil.start", content=b"evil:main"),), {}, "evil.start", "use --allow-pth evil"),
    "path configuration": ((Entry(path="python312._pth"),), {}, "python312._pth", "where Python looks for modules"),
    "environment": ((Entry(path="pyvenv.cfg"),), {}, "pyvenv.cfg", "where Python looks for modules"),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_an_attack_is_refused(attack: str, tmp_path: Path) -> None:
    """And nothing of it is in the store, or anywhere else; a second look says the same."""
    entries, changes, path, rule = REFUSED[attack]
    first = () if FINE in entries else (FINE,)
    evil = archive(tmp_path, *first, *entries, **changes)
    for _ in range(2):
        with pytest.raises(HostileWheel) as caught:
            unpacked(evil, tmp_path)
        assert caught.value.filename == NAME
        assert caught.value.path == path
        assert rule in caught.value.rule
    assert not list(tmp_path.rglob("out.py"))
    assert not list((tmp_path / "store" / "unfinished").iterdir())


def _records(data: bytes) -> list[int]:
    """Where the records of the central directory start."""
    return [at for at in range(len(data)) if data[at : at + 4] == b"PK\x01\x02"]


def _moved(data: bytes, by: int) -> bytes:
    """*data* with all offsets changed, as if bytes were in front of it."""
    changed = bytearray(data)
    for at in _records(data):
        struct.pack_into("<L", changed, at + 42, struct.unpack_from("<L", data, at + 42)[0] + by)
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<L", changed, end + 16, struct.unpack_from("<L", data, end + 16)[0] + by)
    return bytes(changed)


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _with_gap(data: bytes) -> bytes:
    """With four bytes between the last entry and the central directory."""
    start = _records(data)[0]
    end = data.rindex(b"PK\x05\x06")
    offset = struct.pack("<L", struct.unpack_from("<L", data, end + 16)[0] + 4)
    return data[:start] + b"gap!" + _patched(data, end + 16, offset)[start:]


def _with_hidden_entry(data: bytes) -> bytes:
    """With an entry between the last and the central directory that only a reader of local headers finds."""
    start = _records(data)[0]
    hidden = data[: data.index(b"PK\x03\x04", 4)]
    end = data.rindex(b"PK\x05\x06")
    offset = struct.pack("<L", struct.unpack_from("<L", data, end + 16)[0] + len(hidden))
    return data[:start] + hidden + _patched(data, end + 16, offset)[start:]


def _with_unicode_path(data: bytes) -> bytes:
    """With the field of Info-ZIP that gives the first entry another name."""
    return _with_field(data, struct.pack("<HHBL", 0x7075, 9, 1, 0) + b"evil")


def _with_field(data: bytes, field: bytes) -> bytes:
    """With an extra field in the record of the last entry in the central directory."""
    at, end = _records(data)[-1], data.rindex(b"PK\x05\x06")
    data = _patched(data, end + 12, struct.pack("<L", struct.unpack_from("<L", data, end + 12)[0] + len(field)))
    return _patched(data, at + 30, struct.pack("<H", len(field)))[:end] + field + data[end:]


#: What is done to a whole wheel; each is two archives in one file, or may be read as another one.
LAYOUTS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    "another archive before": lambda data, other: other + data,
    "another archive before, moved": lambda data, other: other + _moved(data, len(other)),
    "another archive after": lambda data, other: data + other,
    "another archive after, moved": lambda data, other: data + _moved(other, len(data)),
    "another archive in the comment": lambda data, other: (
        _patched(data, len(data) - 2, struct.pack("<H", len(other))) + other
    ),
    "a program before": lambda data, _: b"#!/usr/bin/python3\n" + data,
    "bytes after": lambda data, _: data + b"\0",
    "a second end": lambda data, _: data + data[data.rindex(b"PK\x05\x06") :],
    "a gap before the directory": lambda data, _: _with_gap(data),
    "an entry that is not in the directory": lambda data, _: _with_hidden_entry(data),
    "another name": lambda data, _: _patched(data, 30, b"good"),
    "another method": lambda data, _: _patched(data, 8, b"\0\0"),
    "another checksum": lambda data, _: _patched(data, 14, b"xxxx"),
    "another size": lambda data, _: _patched(data, 22, b"\1\0\0\0"),
    "a descriptor that is not there": lambda data, _: _patched(data, 6, b"\x08\0"),
    "another number of entries": lambda data, _: _patched(data, len(data) - 14, b"\1\0"),
    "a second name": lambda data, _: _with_unicode_path(data),
    "two ZIP64 fields": lambda data, _: _with_field(data, struct.pack("<HH", 1, 0) * 2),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_archive_that_installers_read_differently_is_refused(layout: str, tmp_path: Path) -> None:
    """uv reads local headers from the start, and pip the directory at the end: minreq proves neither of the two."""
    path = archive(tmp_path, FINE)
    other = archive(tmp_path / "other", Entry(path="evil/__init__.py", content=b"x = 2\n"))
    path.write_bytes(LAYOUTS[layout](path.read_bytes(), other.read_bytes()))
    with pytest.raises((HostileWheel, BrokenWheel)) as caught:
        unpacked(path, tmp_path)
    assert NAME in str(caught.value)
    assert not list((tmp_path / "store").glob("unpacked/*"))


class Pipe(io.RawIOBase):
    """Writes to a buffer, and cannot seek."""

    def __init__(self, buffer: io.BytesIO) -> None:
        self._buffer = buffer

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        return self._buffer.write(data)


def _streamed(path: Path, content: bytes, *, large: bool) -> None:
    """Write a wheel to a file that cannot seek, as some tools do: sizes come after each entry."""
    rows = f"evil/__init__.py,sha256={digest(content)},\n{INFO}/METADATA,sha256={digest(METADATA.encode())},\n"
    wheel = b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    rows += f"{INFO}/WHEEL,sha256={digest(wheel)},\n{INFO}/RECORD,,\n"
    members = {
        "evil/__init__.py": content,
        f"{INFO}/METADATA": METADATA.encode(),
        f"{INFO}/WHEEL": wheel,
        f"{INFO}/RECORD": rows.encode(),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BufferedWriter(Pipe(buffer)), "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            with file.open(zipfile.ZipInfo(name), "w", force_zip64=large) as member:
                member.write(text)
        file.comment = b"made by a tool"
    path.write_bytes(buffer.getvalue())


@pytest.mark.parametrize("large", [False, True])
def test_sizes_after_an_entry_are_read(large: bool, tmp_path: Path) -> None:  # noqa: FBT001 - pytest's.
    path = tmp_path / NAME
    _streamed(path, b"x = 1\n" * 10, large=large)
    assert (unpacked(path, tmp_path) / "evil/__init__.py").read_bytes() == b"x = 1\n" * 10
    data = path.read_bytes()
    descriptor = data.index(b"PK\x07\x08")
    path.write_bytes(_patched(data, descriptor + 4, b"xxxx"))
    with pytest.raises(HostileWheel, match="data descriptor differs"):
        unpacked(path, tmp_path)


def test_an_archive_with_zip64_records_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    path = archive(tmp_path, FINE)
    assert b"PK\x06\x06" in path.read_bytes()
    assert (unpacked(path, tmp_path) / "evil/__init__.py").is_file()
    data = path.read_bytes()
    path.write_bytes(_patched(data, data.rindex(b"PK\x06\x06") + 24, b"\2"))
    with pytest.raises((HostileWheel, BrokenWheel)):
        unpacked(path, tmp_path)


def test_a_directory_that_shares_bytes_is_a_bomb(tmp_path: Path) -> None:
    """Entries that all point at one body: the quoted bomb needs no ratio."""
    path = archive(tmp_path, FINE, Entry(path="evil/second.py", content=b"x = 1\n"))
    data = bytearray(path.read_bytes())
    # The offset of the second entry's local header stands at byte 42 of its entry in the directory.
    entries = [at for at in range(len(data)) if data[at : at + 4] == b"PK\x01\x02"]
    struct.pack_into("<I", data, entries[1] + 42, struct.unpack_from("<I", data, entries[0] + 42)[0])
    path.write_bytes(data)
    with pytest.raises((HostileWheel, BrokenWheel)) as caught:
        unpacked(path, tmp_path)
    assert "shares its bytes" in str(caught.value) or "overlap" in str(caught.value).lower()


def test_encrypted_and_countless_entries_are_refused() -> None:
    info = zipfile.ZipInfo("evil/x.py")
    info.flag_bits, info.header_offset = 1, 0
    with pytest.raises(HostileWheel, match="encrypted"):
        rules.check_directory(NAME, [info], 100)
    many = [zipfile.ZipInfo("evil/x.py")] * (zipfiles.MAX_ENTRIES + 1)
    with pytest.raises(HostileWheel, match="entries, more than"):
        rules.check_directory(NAME, many, 1 << 30)


def test_metadata_that_contradicts_the_index_is_refused(tmp_path: Path) -> None:
    """What was resolved from was not what would be installed (PEP 658 wants one content)."""
    path = archive(tmp_path, FINE)
    store = Store(tmp_path / "store", FileDownloader())
    with pytest.raises(HostileWheel, match="not the metadata that the index shows"):
        store.unpack(replace(wheel_of(path), metadata_sha256=hashlib.sha256(b"other").hexdigest()))
    shown = hashlib.sha256(METADATA.encode()).hexdigest()
    assert store.unpack(replace(wheel_of(path), metadata_sha256=shown)).is_dir()


def test_what_is_legitimate_is_kept_and_told(tmp_path: Path) -> None:
    """A backport has the name of the standard library's; a wheel for one system may spell as it likes."""
    path = archive(
        tmp_path, FINE, Entry(path="dataclasses.py"), Entry(path="evil/A.h"), Entry(path="evil/a.h", content=b"1")
    )
    remarks: list[str] = []
    tree = unpacked(path, tmp_path, remarks=remarks)
    assert (tree / "dataclasses.py").is_file()
    assert remarks == [
        f"{NAME} has dataclasses.py: it has the name of the standard library's dataclasses, which comes first",
        f"{NAME} has evil/a.h: where case does not count it takes the place of evil/A.h",
    ]


def test_a_pth_file_is_kept_for_whom_it_is_allowed_and_for_nobody_else(tmp_path: Path) -> None:
    """Also where it lies unpacked in the store already."""
    path = archive(tmp_path, FINE, Entry(path="evil.pth", content=b"import os\n"))
    remarks: list[str] = []
    tree = unpacked(path, tmp_path, "evil", remarks=remarks)
    assert (tree / "evil.pth").read_bytes() == b"import os\n"
    assert remarks == [f"{NAME} has evil.pth: lines of it run: it runs at every start of Python, without any import"]
    with pytest.raises(HostileWheel, match="--allow-pth evil"):
        unpacked(path, tmp_path, "good")


def test_sha512_in_record_is_checked(tmp_path: Path) -> None:
    content = b"x = 5\n"
    right = base64.urlsafe_b64encode(hashlib.sha512(content).digest()).rstrip(b"=").decode()
    row = f"evil/x.py,sha512={right},{len(content)}"
    path = archive(tmp_path, FINE, Entry(path="evil/x.py", content=content, row=row))
    assert (unpacked(path, tmp_path) / "evil/x.py").read_bytes() == content


@pytest.mark.parametrize(
    ("entries", "changes", "problem"),
    [
        ((), {"WHEEL": b"Wheel-Version: 2.0\nTag: py3-none-any\n"}, "Incompatible Wheel-Version 2.0, "),
        (
            (Entry(path="other-1.0.dist-info/METADATA", content=b"Name: other\n"),),
            {},
            "Wheel doesn't contain exactly one .dist-info directory: ['evil-1.0.dist-info', 'other-1.0.dist-info']",
        ),
    ],
    ids=["version", "two folders"],
)
def test_a_broken_wheel_is_named_without_folders_of_the_store(
    tmp_path: Path, entries: tuple[Entry, ...], changes: Mapping[str, bytes | None], problem: str
) -> None:
    with pytest.raises(BrokenWheel) as caught:
        unpacked(archive(tmp_path, FINE, *entries, **changes), tmp_path)
    assert f"{NAME} is not a valid wheel: {problem}" in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
    assert " object at " not in str(caught.value)


@given(st.binary(min_size=1, max_size=8), st.floats(0, 1, exclude_max=True), st.sampled_from(["cut", "flip", "insert"]))
def test_a_damaged_archive_is_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: float, how: str
) -> None:
    """Whatever is done to the bytes of a wheel, it is refused or it is the same files."""
    folder = tmp_path_factory.mktemp("damaged")
    path = archive(
        folder, FINE, Entry(path="evil/x.py", content=b"y = 2\n" * 20), Entry(path="evil-1.0.data/scripts/go")
    )
    data = path.read_bytes()
    place = int(at * len(data))
    rest = {"cut": b"", "flip": junk + data[place + len(junk) :], "insert": junk + data[place:]}[how]
    path.write_bytes(data[:place] + rest)
    with suppress(HostileWheel, BrokenWheel):
        tree = unpacked(path, folder)
        assert (tree / "evil/__init__.py").read_bytes() == FINE.content
        assert (tree / "evil/x.py").read_bytes() == b"y = 2\n" * 20


SCENARIO = """
explanation = "Two distributions lay one file, and one has a start-up file that the user allows."
requirements = ["app"]
program = "import app"
[wheels]
a."1.0" = { files = { "a/__init__.py" = "", "common.py" = "x = 1", "a.pth" = "import sys; sys.started = 1" } }
b."1.0" = { requires = ["a"], files = { "b/__init__.py" = "", "common.py" = "x = 2" } }
[wheels.app."1.0"]
requires = ["a", "b"]
files = { "app/__init__.py" = "import a, b" }
"""


def test_the_command_tells_what_was_kept(tmp_path: Path) -> None:
    """Refused with the way out; with it, the lock is made, the file runs where it would, and all commands take it."""
    made = project(SCENARIO, tmp_path)
    refused = made.minreq("lock", "app", "--smoke", "smoke.py", "--json")
    assert refused.status == 1
    assert '"reason": "hostile"' in refused.out
    assert "minreq refuses a-1.0-py3-none-any.whl because of a.pth" in refused.err
    assert "--allow-pth a" in refused.err
    done = made.minreq("lock", "app", "--smoke", "smoke.py", "--allow-pth", "a")
    assert done.status == 0, done.err
    assert "a-1.0-py3-none-any.whl has a.pth" in done.err
    advice = "from the lock, pip installs a last, so reinstall b after it"
    assert f"b overwrites common.py of a: what is installed last counts; {advice}" in done.err
    for command in (("verify",), ("exposure",), ("build", "-o", "out")):
        again = made.minreq(*command)
        assert again.status == 0, again.err
