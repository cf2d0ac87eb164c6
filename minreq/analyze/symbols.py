"""Count the bytes of debug symbols in shared objects."""

from __future__ import annotations

import io
from itertools import islice
from typing import IO, BinaryIO, cast

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

#: Bytes that are read of one file; a library with a million symbols has tables of some 10 MB. A damaged or hostile file
#: may have headers that never end.
_MAX_READ = 64 << 20
#: A library has some fifty sections.
_MAX_SECTIONS = 2000


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
    if stream.read(4) != b"\x7fELF":
        return 0
    try:
        return sum(
            section["sh_size"]
            for section in islice(ELFFile(cast("IO[bytes]", _BoundedStream(stream))).iter_sections(), _MAX_SECTIONS)
            if section.name in {".symtab", ".strtab"} or section.name.startswith((".debug_", ".zdebug_"))
        )
    except (ELFError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, AssertionError, OSError):
        return 0  # A damaged file: a loader would report it; the analysis does not depend on it.
