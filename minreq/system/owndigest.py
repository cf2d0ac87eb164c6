"""The hash of minreq itself: its code decides every measurement that it keeps."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path

#: The folder of minreq.
_PACKAGE = Path(__file__).parents[1]
_SUFFIXES = (".py", ".toml")


@cache
def own_digest() -> str:
    """Return the SHA-256 of minreq itself: emulator, child scripts, profiles and search."""
    found = hashlib.sha256()
    # Texts: path objects of some hundred files take longer than to read and hash these.
    files = (os.path.join(folder, name) for folder, _, names in os.walk(_PACKAGE) for name in names)  # noqa: PTH118
    for file in sorted(each for each in files if each.endswith(_SUFFIXES)):
        with open(file, "rb") as stream:  # noqa: PTH123
            content = stream.read()
        found.update(f"{file[len(str(_PACKAGE)) + 1 :]}\0".encode())
        found.update(hashlib.sha256(content).digest())
    return found.hexdigest()
