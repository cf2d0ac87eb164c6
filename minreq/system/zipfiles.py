"""Opens zip archives from outside; the limits on what they unpack to are here, for wheels and all others."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from minreq.system import regularfile

#: What reading an archive or a member raises for bytes that are no zip, are damaged, or need what Python does not have.
READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
    *(ValueError, NotImplementedError, RuntimeError, IndexError),
)

#: The largest known archives have about 30,000 entries.
MAX_ENTRIES = 200_000
#: No known archive unpacks to more bytes, and no deployment could hold it.
MAX_BYTES = 16 << 30
#: An archive that unpacks to fewer bytes is no bomb, whatever its compression.
HARMLESS_BYTES = 64 << 20
#: Unpacked bytes for each byte of the archive. Program text reaches 10, a table of zeros some dozens.
MAX_RATIO = 200
#: The longest name of a file on the file systems that people use, in bytes.
_MAX_NAME = 255
#: The longest path, in bytes, and the deepest. A path on Linux has at most 4,096 bytes, and that of the environment
#: comes before it. The longest known path has about 200 bytes in 15 folders.
_MAX_PATH, _MAX_DEPTH = 1024, 100
#: How much of a longer path an error shows.
_SHOWN_PATH = 80


class ArchiveRefused(Exception):
    """An archive that this machine could not unpack, or that could fill it."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        #: Of the entry.
        self.path, self.why = path, why


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open the archive at *path*, a regular file; raises `ArchiveRefused` and `READ_ERRORS`."""
    with regularfile.open_stream(path) as stream, zipfile.ZipFile(stream) as archive:
        check_entries(archive.infolist(), os.fstat(stream.fileno()).st_size)
        yield archive


def check_entries(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    """Check what an archive of *size* bytes unpacks to, by its directory; ``zipfile`` unpacks no more than that.

    Raises `ArchiveRefused`.
    """
    if len(entries) > MAX_ENTRIES:
        raise ArchiveRefused("its directory", f"it has {len(entries):,} entries, more than {MAX_ENTRIES:,}")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_BYTES or (unpacked > HARMLESS_BYTES and unpacked > MAX_RATIO * size):
        largest = max(entries, key=lambda entry: entry.file_size)
        raise ArchiveRefused(largest.filename, f"{size:,} bytes would unpack to {unpacked:,}")
    for entry in entries:
        _check_length(entry.orig_filename)


def _check_length(path: str) -> None:
    """Refuse a path that no system could unpack."""
    parts = path.removesuffix("/").split("/")
    longest = max(len(part.encode("utf-8", "surrogatepass")) for part in parts)
    if longest > _MAX_NAME:
        raise ArchiveRefused(f"{path[:_SHOWN_PATH]}...", f"a name in it has {longest:,} bytes, more than {_MAX_NAME}")
    length = len(path.encode("utf-8", "surrogatepass"))
    if length > _MAX_PATH or len(parts) > _MAX_DEPTH:
        why = f"its path has {length:,} bytes in {len(parts):,} parts, more than {_MAX_PATH:,} or {_MAX_DEPTH}"
        raise ArchiveRefused(f"{path[:_SHOWN_PATH]}...", why)
