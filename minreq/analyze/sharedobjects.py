"""Read shared objects, of which nothing is loaded: the bytes of debug symbols, and the libraries that they need."""

from __future__ import annotations

import io
from itertools import islice
from typing import IO, BinaryIO, cast

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile

#: Bytes that are read of one file; a library with a million symbols has tables of some 10 MB. A damaged or hostile file
#: may have headers that never end.
_MAX_READ = 64 << 20
#: A library has some fifty sections and ten segments, and some dozens of entries for the loader.
_MAX_SECTIONS, _MAX_ENTRIES = 2000, 20_000
#: What a damaged file raises: a loader would report it.
_ERRORS = (ELFError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, AssertionError, OSError)


class _BoundedStream(io.RawIOBase):
    """A seekable stream that ends with ``ValueError`` after `_MAX_READ` bytes."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._left = _MAX_READ

    def read(self, size: int = -1) -> bytes:
        if size < 0:
            size = self._left + 1
        self._left -= size
        if self._left < 0:
            raise ValueError(size)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


def symbol_bytes(stream: BinaryIO) -> int:
    """Return the bytes of the sections that ``strip --strip-unneeded`` removes from an ELF file; 0 for any other file.

    It removes sections without the flag SHF_ALLOC, which are not loaded (System V ABI, "Sections"), and keeps of those
    only the names of sections. Of the *stream*, which can seek, only the headers and some tables are read.
    """
    if not _is_elf(stream):
        return 0
    try:
        return sum(
            section["sh_size"]
            for section in islice(_open(stream).iter_sections(), _MAX_SECTIONS)
            if section.name in {".symtab", ".strtab"} or section.name.startswith((".debug_", ".zdebug_"))
        )
    except _ERRORS:
        return 0


def needed_libraries(stream: BinaryIO) -> frozenset[str] | None:
    """Return the names of the libraries that an ELF file is linked to; ``None`` if it is none that can be loaded.

    They are in the segment that the loader reads (System V ABI, "Dynamic Section"); a file may have no sections. Of the
    *stream*, which can seek, only the headers and some tables are read.
    """
    if not _is_elf(stream):
        return None
    try:
        file = _open(stream)
        if max(file.num_sections(), file.num_segments()) > _MAX_SECTIONS:
            return None
        dynamic = next(each for each in file.iter_segments() if isinstance(each, DynamicSegment))
        tags = islice(dynamic.iter_tags(), _MAX_ENTRIES)
        return frozenset(str(getattr(tag, "needed", "")) for tag in tags if tag.entry.d_tag == "DT_NEEDED")
    except (*_ERRORS, StopIteration):
        return None


def _is_elf(stream: BinaryIO) -> bool:
    return stream.read(4) == b"\x7fELF"


def _open(stream: BinaryIO) -> ELFFile:
    return ELFFile(cast("IO[bytes]", _BoundedStream(stream)))
