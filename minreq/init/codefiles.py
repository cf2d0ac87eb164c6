"""Lists the files of a project's own code."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

#: Folders that hold no code of the project.
_NO_CODE = frozenset({"node_modules", "cdk.out", "site-packages", "build", "dist"})


def list_code_files(folder: Path, suffixes: Collection[str], most: int) -> Iterator[Path]:
    """Yield at most *most* files below *folder* whose names end with one of *suffixes*, the outermost first.

    Hidden files and folders, symbolic links and virtual environments are left out.
    """
    waiting, count = [folder], 0
    while waiting:
        with suppress(OSError):
            for path in sorted(waiting.pop(0).iterdir()):
                if path.is_symlink() or path.name in _NO_CODE or path.name.startswith("."):
                    continue
                if path.is_dir() and not (path / "pyvenv.cfg").exists():
                    waiting.append(path)
                elif path.suffix in suffixes and path.is_file():
                    if count == most:
                        return
                    count += 1
                    yield path
