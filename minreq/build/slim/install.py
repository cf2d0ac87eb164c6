"""List the files that an installer would write for unpacked wheels, without writing them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.build.slim.files import TreeFile
from minreq.wheels.compiledsizes import TARGET_FOLDERS


def files_to_install(unpacked: Mapping[NormalizedName, Path]) -> tuple[TreeFile, ...]:
    """Return the files that installing the wheels into one folder would write, sorted by path.

    *unpacked* has the ``lib`` folder of each distribution in the store. When two distributions have the same file, the
    last of them counts.
    """
    found: dict[str, TreeFile] = {}
    for name, lib in unpacked.items():
        for part, prefix in TARGET_FOLDERS.items():
            for file, inside in _walk(lib.with_name(part)):
                status = file.stat()
                path = prefix + inside
                executable = bool(status.st_mode & 0o100)
                found[path] = TreeFile(path=path, owner=name, source=file, size=status.st_size, executable=executable)
    return tuple(found[path] for path in sorted(found))


def _walk(folder: Path) -> Iterator[tuple[Path, str]]:
    for parent, folders, names in os.walk(folder):
        # Runs of a smoke write compiled files into the store.
        folders[:] = sorted(each for each in folders if each != "__pycache__")
        for name in sorted(names):
            file = Path(parent, name)
            yield file, file.relative_to(folder).as_posix()
