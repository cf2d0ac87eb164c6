"""Keep how many bytes the compiled files of an unpacked wheel have, by the interpreter that compiles them.

The list lies beside ``lib`` of a tree, so that it is gone with the tree. The next lock compiles nothing to know them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from minreq.system import cachefile
from minreq.wheels import bytecode

#: For each folder of a tree, the folder that ``pip install --target`` writes its files into.
TARGET_FOLDERS: Mapping[str, str] = {"lib": "", "bin": "bin/", "data": ""}
#: Bytes of the name of pip's own temporary folder: a compiled file names its source there, and pip moves it afterwards.
_PATH_OF_PIP = 36
#: pip lists each compiled file in ``RECORD``, without hash and size.
_REST_OF_ROW = len(",,\r\n")


def sources_of(tree: Path) -> Iterator[tuple[Path, str]]:
    """Yield the Python files of *tree*, and where an installer puts each: ``bin/run.py``."""
    for name, target in TARGET_FOLDERS.items():
        folder = tree / name
        for parent, folders, names in os.walk(folder):
            folders[:] = sorted(each for each in folders if each != bytecode.FOLDER)
            for file in (Path(parent, each) for each in sorted(names) if each.endswith(".py")):
                yield file, target + file.relative_to(folder).as_posix()


def bytes_by_pip(sizes: Mapping[str, int], tag: str) -> int:
    """Return the bytes that ``pip install --target`` adds by compiling: the files and their rows in ``RECORD``.

    *sizes* has the bytes of the compiled file of each source, with the path below the folder as the name of the source.
    """
    rows = (len(compiled_path(path, tag)) + _REST_OF_ROW for path, size in sizes.items() if size)
    return sum(sizes.values()) + sum(row + _PATH_OF_PIP for row in rows)


def compiled_path(path: str, tag: str) -> str:
    """Return the path of the compiled file of the source *path*."""
    folder, slash, name = path.removesuffix(".py").rpartition("/")
    return f"{folder}{slash}{bytecode.FOLDER}/{name}.{tag}.pyc"


def read_sizes(tree: Path, tag: str) -> Mapping[str, int] | None:
    """Return the bytes of the compiled file of each source in *tree*, ``None`` where they are not known."""
    with suppress(ValueError, TypeError, AttributeError):
        content = cachefile.read(_list_file(tree, tag))
        if content is not None:
            return {str(path): int(size) for path, size in json.loads(content).items()}
    return None


def write_sizes(tree: Path, tag: str, sizes: Mapping[str, int], scratch: Path) -> None:
    """Keep *sizes* if that is possible; *scratch* is a folder on the same file system."""
    cachefile.write(_list_file(tree, tag), json.dumps(sizes, separators=(",", ":")).encode(), scratch)


def _list_file(tree: Path, tag: str) -> Path:
    return tree / f"sizes-{tag}"
