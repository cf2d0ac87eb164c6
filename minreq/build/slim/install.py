"""The tree that an installer would make of unpacked wheels, as a plan: nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build.slim.leaves import Leaf

#: Where the store unpacks the parts of a wheel, and where ``pip install --target`` puts them.
_PARTS = {"lib": "", "bin": "bin/", "data": ""}


def leaves_of(unpacked: Mapping[NormalizedName, Path]) -> tuple[Leaf, ...]:
    """Return the files that installing the wheels would write into one folder, sorted by path.

    *unpacked* has for each distribution its ``lib`` in the store. Where two have one file, the last by name has it.
    """
    found: dict[str, Leaf] = {}
    for name, lib in sorted(unpacked.items()):
        for part, prefix in _PARTS.items():
            for file, inside in _files(lib.with_name(part)):
                status = file.stat()
                path = prefix + inside
                executable = bool(status.st_mode & 0o100)
                found[path] = Leaf(path=path, owner=name, source=file, size=status.st_size, executable=executable)
    return tuple(found[path] for path in sorted(found))


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    for parent, folders, names in os.walk(folder):
        # What runs have compiled in the store.
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for name in sorted(names):
            file = Path(parent, name)
            yield file, file.relative_to(folder).as_posix()
