"""Wheels by hash: fetched, checked, unpacked once, and removed when nobody has used them for long."""

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
from minreq.wheels import compiled, rules
from minreq.wheels.rules import Remark
from minreq.wheels.unpacking import record_of, unpack

_CHUNK = 1 << 20

#: Beside what a wheel installs: what there is to say about it.
_REMARKS = "remarks.json"

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

    def __init__(
        self,
        folder: Path,
        source: Source,
        *,
        fetched: Callable[[str, int], None] | None = None,
        allow_pth: Iterable[NormalizedName] = (),
        remarked: Callable[[str], None] | None = None,
    ) -> None:
        self._folder = folder
        #: Distributions whose start-up files are kept. Nothing here ever runs them.
        self._allow_pth = frozenset(allow_pth)
        #: Told each remark about a wheel once, as a sentence.
        self._remarked = remarked or (lambda _sentence: None)
        self._told: set[str] = set()
        #: Trees that were found to be whole.
        self._whole: set[Path] = set()
        #: Each distribution lies here, in ``SHA-256/lib``.
        self.unpacked_folder = folder / "unpacked"
        #: On the same file system: a rename or a link out of here copies nothing.
        self.scratch_folder = folder / "unfinished"
        temporary.sweep(self.scratch_folder)
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
            self._remove_damage(final)
            if not final.exists():
                archive = self._verified(wheel, archive)
                made = self._temporary_folder()
                unfinished = made.path
                try:
                    allowed = wheel.name in self._allow_pth
                    remarks = unpack(archive, unfinished, metadata_sha256=wheel.metadata_sha256, allow_pth=allowed)
                    (unfinished / _REMARKS).write_text(json.dumps([asdict(each) for each in remarks]), "utf-8")
                    final.parent.mkdir(parents=True, exist_ok=True)
                    unfinished.replace(final)
                except OSError as error:
                    raise StoreUnwritable(self._folder, error.strerror or str(error)) from error
                finally:
                    made.remove()
            _mark_as_used(final)
        self._judge(wheel, final)
        return final / "lib"

    def _remove_damage(self, tree: Path) -> None:
        """Remove *tree* where it is not whole, and compiled files of it that are not as they were made."""
        try:
            if tree.exists() and not self._is_whole(tree):
                shutil.rmtree(tree)
        except OSError as error:
            raise StoreUnwritable(self._folder, error.strerror or str(error)) from error

    def _verified(self, wheel: Wheel, archive: Path) -> Path:
        """Return the archive, fetched again where something damaged it since."""
        if sha256(archive) != wheel.sha256:
            archive.unlink()
            return self.archive(wheel)
        return archive

    def _is_whole(self, tree: Path) -> bool:
        """Whether the files of an unpacked wheel are as long as RECORD says; looked at once for each tree.

        That finds what a full disk or a crash leaves. To hash them all would take longer than many a lock.
        """
        if tree not in self._whole:
            lib = tree / "lib"
            rows = record_of(lib)
            try:
                whole = (
                    bool(rows)
                    and all(
                        # A root may have five thousand files: paths would be most of the time.
                        os.stat(f"{lib}/{path}").st_size == int(size)  # noqa: PTH116
                        for path, _, size in rows
                        if size and path[:3] != "../"
                    )
                )
            except (OSError, ValueError):
                whole = False
            if not whole:
                return False
            compiled.remove_what_nobody_vouches_for(tree)
            self._whole.add(tree)
        return True

    def _judge(self, wheel: Wheel, final: Path) -> None:
        """Tell the remarks about *wheel*; raise ``HostileWheel`` where one of them is not allowed.

        What is in the store was unpacked for another lock, perhaps, with other permissions.
        """
        file = final / _REMARKS
        remarks = [Remark(**each) for each in json.loads(file.read_text("utf-8"))] if file.exists() else []
        if wheel.name not in self._allow_pth:
            rules.check_start_up(wheel.filename, wheel.name, remarks)
        for remark in remarks:
            sentence = f"{wheel.filename} has {remark.path}: {remark.sentence}"
            if sentence not in self._told:
                self._told.add(sentence)
                self._remarked(sentence)

    def _archive(self, wheel: Wheel | Sdist) -> Path:
        digest = str(wheel.sha256)
        return self._folder / "wheels" / digest[:2] / digest / wheel.filename

    def _fetch(self, wheel: Wheel | Sdist, final: Path) -> None:
        made = self._temporary_folder()
        try:
            partial = made.path / wheel.filename
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
            made.remove()

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
            grave = TemporaryFolder(_made(folder / "unfinished"))
            stored.replace(grave.path / stored.name)
    except Timeout:
        return 0
    freed = _removed(grave.path)
    grave.release()
    return freed


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
