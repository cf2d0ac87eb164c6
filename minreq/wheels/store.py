"""Store wheels by hash: fetch them, check them, unpack them once, and remove those that are no longer used."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from packaging.utils import NormalizedName

from minreq.errors import HashMismatch, HashMissing, StoreChanged, StoreUnwritable
from minreq.model import Sdist, Wheel
from minreq.system import regularfile, temporary
from minreq.system.temporary import TemporaryFolder
from minreq.wheels import bytecode, rules, storedtree
from minreq.wheels.bytecode import BytecodeRecord
from minreq.wheels.rules import WheelNotice
from minreq.wheels.storedtree import CheckedTrees as CheckedTrees, TreeDamaged, TreeIndex  # noqa: PLC0414 # Re-exported.
from minreq.wheels.unpacking import hash_files, unpack

if TYPE_CHECKING:
    from filelock import FileLock

_LOG = logging.getLogger(__name__)

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

    What is stored is used only after a check: an archive has its hash, and a tree has the files of its archive. With
    *check_all* each file of a tree is hashed, without it those that changed since the last check; see `storedtree`.
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
        on_damage: Callable[[str], None] | None = None,
        check_all: bool = False,
        trees: CheckedTrees | None = None,
    ) -> None:
        self.folder = folder
        #: Distributions whose start-up files are kept. The store never runs them.
        self._allow_pth = frozenset(allow_pth)
        #: Called once for each notice on a wheel, with a sentence.
        self._on_notice = on_notice or (lambda _sentence: None)
        #: Called with a sentence when something in the store was damaged and is made anew.
        self._on_damage = on_damage or (lambda _sentence: None)
        self._check_all = check_all
        self._reported: set[str] = set()
        #: Other stores of this process may have checked some of them before.
        self._trees = CheckedTrees() if trees is None else trees
        self._notices: dict[Path, tuple[WheelNotice, ...]] = {}
        #: Contains each distribution as ``SHA-256/lib``.
        self.unpacked_folder = folder / "unpacked"
        #: On the file system of the store, so that files can be moved or linked from here without a copy.
        self.scratch_folder = folder / "unfinished"
        temporary.remove_abandoned(self.scratch_folder)
        self._source = source
        self._on_fetched = on_fetched or (lambda _filename, _size: None)

    def fetch(self, wheel: Wheel | Sdist) -> Path:
        """Return the path of the archive; download it if the store does not hold it with its hash.

        Raises ``HashMismatch``, ``HashMissing``, ``StoreUnwritable``, and the errors of the download.
        """
        if wheel.sha256 is None:
            raise HashMissing(wheel.filename)
        final = self._archive_path(wheel)
        with self._lock(wheel.sha256):
            if not self._has_archive(wheel, final):
                self._download(wheel, final)
            _mark_as_used(final.parent)
        return final

    def holds(self, wheel: Wheel | Sdist) -> bool:
        """Whether the store has the archive, so that it is not downloaded."""
        return wheel.sha256 is not None and regularfile.is_regular(self._archive_path(wheel))

    def holds_intact(self, wheel: Wheel | Sdist) -> bool:
        """Whether the store has the archive with its hash; anything else in its place is removed.

        For files of a lock, which have no URL to download them from. Raises ``StoreUnwritable``.
        """
        if wheel.sha256 is None:
            return False
        with self._lock(wheel.sha256):
            return self._has_archive(wheel, self._archive_path(wheel))

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
        if wheel.sha256 is None:
            raise HashMissing(wheel.filename)
        tree = self.unpacked_folder / wheel.sha256
        if tree in self._trees and tree.is_dir():
            return tree
        with self._lock(f"{wheel.sha256}-unpacked"):
            try:
                index = self._check_stored_tree(wheel, tree)
            except OSError as error:
                raise self._unwritable(error) from error
            self._trees.add(tree, index or self._unpack_anew(wheel, tree))
            _mark_as_used(tree)
            _mark_as_used(self._archive_path(wheel).parent)
        return tree

    def allows_start_up(self, wheel: Wheel) -> bool:
        """Whether the start-up files of *wheel* may run."""
        return wheel.name in self._allow_pth

    def record_bytecode(self, tree: Path, path: str, record: BytecodeRecord) -> None:
        """Record that the compiler of this process made the file *path* below *tree*. Raises ``OSError``."""
        bytecode.write_record(tree, path, record)
        self._trees.add_record(tree, path, record)

    def check_unchanged(self) -> None:
        """Check that no run changed a tree, where nothing but hooks of Python keeps it from that.

        Bytecode that another process than this one wrote is removed. Raises ``StoreChanged``.
        """
        try:
            self._trees.check_again()
        except TreeDamaged as error:
            raise StoreChanged(self.folder, str(error)) from error
        except OSError as error:
            raise self._unwritable(error) from error

    def find_other_writers(self) -> str:
        """Return a sentence where other users can write into the store or the folder around it, else ""."""
        for folder in (self.folder.parent, self.folder):
            with suppress(OSError):
                status = folder.stat()
                if status.st_uid not in {os.geteuid(), 0}:
                    return f"the cache folder {folder} belongs to another user, who can change what minreq runs"
                if status.st_mode & stat.S_IWOTH:
                    return f"all users can write into the cache folder {folder}, and change what minreq runs"
        return ""

    def _check_stored_tree(self, wheel: Wheel, tree: Path) -> TreeIndex | None:
        """Return the index of *tree*; remove the tree and return ``None`` where it has not the files of its archive."""
        if not os.path.lexists(tree):
            return None
        known = expected = None if self._check_all else storedtree.read_index(tree)
        if expected is None or expected.archive != storedtree.file_status(self._archive_path(wheel)):
            archive = self.fetch(wheel)
            expected = expected or TreeIndex(hashes=hash_files(archive))
            expected = replace(expected, archive=storedtree.file_status(archive))
        try:
            index = storedtree.check_tree(tree, expected)
        except TreeDamaged as error:
            self._on_damage(f"{wheel.filename} was damaged in the store and is unpacked again: {error}")
            regularfile.remove_any(tree)
            return None
        if index != known:
            storedtree.write_index(tree, index, self.scratch_folder)
        return index

    def _unpack_anew(self, wheel: Wheel, tree: Path) -> TreeIndex:
        archive = self.fetch(wheel)
        temporary_folder = self._temporary_folder()
        unfinished = temporary_folder.path
        try:
            hashes = unpack(archive, unfinished, metadata_sha256=wheel.metadata_sha256)
            index = storedtree.read_statuses(unfinished, hashes, archive)
            storedtree.write_index(unfinished, index, self.scratch_folder)
            tree.parent.mkdir(parents=True, exist_ok=True)
            unfinished.replace(tree)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            temporary_folder.remove()
        return index

    def _has_archive(self, wheel: Wheel | Sdist, archive: Path) -> bool:
        """Whether *archive* is there with the hash of *wheel*; remove anything else in its place."""
        if not os.path.lexists(archive):
            return False
        try:
            if regularfile.sha256(archive) == wheel.sha256:
                return True
            problem = "it does not have its hash"
        except OSError as error:
            problem = error.strerror or str(error)
        self._on_damage(f"{wheel.filename} was damaged in the store and is removed from it: {problem}")
        try:
            regularfile.remove_any(archive)
        except OSError as error:
            raise self._unwritable(error) from error
        return False

    def _report_notices(self, wheel: Wheel, tree: Path) -> None:
        """Report the notices on *wheel*; raise ``HostileWheel`` when one of them is not allowed.

        The wheel may have been unpacked for another lock, which allowed more.
        """
        if tree not in self._notices:
            self._notices[tree] = tuple(rules.find_notices(self._trees[tree].installed_paths))
        notices = self._notices[tree]
        if not self.allows_start_up(wheel):
            rules.check_start_up(wheel.filename, wheel.name, notices)
        for notice in notices:
            sentence = f"{wheel.filename} has {notice.path}: {notice.sentence}"
            if sentence not in self._reported:
                self._reported.add(sentence)
                self._on_notice(sentence)

    def _unwritable(self, error: OSError) -> StoreUnwritable:
        return StoreUnwritable(self.folder, error.strerror or str(error))

    def _archive_path(self, wheel: Wheel | Sdist) -> Path:
        digest = str(wheel.sha256)
        return self.folder / "wheels" / digest[:2] / digest / wheel.filename

    def _download(self, wheel: Wheel | Sdist, final: Path) -> None:
        temporary_folder = self._temporary_folder()
        try:
            partial = temporary_folder.path / wheel.filename
            with partial.open("wb") as file:
                self._source.download(wheel, file)
            found = regularfile.sha256(partial)
            if found != wheel.sha256:
                raise HashMismatch(wheel.filename, str(wheel.sha256), found)
            self._on_fetched(wheel.filename, partial.stat().st_size)
            final.parent.mkdir(parents=True, exist_ok=True)
            partial.replace(final)
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            temporary_folder.remove()

    def _temporary_folder(self) -> TemporaryFolder:
        try:
            self.scratch_folder.mkdir(parents=True, exist_ok=True)
            return TemporaryFolder(self.scratch_folder)
        except OSError as error:
            raise self._unwritable(error) from error

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        try:
            lock = _lock(self.folder, name)
            lock.acquire()
        except OSError as error:
            raise self._unwritable(error) from error
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
    except TimeoutError:
        return 0
    freed = _remove(removal.path)
    removal.release()
    return freed


def _remove(path: Path) -> int:
    """Remove *path* and return the freed bytes: a file with another hard link frees none."""
    _LOG.info("remove %s", path)
    if path.is_symlink() or path.is_file():
        status = path.lstat()
        path.unlink(missing_ok=True)
        return status.st_size if status.st_nlink == 1 else 0
    files = (Path(folder, name).lstat() for folder, _, names in os.walk(path) for name in names)
    size = sum(status.st_size for status in files if stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
    temporary.remove(path)
    return size


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _mark_as_used(path: Path) -> None:
    # A read-only store is not pruned either.
    with suppress(OSError):
        os.utime(path)


def _lock(folder: Path, name: str) -> FileLock:
    from filelock import FileLock  # noqa: PLC0415 # It loads asyncio, and a check of a lock takes no file lock.

    file = _make_folder(folder / "locks") / name
    # Some versions of filelock would follow a link, or wait for a pipe.
    if os.path.lexists(file) and not (regularfile.is_regular(file) and os.access(file, os.R_OK | os.W_OK)):
        regularfile.remove_any(file)
    return FileLock(file)


def _make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
