"""A wheel seen as a zip of which only parts are at hand: the rest is fetched when it is read."""

from __future__ import annotations

import io
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from packaging.utils import canonicalize_name

from minreq.errors import ArchiveUnreadable
from minreq.model import Member, Wheel

#: Bytes ``[start, stop)`` of an archive.
Range = tuple[int, int]
Fetch = Callable[[int, int], bytes]

#: What ``zipfile`` reads in small steps is fetched in steps of at least this many bytes.
_STEP = 32 << 10

#: Two members with fewer bytes between them are fetched by one request.
_GAP = 64 << 10

#: No request asks for more, so that several run side by side.
_LARGEST = 4 << 20

#: A member's local header holds its name and an extra field that may be longer than the directory's.
_HEADER = 30 + 512

#: The largest metadata file that is read, in bytes unpacked.
_METADATA_LIMIT = 16 << 20

#: The same of any other member.
_MEMBER_LIMIT = 64 << 20


class RangedFile(io.RawIOBase):
    """A file to read and seek, made of the parts at hand; *fetch* gets what is missing."""

    def __init__(self, size: int, fetch: Fetch) -> None:
        super().__init__()
        self._size = size
        self._fetch = fetch
        self._position = 0
        #: Starts in ascending order, and the bytes there; parts do not overlap.
        self._starts: list[int] = []
        self._parts: list[bytes] = []

    def add(self, start: int, part: bytes) -> None:
        """Put bytes at hand that a request brought; those already there stay."""
        for first, stop in self.missing(start, start + len(part)):
            place = bisect_right(self._starts, first)
            self._starts.insert(place, first)
            self._parts.insert(place, part[first - start : stop - start])

    def missing(self, start: int, stop: int) -> list[Range]:
        """The stretches of ``[start, stop)`` that are not at hand."""
        gaps: list[Range] = []
        position, stop = start, min(stop, self._size)
        place = max(bisect_right(self._starts, start) - 1, 0)
        for begin, part in zip(self._starts[place:], self._parts[place:], strict=True):
            if begin >= stop:
                break
            if begin > position:
                gaps.append((position, begin))
            position = max(position, begin + len(part))
        if position < stop:
            gaps.append((position, stop))
        return gaps

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move; nothing is fetched."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset < 0:
            raise OSError("seek before the beginning of the archive")
        self._position = origin + offset
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # io.RawIOBase takes any buffer
        """Read at the position, up to the end of the part there."""
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        stop = self._position + wanted
        if self.missing(self._position, self._position + 1):
            # At least a step, but nothing twice.
            start, stop = self.missing(self._position, max(stop, self._position + _STEP))[0]
            self.add(start, self._fetch(start, stop))
        place = bisect_right(self._starts, self._position) - 1
        offset = self._position - self._starts[place]
        piece = self._parts[place][offset : offset + wanted]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def read(self, size: int = -1, /) -> bytes:
        """Read *size* bytes, fewer only at the end."""
        wanted = self._size - self._position if size < 0 else size
        pieces = []
        while wanted > 0 and (piece := super().read(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        return b"".join(pieces)


def open_zip(file: io.RawIOBase | BinaryIO, wheel: Wheel) -> ZipFile:
    """Read the central directory.

    Raises :class:`ArchiveUnreadable`.
    """
    try:
        return ZipFile(cast("BinaryIO", file))
    except (BadZipFile, ValueError, NotImplementedError) as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"it is no zip archive ({error})") from error


def members(archive: ZipFile) -> tuple[Member, ...]:
    """The files in an archive, sorted by path; folders are none."""
    return tuple(
        Member(path=info.filename, size=info.file_size)
        for info in sorted(archive.infolist(), key=lambda info: info.filename)
        if not info.is_dir()
    )


def metadata_path(paths: Iterable[str], wheel: Wheel) -> str:
    """Find ``METADATA`` of *wheel*: in the one ``.dist-info`` at the top whose name is the wheel's.

    Raises :class:`ArchiveUnreadable`.
    """
    found = [
        path
        for path in paths
        if path.endswith(".dist-info/METADATA")
        and path.count("/") == 1
        # As in pip, the beginning is enough: older tools escaped the rest in other ways.
        and canonicalize_name(path).startswith(f"{wheel.name}-")
    ]
    if len(found) != 1:
        problem = f"it has {len(found)} folders for the metadata of {wheel.name}, not one"
        raise ArchiveUnreadable(wheel.filename, wheel.url, problem)
    return found[0]


def stretches(archive: ZipFile, paths: Iterable[str]) -> list[Range]:
    """The bytes of the archive that hold these members; a path that is not there holds none."""
    known = archive.NameToInfo
    return [_stretch(known[path]) for path in paths if path in known]


def _stretch(info: ZipInfo) -> Range:
    length = _HEADER + len(info.filename.encode()) + len(info.extra) + info.compress_size
    return info.header_offset, info.header_offset + length


def coalesce(ranges: Iterable[Range]) -> list[Range]:
    """Join neighbours and cut what is long: as few requests as make sense, sorted."""
    joined: list[Range] = []
    for start, stop in sorted(ranges):
        if joined and start - joined[-1][1] < _GAP:
            joined[-1] = (joined[-1][0], max(joined[-1][1], stop))
        else:
            joined.append((start, stop))
    return [(first, min(first + _LARGEST, stop)) for start, stop in joined for first in range(start, stop, _LARGEST)]


def contents(archive: ZipFile, paths: Sequence[str], wheel: Wheel) -> dict[str, bytes]:
    """Unpack those of *paths* that are there; the zip's own checksums are checked.

    Raises :class:`ArchiveUnreadable`.
    """
    there = [path for path in paths if path in archive.NameToInfo]
    for path in there:
        if archive.getinfo(path).file_size > _MEMBER_LIMIT:
            raise ArchiveUnreadable(wheel.filename, wheel.url, f"{path} is larger than any source")
    try:
        return {path: archive.read(path) for path in there}
    except (BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError, OSError) as error:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"it is damaged ({error})") from error


def read_metadata(archive: ZipFile, wheel: Wheel) -> bytes:
    """Unpack ``METADATA``.

    Raises :class:`ArchiveUnreadable`.
    """
    path = metadata_path((info.filename for info in archive.infolist()), wheel)
    if archive.getinfo(path).file_size > _METADATA_LIMIT:
        raise ArchiveUnreadable(wheel.filename, wheel.url, f"{path} is larger than any metadata")
    return contents(archive, [path], wheel)[path]
