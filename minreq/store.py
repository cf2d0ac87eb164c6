"""Wheels by hash: fetched, checked, looked into, unpacked once; the only place that knows how a wheel is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from filelock import FileLock, Timeout
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.sources import WheelFile

from minreq.errors import BrokenWheel, HashMismatch, HashMissing, HostileWheel, StoreUnwritable
from minreq.model import Sdist, Wheel

#: Files at the root of a wheel that Python runs at start-up, without any import (``site`` in the standard library).
START_UP_FILES = frozenset({"sitecustomize.py", "usercustomize.py"})

_CHUNK = 1 << 20

_DAY = 24 * 60 * 60
#: Seconds after which nobody will finish what lies there: no run takes that long.
_LEFTOVER_AGE = _DAY
#: Seconds after which something that was not used is removed.
_UNUSED_AGE = 30 * _DAY


class Source(Protocol):
    """Where the bytes of a wheel come from."""

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the archive to *to*; the store checks the hash."""


class Store:
    """A folder of archives and of their unpacked trees, both named by the archive's SHA-256.

    Several processes may use one store at once: what has its final name is complete.
    """

    def __init__(self, folder: Path, source: Source, *, fetched: Callable[[str, int], None] | None = None) -> None:
        self._folder = folder
        #: Each distribution lies here, in ``SHA-256/lib``.
        self.unpacked_folder = folder / "unpacked"
        #: On the same file system: a rename or a link out of here copies nothing.
        self.scratch_folder = folder / "unfinished"
        self._source = source
        self._fetched = fetched or (lambda _filename, _size: None)

    def archive(self, wheel: Wheel | Sdist) -> Path:
        """Return the path of the wheel's archive, fetched if need be; its hash has been checked.

        Raises ``HashMismatch``, ``HashMissing``, ``StoreUnwritable``, and what the source raises.
        """
        if wheel.sha256 is None:
            raise HashMissing(wheel.filename)
        final = self._archive(wheel)
        with self._lock(wheel.sha256):
            if not final.exists():
                self._fetch(wheel, final)
            _mark_as_used(final.parent)
        return final

    def holds(self, wheel: Wheel | Sdist) -> bool:
        """Whether the archive is here, so that no source is asked for it."""
        return wheel.sha256 is not None and self._archive(wheel).exists()

    def unpacked(self, wheel: Wheel) -> Path:
        """Return the folder that holds what the wheel installs into ``site-packages``, unpacking it if need be.

        ``purelib`` and ``platlib`` are one folder; scripts, headers and data of the wheel go beside it.
        Raises ``HostileWheel``, ``BrokenWheel``, and what `archive` raises.
        """
        archive = self.archive(wheel)
        final = self.unpacked_folder / str(wheel.sha256)
        with self._lock(f"{wheel.sha256}-unpacked"):
            if not final.exists():
                unfinished = self._temporary_folder()
                try:
                    unpack(archive, unfinished)
                    final.parent.mkdir(parents=True, exist_ok=True)
                    unfinished.replace(final)
                finally:
                    shutil.rmtree(unfinished, ignore_errors=True)
            _mark_as_used(final)
        return final / "lib"

    def _archive(self, wheel: Wheel | Sdist) -> Path:
        digest = str(wheel.sha256)
        return self._folder / "wheels" / digest[:2] / digest / wheel.filename

    def _fetch(self, wheel: Wheel | Sdist, final: Path) -> None:
        unfinished = self._temporary_folder()
        try:
            partial = unfinished / wheel.filename
            with partial.open("wb") as file:
                self._source.download(wheel, file)
            found = sha256(partial)
            if found != wheel.sha256:
                raise HashMismatch(wheel.filename, str(wheel.sha256), found)
            self._fetched(wheel.filename, partial.stat().st_size)
            final.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(final)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def _temporary_folder(self) -> Path:
        try:
            self.scratch_folder.mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(dir=self.scratch_folder))
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error

    def _lock(self, name: str) -> FileLock:
        try:
            return _lock(self._folder, name)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error


