"""Read the files of a tree: from a folder, or from a zip without unpacking it."""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from minreq.errors import TreeUnreadable
from minreq.system import regularfile, zipfiles


class Container(Protocol):
    """Files by their relative path with ``/``."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The unpacked bytes of each file, sorted by path. Links do not count as files."""

    def read(self, path: str) -> bytes:
        """Return the contents of a file; raises `TreeUnreadable`."""


@contextmanager
def open_container(path: Path) -> Iterator[Container]:
    """Open a folder, a wheel or any other zip; raises `TreeUnreadable`."""
    if path.is_dir():
        yield Folder(path)
        return
    with ExitStack() as stack:
        yield Zip(path, _open_zip(path, stack))


def _open_zip(path: Path, stack: ExitStack) -> zipfile.ZipFile:
    try:
        return stack.enter_context(zipfiles.open_archive(path))
    except zipfiles.ArchiveRefused as refused:
        raise TreeUnreadable(path, f"{refused.path}: {refused.why}") from None
    except zipfiles.READ_ERRORS as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise TreeUnreadable(path, f"{why}; name a folder, a virtual environment, a wheel or a zip") from error


class Folder:
    """A folder on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.sizes: Mapping[str, int] = dict(sorted(self._walk()))

    def _walk(self) -> Iterator[tuple[str, int]]:
        for parent, folders, names in os.walk(self._folder, onerror=self._raise_unreadable):
            # Links are not followed: their target is counted in its own place, or is not part of the tree.
            folders[:] = [each for each in folders if not os.path.islink(os.path.join(parent, each))]  # noqa: PTH114, PTH118 - Some ten thousand files.
            inside = Path(parent).relative_to(self._folder)
            for name in names:
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - As above.
                if stat.S_ISREG(status.st_mode):
                    yield (inside / name).as_posix(), status.st_size

    def _raise_unreadable(self, error: OSError) -> None:
        raise TreeUnreadable(self._folder, error.strerror or str(error)) from error

    def read(self, path: str) -> bytes:
        """Return the contents of a file; raises `TreeUnreadable`."""
        try:
            return regularfile.read_whole(self._folder / path)
        except OSError as error:
            raise TreeUnreadable(self._folder / path, error.strerror or str(error)) from error


class Zip:
    """A zip archive."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path = path
        self._archive = archive
        self.sizes: Mapping[str, int] = {
            info.filename: info.file_size
            for info in sorted(archive.infolist(), key=lambda info: info.filename)
            if not info.is_dir()
        }

    def read(self, path: str) -> bytes:
        """Return the contents of a file; raises `TreeUnreadable`."""
        try:
            return self._archive.read(path)
        except zipfiles.READ_ERRORS as error:
            raise TreeUnreadable(self._path, f"{path}: {error}") from error
