"""Put the source of a build into a folder: from a source distribution, or from the folder of a project."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

#: A source distribution with more files, or more unpacked bytes, is refused.
_MAX_FILES = 200_000
_MAX_BYTES = 4 << 30

#: What reading an archive of unknown origin raises.
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError),
    *(OSError, ValueError, KeyError, RuntimeError, NotImplementedError),
)


class SourceRefused(Exception):
    """The source cannot be unpacked; the text is the reason."""


def unpack_source(archive: Path, folder: Path) -> Path:
    """Unpack the source distribution *archive* into the new *folder*; return the folder of the project in it.

    Nothing is written outside of *folder*, and no link leads out of it. Raises `SourceRefused`.
    """
    folder.mkdir()
    try:
        if archive.name.endswith(".zip"):
            _unpack_zip(archive, folder)
        else:
            _unpack_tar(archive, folder)
    except _UNREADABLE as error:
        # tarfile adds a line for each method that it tried.
        problem, *_ = str(error).splitlines() or [type(error).__name__]
        raise SourceRefused(f"the archive cannot be unpacked: {problem.removesuffix(':')}") from error
    inside = [*folder.iterdir()]
    return inside[0] if len(inside) == 1 and inside[0].is_dir() and not inside[0].is_symlink() else folder


def copy_project(project: Path, folder: Path) -> Path:
    """Copy the folder *project*, without environments and caches; return *folder*. Raises `SourceRefused`."""
    try:
        shutil.copytree(project, folder, symlinks=True, ignore=_ignored_names)
    except (OSError, shutil.Error) as error:
        raise SourceRefused(f"the folder cannot be copied: {error}") from error
    return folder


def _ignored_names(folder: str, names: list[str]) -> set[str]:
    environments = {name for name in names if Path(folder, name, "pyvenv.cfg").is_file()}
    return environments | ({"__pycache__", ".tox", ".nox", "node_modules"} & {*names})


def _unpack_tar(archive: Path, folder: Path) -> None:
    if not hasattr(tarfile, "data_filter"):
        raise SourceRefused("this Python cannot unpack archives safely; use 3.10.12, 3.11.4 or newer")
    with tarfile.open(archive) as file:
        _check_sizes(member.size for member in file)
        file.extractall(folder, filter="data")


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        _check_sizes(member.file_size for member in file.infolist())
        # It leaves out `..` and leading slashes, and makes no links.
        file.extractall(folder)  # noqa: S202


def _check_sizes(sizes: Iterable[int]) -> None:
    total = 0
    for number, size in enumerate(sizes, start=1):
        total += size
        if number > _MAX_FILES or total > _MAX_BYTES:
            raise SourceRefused(f"it unpacks to more than {_MAX_FILES:,} files or {_MAX_BYTES:,} bytes")
