"""Record what the compiler made: the hash of each compiled file, and of the source that it was made from.

The list of records lies beside ``lib`` of a tree. A compiled file that a crash cut, a disk corrupted or somebody else
wrote has no record, and so has a compiled file of a source that was changed: nothing of them runs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from minreq.system import regularfile

#: The name of each folder of compiled files.
FOLDER = "__pycache__"
_LIST_FILE = "compiled.txt"
#: Bytes of the list of a tree; a line has some two hundred.
_MAX_LIST = 64 << 20
_COLUMNS = 3


class BytecodeRecord(NamedTuple):
    """The hex SHA-256 of a compiled file, and of its source."""

    sha256: str
    source: str


def write_record(tree: Path, path: str, record: BytecodeRecord) -> None:
    """Record that a trusted compiler made the file *path* below *tree*. Raises ``OSError``."""
    file = tree / _LIST_FILE
    if not regularfile.is_regular(file) or not os.access(file, os.R_OK | os.W_OK):
        regularfile.remove_any(file)
    # One write appends a short line, so that lines of several processes do not mix (POSIX, O_APPEND).
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    descriptor = os.open(file, flags, 0o644)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.write(descriptor, f"{record.sha256} {record.source} {path}\n".encode())
    finally:
        os.close(descriptor)


def read_records(tree: Path) -> Mapping[str, BytecodeRecord]:
    """Return the records of *tree* by the path of the compiled file; none where the list cannot be read."""
    try:
        with regularfile.open_own(tree / _LIST_FILE) as stream:
            text = stream.read(_MAX_LIST).decode("utf-8", "replace")
    except OSError:
        return {}
    rows = (line.split(" ", _COLUMNS - 1) for line in text.split("\n"))
    return {row[2]: BytecodeRecord(row[0], row[1]) for row in rows if len(row) == _COLUMNS}


def cache_tag(version: Sequence[int]) -> str:
    """Return the tag in the names of files that CPython of this *version* compiles: ``cpython-312``."""
    return f"cpython-{version[0]}{version[1]}"


def source_path(path: str) -> str:
    """Return the source of the compiled file *path*: ``a/__pycache__/b.cpython-312.pyc`` is made from ``a/b.py``."""
    folder, _, name = path.rpartition("/")
    return f"{folder.removesuffix(FOLDER)}{name.partition('.')[0]}.py"
