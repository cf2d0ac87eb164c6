"""The hash of minreq itself: its code decides every measurement that it keeps."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

#: The folder of minreq.
_PACKAGE = Path(__file__).parents[1]
_SUFFIXES = frozenset({".py", ".toml"})


@cache
def own_digest() -> str:
    """Return the SHA-256 of minreq itself: emulator, child scripts, profiles and search."""
    found = hashlib.sha256()
    for file in sorted(each for each in _PACKAGE.rglob("*") if each.suffix in _SUFFIXES):
        found.update(f"{file.relative_to(_PACKAGE).as_posix()}\0".encode())
        found.update(hashlib.sha256(file.read_bytes()).digest())
    return found.hexdigest()
