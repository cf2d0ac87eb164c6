"""Store wheels by hash: fetch them, check them, unpack them once, and remove those that are no longer used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Protocol

from filelock import FileLock, Timeout
from packaging.utils import NormalizedName

from minreq.errors import HashMismatch, HashMissing, StoreUnwritable
from minreq.model import Sdist, Wheel
from minreq.system import temporary
from minreq.system.temporary import TemporaryFolder
from minreq.wheels import bytecode, rules
from minreq.wheels.rules import WheelNotice
from minreq.wheels.unpacking import read_record, unpack

_CHUNK = 1 << 20

#: The file with the notices on a wheel, beside its unpacked files.
_NOTICES = "remarks.json"

_DAY = 24 * 60 * 60
#: Seconds after which a leftover is removed: no run takes that long to finish it.
_LEFTOVER_AGE = _DAY
#: Seconds after which an unused archive or tree is removed.
_UNUSED_AGE = 30 * _DAY


class Downloader(Protocol):
    """Downloads archives."""

    def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
        """Write the archive to *to*; the store checks the hash."""


class Store:
    """A folder of archives and of their unpacked trees, both named by the archive's SHA-256.

    Several processes may use one store at the same time: a file or folder with its final name is complete.
    """

    def __init__(
        self,
        folder: Path,
        source: Downloader,
        *,
        on_fetched: Callable[[str, int], None] | None = None,
        allow_pth: Iterable[NormalizedName] = (),
        on_notice: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = folder
        #: Distributions whose start-up files are kept. The store never runs them.
        self._allow_pth = frozenset(allow_pth)
        #: Called once for each notice on a wheel, with a sentence.
        self._on_notice = on_notice or (lambda _sentence: None)
        self._reported: set[str] = set()
        #: Trees that this store has checked to be complete.
        self._complete_trees: set[Path] = set()
        #: Contains each distribution as ``SHA-256/lib``.
        self.unpacked_folder = folder / "unpacked"
        #: On the file system of the store, so that files can be moved or linked from here without a copy.
        self.scratch_folder = folder / "unfinished"
        temporary.remove_abandoned(self.scratch_folder)
        self._source = source
        self._on_fetched = on_fetched or (lambda _filename, _size: None)

    def fetch(self, wheel: Wheel | Sdist) -> Path:
        """Return the path of the archive, and download it if the store does not hold it. Its hash is checked.

        Raises ``HashMismatch``, ``HashMissing``, ``StoreUnwritable``, and the errors of the download.
        """
        if wheel.sha256 is None:
            raise HashMissing(wheel.filename)
        final = self._archive_path(wheel)
        with self._lock(wheel.sha256):
            if not final.exists():
                self._download(wheel, final)
            _mark_as_used(final.parent)
        return final

    def holds(self, wheel: Wheel | Sdist) -> bool:
        """Whether the store has the archive, so that it is not downloaded."""
        return wheel.sha256 is not None and self._archive_path(wheel).exists()

    def unpack(self, wheel: Wheel) -> Path:
        """Return the folder with the files that the wheel installs into ``site-packages``; unpack it if needed.

        Raises ``HostileWheel`` for a start-up file that is not allowed, and the errors of `unpack_tree`.
        """
        tree = self.unpack_tree(wheel)
        self._report_notices(wheel, tree)
        return tree / "lib"

    def unpack_tree(self, wheel: Wheel) -> Path:
        """Return the folder of all files of the wheel: ``lib``, ``bin``, ``data``, ``include``; unpack it if needed.

        ``purelib`` and ``platlib`` share ``lib``. Start-up files are unpacked whether they are allowed or not. Raises
        ``HostileWheel``, ``BrokenWheel``, and the errors of `fetch`.
        """
        archive = self.fetch(wheel)
        final = self.unpacked_folder / str(wheel.sha256)
        with self._lock(f"{wheel.sha256}-unpacked"):
            self._remove_damaged_files(final)
            if not final.exists():
                archive = self._refetch_if_damaged(wheel, archive)
                temporary_folder = self._temporary_folder()
                unfinished = temporary_folder.path
                try:
                    notices = unpack(archive, unfinished, metadata_sha256=wheel.metadata_sha256)
                    (unfinished / _NOTICES).write_text(json.dumps([asdict(each) for each in notices]), "utf-8")
                    final.parent.mkdir(parents=True, exist_ok=True)
                    unfinished.replace(final)
                except OSError as error:
                    raise StoreUnwritable(self._folder, error.strerror or str(error)) from error
                finally:
                    temporary_folder.remove()
            _mark_as_used(final)
        return final

    def allows_start_up(self, wheel: Wheel) -> bool:
        """Whether the start-up files of *wheel* may run."""
        return wheel.name in self._allow_pth

    def _remove_damaged_files(self, tree: Path) -> None:
        """Remove *tree* if it is not complete, else its compiled files that cannot be trusted."""
        try:
            if tree.exists() and not self._is_complete(tree):
                shutil.rmtree(tree)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error

    def _refetch_if_damaged(self, wheel: Wheel, archive: Path) -> Path:
        """Return the archive; download it again if it was damaged in the store."""
        if sha256(archive) != wheel.sha256:
            archive.unlink()
            return self.fetch(wheel)
        return archive

    def _is_complete(self, tree: Path) -> bool:
        """Whether all files of an unpacked wheel have the size in RECORD; each tree is checked once.

        This finds what a full disk or a crash leaves. Hashing all files would take longer than many locks. Compiled
        files are not in RECORD: those that cannot be trusted are removed.
        """
        if tree not in self._complete_trees:
            lib = tree / "lib"
            rows = read_record(lib)
            try:
                complete = (
                    bool(rows)
                    and all(
                        # A root may have five thousand files: Path objects would take most of the time.
                        os.stat(f"{lib}/{path}").st_size == int(size)  # noqa: PTH116
                        for path, _, size in rows
                        if size and path[:3] != "../"
                    )
                )
            except (OSError, ValueError):
                complete = False
            if not complete:
                return False
            bytecode.remove_untrusted_bytecode(tree)
            self._complete_trees.add(tree)
        return True

    def _report_notices(self, wheel: Wheel, final: Path) -> None:
        """Report the notices on *wheel*; raise ``HostileWheel`` when one of them is not allowed.

        The wheel may have been unpacked for another lock, which allowed more.
        """
        file = final / _NOTICES
        notices = [WheelNotice(**each) for each in json.loads(file.read_text("utf-8"))] if file.exists() else []
        if not self.allows_start_up(wheel):
            rules.check_start_up(wheel.filename, wheel.name, notices)
        for notice in notices:
            sentence = f"{wheel.filename} has {notice.path}: {notice.sentence}"
            if sentence not in self._reported:
                self._reported.add(sentence)
                self._on_notice(sentence)

    def _archive_path(self, wheel: Wheel | Sdist) -> Path:
        digest = str(wheel.sha256)
        return self._folder / "wheels" / digest[:2] / digest / wheel.filename

    def _download(self, wheel: Wheel | Sdist, final: Path) -> None:
        temporary_folder = self._temporary_folder()
        try:
            partial = temporary_folder.path / wheel.filename
            with partial.open("wb") as file:
                self._source.download(wheel, file)
            found = sha256(partial)
            if found != wheel.sha256:
                raise HashMismatch(wheel.filename, str(wheel.sha256), found)
            self._on_fetched(wheel.filename, partial.stat().st_size)
            final.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(final)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error
        finally:
            temporary_folder.remove()

    def _temporary_folder(self) -> TemporaryFolder:
        try:
            self.scratch_folder.mkdir(parents=True, exist_ok=True)
            return TemporaryFolder(self.scratch_folder)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        try:
            lock = _lock(self._folder, name)
            lock.acquire()
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error
        try:
            yield
        finally:
            lock.release()


def prune(folder: Path) -> int:
    """Remove unused files from the store *folder*; return the freed bytes.

    These are leftovers older than a day, and archives and unpacked trees that were not used for 30 days. The time of
    last use is the modification time of the folder that is named by the hash: the store sets it at every use, since
    file systems need not record access. What another process has locked is in use. Raises ``StoreUnwritable``.
    """
    now = time.time()
    try:
        freed = sum(
            _remove(leftover)
            for leftover in _children(folder / "unfinished")
            if now - leftover.lstat().st_mtime > _LEFTOVER_AGE
        )
        for tree in _children(folder / "unpacked"):
            freed += _remove_unused(folder, tree, f"{tree.name}-unpacked", now)
        for group in _children(folder / "wheels"):
            for archive in _children(group):
                freed += _remove_unused(folder, archive, archive.name, now)
    except OSError as error:
        raise StoreUnwritable(folder, error.strerror or str(error)) from error
    return freed


def _remove_unused(folder: Path, stored: Path, name: str, now: float) -> int:
    """Remove *stored*, an archive or a tree with the lock *name*, if it has not been used lately; return its bytes."""
    if now - stored.stat().st_mtime <= _UNUSED_AGE:
        return 0
    try:
        with _lock(folder, name).acquire(blocking=False):
            # Another process may have used or removed it before this one got the lock.
            if not stored.exists() or now - stored.stat().st_mtime <= _UNUSED_AGE:
                return 0
            # Moved away first, so that what has its final name is complete during the removal too.
            removal = TemporaryFolder(_make_folder(folder / "unfinished"))
            stored.replace(removal.path / stored.name)
    except Timeout:
        return 0
    freed = _remove(removal.path)
    removal.release()
    return freed


def _remove(path: Path) -> int:
    """Remove *path* and return the freed bytes: a file with another hard link frees none."""
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
    # A read-only store is not pruned either.
    with suppress(OSError):
        os.utime(path)


def _lock(folder: Path, name: str) -> FileLock:
    return FileLock(_make_folder(folder / "locks") / name)


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sha256(file: Path) -> str:
    """Return the hex SHA-256 of *file*."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
