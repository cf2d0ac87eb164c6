"""Read the files of a tree: from a folder, or from a zip without unpacking it."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from minreq.errors import TreeUnreadable
from minreq.system import regularfile, zipfiles

#: Bytes of a file of metadata, as for wheels, and of what is unpacked in memory.
_MAX_METADATA = 64 << 20


class Container(Protocol):
    """Files by their relative path with ``/``."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The unpacked bytes of each file, sorted by path. Links do not count as files."""

    def read(self, path: str) -> bytes:
        """Return the contents of a file of metadata; raises `TreeUnreadable`, also for one that is too large."""

    def open(self, path: str) -> AbstractContextManager[BinaryIO]:
        """Open a file, of any size, to read and to seek; raises `TreeUnreadable`."""


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
            # Not by `Path.relative_to`, which takes the cube of the depth.
            inside = parent[len(str(self._folder)) :].lstrip("/")
            for name in names:
                status = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - As above.
                if stat.S_ISREG(status.st_mode):
                    yield f"{inside}/{name}" if inside else name, status.st_size

    def _raise_unreadable(self, error: OSError) -> None:
        raise TreeUnreadable(self._folder, error.strerror or str(error)) from error

    def read(self, path: str) -> bytes:
        """Return the contents of a file; raises `TreeUnreadable`."""
        _check_size(self._folder / path, self.sizes[path])
        with self.open(path) as stream:
            return stream.read(_MAX_METADATA)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Open a file; raises `TreeUnreadable`."""
        try:
            with regularfile.open_stream(self._folder / path) as stream:
                yield stream
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
        _check_size(self._path / path, self.sizes[path])
        with self.open(path) as stream:
            return stream.read(_MAX_METADATA)

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """Unpack a file, a large one on disk, and open it; raises `TreeUnreadable`."""
        try:
            with self._archive.open(path) as packed, tempfile.SpooledTemporaryFile(_MAX_METADATA) as unpacked:
                shutil.copyfileobj(packed, unpacked)
                unpacked.seek(0)
                yield cast("BinaryIO", unpacked)
        except zipfiles.READ_ERRORS as error:
            raise TreeUnreadable(self._path, f"{path}: {error}") from error


def _check_size(path: Path, size: int) -> None:
    if size > _MAX_METADATA:
        raise TreeUnreadable(path, f"it has {size:,} bytes, more than any metadata")