def prune(folder: Path) -> int:
    """Remove from the store *folder* what nobody will miss; return the bytes that were freed.

    That is what was left unfinished more than a day ago, and archives and unpacked trees that were not used for 30
    days. The time of last use is the modification time of the folder that bears the hash: the store sets it at every
    use, since file systems need not record access. What another process has locked is in use. Raises
    ``StoreUnwritable``.
    """
    now = time.time()
    try:
        freed = sum(
            _removed(leftover)
            for leftover in _children(folder / "unfinished")
            if now - leftover.lstat().st_mtime > _LEFTOVER_AGE
        )
        for tree in _children(folder / "unpacked"):
            freed += _withdrawn(folder, tree, f"{tree.name}-unpacked", now)
        for group in _children(folder / "wheels"):
            for archive in _children(group):
                freed += _withdrawn(folder, archive, archive.name, now)
    except OSError as error:
        raise StoreUnwritable(folder, error.strerror or str(error)) from error
    return freed


def _withdrawn(folder: Path, stored: Path, name: str, now: float) -> int:
    """Remove *stored*, an archive or a tree with the lock *name*, if it has not been used lately; return its bytes."""
    if now - stored.stat().st_mtime <= _UNUSED_AGE:
        return 0
    try:
        with _lock(folder, name).acquire(blocking=False):
            # It may have been used, or removed by another, before the lock was ours.
            if not stored.exists() or now - stored.stat().st_mtime <= _UNUSED_AGE:
                return 0
            # What has its final name is complete, also while it goes.
            grave = Path(tempfile.mkdtemp(dir=_made(folder / "unfinished")))
            stored.replace(grave / stored.name)
    except Timeout:
        return 0
    return _removed(grave)


def _removed(path: Path) -> int:
    """Remove *path* and return the bytes that this frees: a file with another link stays."""
    if path.is_symlink() or path.is_file():
        status = path.lstat()
        path.unlink(missing_ok=True)
        return status.st_size if status.st_nlink == 1 else 0
    files = (each.lstat() for each in path.rglob("*") if each.is_file() and not each.is_symlink())
    size = sum(status.st_size for status in files if status.st_nlink == 1)
    shutil.rmtree(path, ignore_errors=True)
    return size


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _mark_as_used(path: Path) -> None:
    # A store that can only be read is not pruned either.
    with suppress(OSError):
        os.utime(path)


def _lock(folder: Path, name: str) -> FileLock:
    return FileLock(_made(folder / "locks") / name)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sha256(file: Path) -> str:
    """Return the hex SHA-256 of *file*."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack the wheel *archive* below *folder*: ``lib`` for modules and metadata, ``bin``, ``include``, ``data``.

    Nothing of it is run and nothing compiled. Follows the binary distribution format, which wants RECORD checked.
    """
    schemes = {
        "purelib": str(folder / "lib"),
        "platlib": str(folder / "lib"),
        "scripts": str(folder / "bin"),
        "headers": str(folder / "include"),
        "data": str(folder / "data"),
    }
    (folder / "lib").mkdir()
    destination = SchemeDictionaryDestination(schemes, interpreter="python", script_kind="posix")
    try:
        with zipfile.ZipFile(archive) as file, warnings.catch_warnings():
            look_into(archive.name, file.namelist())
            warnings.simplefilter("ignore", RuntimeWarning)  # Compiled files in a wheel are skipped, which is right.
            source = WheelFile(file)
            source.validate_record(validate_contents=False)  # The archive's own hash covers the contents.
            install(source, destination, additional_metadata={})
    except (zipfile.BadZipFile, InstallerError, ValueError, KeyError, EOFError) as error:
        raise BrokenWheel(archive.name, str(error)) from error


def look_into(filename: str, paths: Iterable[str]) -> None:
    """Refuse a wheel that would run code at every start of Python, before anything of it is unpacked.

    Raises ``HostileWheel`` with the file and the rule.
    """
    for path in paths:
        name = _installed_path(path)
        if name in START_UP_FILES:
            raise HostileWheel(filename, path, "it runs at every start of Python, without any import")
        if "/" not in name and name.endswith(".pth"):
            raise HostileWheel(filename, path, "lines of a .pth file run at every start of Python, without any import")


def _installed_path(path: str) -> str:
    """Return where *path* of a wheel lands in ``site-packages``: ``x-1.data/purelib/y`` is ``y``."""
    first, _, rest = path.partition("/")
    if first.endswith(".data") and rest.startswith(("purelib/", "platlib/")):
        return rest.partition("/")[2]
    return path
