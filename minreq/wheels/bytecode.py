"""Which compiled files of an unpacked wheel can be trusted: those whose hash was written down when they were made.

Beside ``lib`` of a tree lies a list, one line for each file: SHA-256 and path below ``lib``. What a crash cut, a disk
flipped, or somebody else put there is not in it, and is removed before anything is run.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

_LIST = "compiled.txt"
_FOLDER = "__pycache__"


def vouch(tree: Path, path: str, sha256: str) -> None:
    """Note that the file at *path* below ``lib`` of *tree* is what a trusted compiler made. Raises ``OSError``."""
    # One write of a short line at the end: lines of several processes do not mix (POSIX, O_APPEND).
    descriptor = os.open(tree / _LIST, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(descriptor, f"{sha256} {path}\n".encode())
    finally:
        os.close(descriptor)


def remove_what_nobody_vouches_for(tree: Path) -> None:
    """Remove compiled files from *tree* that are not as they were made; they are made anew when they are needed.

    Raises ``OSError`` where one has to go and cannot.
    """
    lib = tree / "lib"
    made = _list(tree)
    for name, _, files in os.walk(lib):
        folder = Path(name)
        if folder.name != _FOLDER:
            continue
        below = folder.relative_to(lib).as_posix()
        for file in files:
            path = folder / file
            if made.get(f"{below}/{file}") != _sha256(path):
                path.unlink(missing_ok=True)


def _list(tree: Path) -> Mapping[str, str]:
    try:
        text = (tree / _LIST).read_text("utf-8", "replace")
    except OSError:
        return {}
    rows = (line.partition(" ") for line in text.splitlines())
    return {path: digest for digest, _, path in rows}


def _sha256(file: Path) -> str | None:
    try:
        return None if file.is_symlink() else hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
