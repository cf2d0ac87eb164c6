"""Reads a wheel as a zip of which only some parts are fetched; it fetches other parts when they are read."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, cast
from zipfile import ZipFile, ZipInfo

from packaging.utils import canonicalize_name

from minreq.errors import ArchiveUnreadable
from minreq.model import Member, Wheel
from minreq.system import zipfiles

#: Bytes ``[start, stop)`` of an archive.
Range = tuple[int, int]
Fetch = Callable[[int, int], bytes]

#: ``zipfile`` reads in small steps; each fetches at least this many bytes.
_MIN_REQUEST = 32 << 10

#: One request fetches two members with fewer bytes between them.
_MAX_GAP = 64 << 10

#: No request asks for more bytes, so that several run at the same time.
_MAX_REQUEST = 4 << 20

#: A member's local header holds its name and an extra field that may be longer than the directory's.
_HEADER = 30 + 512

#: The largest metadata file that is read, in unpacked bytes.
_METADATA_LIMIT = 16 << 20

#: The largest other member that is read, in unpacked bytes.
_MEMBER_LIMIT = 64 << 20


class RangedFile(io.RawIOBase):
    """A file to read and seek, made of fetched parts; *fetch* returns the missing ones."""

    def __init__(self, size: int, fetch: Fetch) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._position = 0
        #: Starts in ascending order, and the bytes from there; parts do not overlap.
        self._starts: list[int] = []
        self._parts: list[bytes] = []

    def add(self, start: int, part: bytes) -> None:
        """Add fetched bytes; bytes that the file has already stay."""
        for first, stop in self.missing(start, start + len(part)):
            index = bisect_right(self._starts, first)
            self._starts.insert(index, first)
            self._parts.insert(index, part[first - start : stop - start])

    def missing(self, start: int, stop: int) -> list[Range]:
        """Return the ranges of ``[start, stop)`` that are not fetched."""
        gaps: list[Range] = []
        position, stop = start, min(stop, self._size)
        index = max(bisect_right(self._starts, start) - 1, 0)
        for part_start, part in zip(self._starts[index:], self._parts[index:], strict=True):
            if part_start >= stop:
                break
            if part_start > position:
                gaps.append((position, part_start))
            position = max(position, part_start + len(part))
        if position < stop:
            gaps.append((position, stop))
        return gaps

    def readable(self) -> bool:
        """Return true."""
        return True

    def seekable(self) -> bool:
        """Return true."""
        return True

    def tell(self) -> int:
        """Return where the next read starts."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the position; fetch nothing."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError("seek before the beginning of the archive")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io.RawIOBase takes any buffer
        """Read at the position, up to the end of the part there."""
        length = min(len(buffer), self._size - self._position)
        if length <= 0:
            return 0
        stop = self._position + length
        if self.missing(self._position, self._position + 1):
            # At least the smallest request, but no byte twice.
            start, stop = self.missing(self._position, max(stop, self._position + _MIN_REQUEST))[0]
            self.add(start, self._fetch(start, stop))
        index = bisect_right(self._starts, self._position) - 1
        offset = self._position - self._starts[index]
        piece = self._parts[index][offset : offset + length]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def read(self, size: int = -1, /) -> bytes:
        """Read *size* bytes, fewer only at the end."""
        remaining = self._size - self._position if size < 0 else size
        pieces = []
        while remaining > 0 and (piece := super().read(remaining)):
            pieces.append(piece)
            remaining -= len(piece)
        return b"".join(pieces)


def open_zip(file: io.RawIOBase | BinaryIO, wheel: Wheel) -> ZipFile:
    """Read the central directory.

    Raises :class:`ArchiveUnreadable`.
    """
    try:
        return ZipFile(cast("BinaryIO", file))
    except zipfiles.READ_ERRORS as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"it is no zip archive ({error})") from error


def list_members(archive: ZipFile) -> tuple[Member, ...]:
    """Return the files in an archive, without folders, sorted by path."""
    return tuple(
        Member(path=info.filename, size=info.file_size)
        for info in sorted(archive.infolist(), key=lambda info: info.filename)
        if not info.is_dir()
    )


def find_metadata(paths: Iterable[str], wheel: Wheel) -> str:
    """Return the path of ``METADATA``: in the one ``.dist-info`` at the top level with the name of *wheel*.

    Raises :class:`ArchiveUnreadable`.
    """
    found = [
        path
        for path in paths
        if path.endswith(".dist-info/METADATA")
        and path.count("/") == 1
        # As in pip, the start is enough: older tools escaped the rest in other ways.
        and canonicalize_name(path).startswith(f"{wheel.name}-")
    ]
    if len(found) != 1:
        problem = f"it has {len(found)} folders for the metadata of {wheel.name}, not one"
        raise ArchiveUnreadable(wheel.filename, wheel.url, problem)
    return found[0]


def member_ranges(archive: ZipFile, paths: Iterable[str]) -> list[Range]:
    """Return the ranges of the archive that hold these members; none for a path that it does not have."""
    infos = archive.NameToInfo
    return [_member_range(infos[path]) for path in paths if path in infos]


def _member_range(info: ZipInfo) -> Range:
    length = _HEADER + len(info.filename.encode()) + len(info.extra) + info.compress_size
    return info.header_offset, info.header_offset + length


def coalesce(ranges: Iterable[Range]) -> list[Range]:
    """Join neighbours and split long ranges, for few requests of a limited size; sorted."""
    joined: list[Range] = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] < _MAX_GAP:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return [
        (first, min(first + _MAX_REQUEST, stop)) for start, stop in joined for first in range(start, stop, _MAX_REQUEST)
    ]


def read_members(archive: ZipFile, paths: Sequence[str], wheel: Wheel) -> dict[str, bytes]:
    """Unpack those of *paths* that the archive has, and check the zip's own checksums.

    Raises :class:`ArchiveUnreadable`.
    """
    members = [path for path in paths if path in archive.NameToInfo]
    for path in members:
        if archive.getinfo(path).file_size > _MEMBER_LIMIT:
            raise ArchiveUnreadable(wheel.filename, wheel.url, f"{path} is larger than any source")
    try:
        return {path: archive.read(path) for path in members}
    except zipfiles.READ_ERRORS as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"it is damaged ({error})") from error


def read_metadata(archive: ZipFile, wheel: Wheel) -> bytes:
    """Unpack ``METADATA``.

    Raises :class:`ArchiveUnreadable`.
    """
    path = find_metadata((info.filename for info in archive.infolist()), wheel)
    if archive.getinfo(path).file_size > _METADATA_LIMIT:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"{path} is larger than any metadata")
    return read_members(archive, [path], wheel)[path]
