"""The layout of a zip archive: installers must read the same files from it, whichever way they read it.

Some installers read the central directory at the end of an archive, and others read the local headers from the start.
An archive may be made so that each of them finds other files. As the index of the Python community and uv do, this
module accepts no archive of which the two could read something else: its records follow each other without a gap, from
the first byte to the last, and each local header agrees with the central directory. Source: APPNOTE.TXT of PKWARE,
sections 4.3 to 4.5.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO
from zipfile import ZipInfo

from minreq.errors import HostileWheel

_LOCAL_HEADER = struct.Struct("<4s2xHH4xLLLHH")
_CENTRAL_HEADER = struct.Struct("<4s24xHHH12x")
_ZIP64_END = struct.Struct("<4sQ12xQQQQ")
_ZIP64_LOCATOR = struct.Struct("<4s4xQ4x")
_END = struct.Struct("<4s4xHHLLH")
_HAS_DESCRIPTOR = 0x8
_IN_ZIP64_FIELD = 0xFFFFFFFF
_ZIP64_FIELD, _UNICODE_PATH_FIELD = 0x0001, 0x7075
_SIZES = struct.Struct("<QQ")
#: Both sizes, the place of the header, and the number of the disk.
_ZIP64_LENGTHS = frozenset({0, 8, 16, 24, 28})


def check_layout(filename: str, archive: BinaryIO, entries: Sequence[ZipInfo]) -> None:
    """Check the archive of the wheel *filename*; *entries* are those of its central directory.

    Raises ``HostileWheel``.
    """
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end:
            raise HostileWheel(filename, entry.filename, "it shares its bytes with the entry before")
        if entry.header_offset > end:
            raise HostileWheel(filename, entry.filename, "bytes come before it that belong to no entry")
        end = _end_of_entry(filename, archive, entry)
    _check_end(filename, archive, end, len(entries))


def _end_of_entry(filename: str, archive: BinaryIO, entry: ZipInfo) -> int:
    """Return where the entry ends; raise ``HostileWheel`` if its local header differs from the central directory."""
    archive.seek(entry.header_offset)
    header = archive.read(_LOCAL_HEADER.size)
    if len(header) < _LOCAL_HEADER.size:
        raise HostileWheel(filename, entry.filename, "its local header is cut")
    signature, flags, method, checksum, compressed, size, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    name, extra = archive.read(name_length), archive.read(extra_length)
    for facts in (extra, entry.extra):
        _check_fields(filename, entry, facts)
    if compressed == size == _IN_ZIP64_FIELD:
        for number, field in _fields(extra):
            if number == _ZIP64_FIELD and len(field) >= _SIZES.size:
                size, compressed = _SIZES.unpack_from(field)
    expected = (entry.CRC, entry.compress_size, entry.file_size)
    found = (checksum, compressed, size)
    comes_later = bool(flags & _HAS_DESCRIPTOR) and not any(found)
    encoding = "utf-8" if flags & 0x800 else "cp437"
    if (
        signature != b"PK\x03\x04"
        or name != entry.orig_filename.encode(encoding, "replace")
        or method != entry.compress_type
        or (found != expected and not comes_later)
        or bool(flags & _HAS_DESCRIPTOR) != bool(entry.flag_bits & _HAS_DESCRIPTOR)
    ):
        raise HostileWheel(
            filename, entry.filename, "its local header differs from the central directory, and installers read either"
        )
    end = archive.tell() + entry.compress_size
    return _end_of_descriptor(filename, archive, entry, end) if flags & _HAS_DESCRIPTOR else end


def _check_fields(filename: str, entry: ZipInfo, extra: bytes) -> None:
    """Refuse extra fields that give an entry a second name, or its sizes twice."""
    numbers = []
    for number, field in _fields(extra):
        numbers.append(number)
        if number == _UNICODE_PATH_FIELD:
            raise HostileWheel(filename, entry.filename, "it has a second name, and installers read either")
        if number == _ZIP64_FIELD and len(field) not in _ZIP64_LENGTHS:
            raise HostileWheel(filename, entry.filename, "its ZIP64 field has a length that does not exist")
    if numbers.count(_ZIP64_FIELD) > 1:
        raise HostileWheel(filename, entry.filename, "it has two ZIP64 fields, and installers read either")


def _fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the content of each extra field; some writers leave a few bytes after the last."""
    at = 0
    while at + 4 <= len(extra):
        number, length = struct.unpack_from("<HH", extra, at)
        yield number, extra[at + 4 : at + 4 + length]
        at += 4 + length


