"""Find out which compiled files of an unpacked wheel can be trusted: those whose hash was recorded when they were made.

The list of them lies beside ``lib`` of a tree, one line for each file: SHA-256 and path below ``lib``. A file that a
crash cut, a disk corrupted or somebody else wrote is not in the list, and is removed before anything runs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

_LIST_FILE = "compiled.txt"
_CACHE_FOLDER = "__pycache__"


def record_bytecode(tree: Path, path: str, sha256: str) -> None:
    """Record that a trusted compiler made the file *path* below ``lib`` of *tree*. Raises ``OSError``."""
    # One write appends a short line, so that lines of several processes do not mix (POSIX, O_APPEND).
    descriptor = os.open(tree / _LIST_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, f"{sha256} {path}\n".encode())
    finally:
        os.close(descriptor)


def remove_untrusted_bytecode(tree: Path) -> None:
    """Remove compiled files from *tree* whose hash is not recorded; they are compiled again when needed.

    Raises ``OSError`` when one cannot be removed.
    """
    lib = tree / "lib"
    recorded = _read_list(tree)
    for name, _, files in os.walk(lib):
        folder = Path(name)
        if folder.name != _CACHE_FOLDER:
            continue
        below = folder.relative_to(lib).as_posix()
        for file in files:
            path = folder / file
            if recorded.get(f"{below}/{file}") != _sha256(path):
                path.unlink(missing_ok=True)


def _read_list(tree: Path) -> Mapping[str, str]:
    try:
        text = (tree / _LIST_FILE).read_text("utf-8", "replace")
    except OSError:
        return {}
    rows = (line.partition(" ") for line in text.splitlines())
    return {path: digest for digest, _, path in rows}


def _sha256(file: Path) -> str | None:
    try:
        return None if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