def _end_of_descriptor(filename: str, archive: BinaryIO, entry: ZipInfo, start: int) -> int:
    """Return where the data descriptor ends: with a signature or without, and with sizes of 32 or of 64 bits."""
    archive.seek(start)
    found = archive.read(24)
    for signature in (b"PK\x07\x08", b""):
        for sizes in ("<LLL", "<LQQ"):
            if entry.file_size > _IN_ZIP64_FIELD and sizes == "<LLL":
                continue
            expected = signature + struct.pack(sizes, entry.CRC, entry.compress_size, entry.file_size)
            # What comes next is a record: with it, no shorter form is taken for a longer one.
            if found.startswith(expected) and _is_record(archive, start + len(expected)):
                return start + len(expected)
    raise HostileWheel(filename, entry.filename, "its data descriptor differs from the central directory")


def _is_record(archive: BinaryIO, start: int) -> bool:
    archive.seek(start)
    return archive.read(4) in {b"PK\x03\x04", b"PK\x01\x02"}


def _check_end(filename: str, archive: BinaryIO, start: int, entries: int) -> None:
    """Refuse an archive with anything from *start* on but a central directory of *entries* and its end."""
    what = "its directory"
    archive.seek(start)
    for _ in range(entries):
        header = archive.read(_CENTRAL_HEADER.size)
        if len(header) < _CENTRAL_HEADER.size or header[:4] != b"PK\x01\x02":
            raise HostileWheel(filename, what, "bytes that belong to no entry come before it or between its records")
        archive.seek(sum(_CENTRAL_HEADER.unpack(header)[1:]), io.SEEK_CUR)
    end_of_directory = archive.tell()
    rest = archive.read(_ZIP64_END.size + _ZIP64_LOCATOR.size + _END.size + 0x10000)
    facts = (entries, entries, end_of_directory - start, start)
    at = 0
    if rest.startswith(b"PK\x06\x06"):
        if len(rest) < _ZIP64_END.size + _ZIP64_LOCATOR.size:
            raise HostileWheel(filename, what, "its end is cut")
        _, length, *zip64_facts = _ZIP64_END.unpack_from(rest)
        signature, place = _ZIP64_LOCATOR.unpack_from(rest, _ZIP64_END.size)
        if (length, signature, place, *zip64_facts) != (
            _ZIP64_END.size - 12,
            b"PK\x06\x07",
            end_of_directory,
            *facts,
        ):
            raise HostileWheel(filename, what, "its ZIP64 record does not describe this directory")
        at = _ZIP64_END.size + _ZIP64_LOCATOR.size
    if len(rest) < at + _END.size or rest[at : at + 4] != b"PK\x05\x06":
        raise HostileWheel(filename, what, "bytes that belong to no entry come after it")
    _, *found, comment_length = _END.unpack_from(rest, at)
    limits = (0xFFFF, 0xFFFF, _IN_ZIP64_FIELD, _IN_ZIP64_FIELD)
    if any(each != fact and not (at and each == limit) for each, fact, limit in zip(found, facts, limits, strict=True)):
        raise HostileWheel(filename, what, "its end does not describe this directory, and installers read either")
    comment = rest[at + _END.size :]
    if len(comment) != comment_length or b"PK" in comment:
        raise HostileWheel(filename, what, "another archive or other bytes come after its end")
