"""Wheels by hash: fetched, checked, looked into, unpacked once; the only place that knows how a wheel is installed."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import shutil
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, Protocol

from filelock import FileLock, Timeout
from installer import install
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.records import RecordEntry
from installer.sources import WheelFile
from installer.utils import Scheme
from packaging.utils import NormalizedName, parse_wheel_filename

from minreq import compiled, temporary, wheelrules
from minreq.errors import BrokenWheel, HashMismatch, HashMissing, HostileWheel, StoreUnwritable
from minreq.model import Sdist, Wheel
from minreq.temporary import TemporaryFolder
from minreq.wheelrules import Remark

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
            wheelrules.check_start_up(wheel.filename, wheel.name, remarks)
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


def unpack(
    archive: Path, folder: Path, *, metadata_sha256: str | None = None, allow_pth: bool = False
) -> tuple[Remark, ...]:
    """Unpack the wheel *archive* below *folder*: ``lib`` for modules and metadata, ``bin``, ``include``, ``data``.

    Nothing of it is run and nothing compiled. *metadata_sha256* is that of the metadata the index showed for it, where
    it did (PEP 658). Returns what is legitimate and remarkable. Raises ``HostileWheel`` and ``BrokenWheel``.
    """
    schemes = {
        "purelib": str(folder / "lib"),
        "platlib": str(folder / "lib"),
        "scripts": str(folder / "bin"),
        "headers": str(folder / "include"),
        "data": str(folder / "data"),
    }
    (folder / "lib").mkdir()
    try:
        with zipfile.ZipFile(archive) as file, warnings.catch_warnings():
            remarks = wheelrules.look_into(archive.name, file.infolist(), archive.stat().st_size)
            name, version, _, _ = parse_wheel_filename(archive.name)
            if not allow_pth:
                wheelrules.check_start_up(archive.name, name, remarks)
            warnings.simplefilter("ignore", RuntimeWarning)  # Compiled files in a wheel are skipped, which is right.
            source = WheelFile(file)
            record = _described(archive.name, file, source, metadata_sha256)
            metadata = source.read_dist_info("METADATA")
            place = f"{source.dist_info_dir}/METADATA"
            wheelrules.check_metadata(archive.name, place, metadata, name=name, version=version)
            destination = _Destination(schemes, interpreter="python", script_kind="posix")
            destination.expect(archive.name, record)
            install(source, destination, additional_metadata={})
    except (
        zipfile.BadZipFile,
        zlib.error,
        InstallerError,
        ValueError,
        KeyError,
        IndexError,
        AssertionError,  # installer's, of a file whose columns are not those of the format.
        EOFError,
        NotImplementedError,
        FileExistsError,
        NotADirectoryError,
        IsADirectoryError,
    ) as error:
        raise BrokenWheel(archive.name, str(error) or type(error).__name__) from error
    return remarks


def record_of(tree: Path) -> Sequence[Sequence[str]]:
    """Return the rows of the RECORD in *tree*, an unpacked wheel; none where it cannot be read."""
    try:
        (file,) = tree.glob("*.dist-info/RECORD")
        return _rows(file.read_text("utf-8"))
    except (OSError, ValueError):
        return ()


def _rows(text: str) -> list[list[str]]:
    return [row for row in csv.reader(io.StringIO(text)) if row]


def _described(
    filename: str, file: zipfile.ZipFile, source: WheelFile, metadata_sha256: str | None
) -> Sequence[Sequence[str]]:
    """Check what the wheel says of itself; return the rows of its RECORD."""
    folder = source.dist_info_dir
    for needed in ("RECORD", "METADATA", "WHEEL"):
        if f"{folder}/{needed}" not in file.NameToInfo:
            raise HostileWheel(filename, f"{folder}/{needed}", "every wheel has it, and it is not there")
        if file.getinfo(f"{folder}/{needed}").file_size > wheelrules.MOST_METADATA:
            raise HostileWheel(filename, f"{folder}/{needed}", "it is larger than any of its kind")
    metadata = file.read(f"{folder}/METADATA")
    if metadata_sha256 and hashlib.sha256(metadata).hexdigest() != metadata_sha256:
        raise HostileWheel(filename, f"{folder}/METADATA", "it is not the metadata that the index shows for this wheel")
    rows = _rows(source.read_dist_info("RECORD"))
    wheelrules.check_record(filename, (each.filename for each in file.infolist() if not each.is_dir()), rows)
    if "entry_points.txt" in source.dist_info_filenames:
        points = source.read_dist_info("entry_points.txt")
        wheelrules.check_entry_points(filename, f"{folder}/entry_points.txt", points)
    return rows


class _Destination(SchemeDictionaryDestination):
    """Writes files, and holds RECORD to its word: hashes are made while writing anyway."""

    def expect(self, filename: str, record: Sequence[Sequence[str]]) -> None:
        """Know what the RECORD of the wheel *filename* promises."""
        self._filename = filename
        self._promised = {wheelrules.installed_path(path): (path, digest) for path, digest, _ in record}

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Raise ``HostileWheel`` where a file is not what RECORD says."""
        written = list(records)
        for of, entry in written:
            path, promised = self._promised.get(entry.path, ("", ""))
            counts = of in {"purelib", "platlib"} and path and entry.hash_ is not None  # RECORD has no hash of itself.
            if counts and promised != self._found(of, entry, promised):
                raise HostileWheel(self._filename, path, "it is not the file whose hash RECORD has")
        super().finalize_installation(scheme, record_file_path, written)

    def _found(self, scheme: Scheme, entry: RecordEntry, promised: str) -> str:
        """The hash of what was written, as RECORD spells it."""
        algorithm = promised.partition("=")[0]
        if entry.hash_ is not None and entry.hash_.name == algorithm:
            return f"{algorithm}={entry.hash_.value}"
        content = Path(self.scheme_dict[scheme], entry.path).read_bytes()
        digest = base64.urlsafe_b64encode(hashlib.new(algorithm, content).digest()).rstrip(b"=").decode()
        return f"{algorithm}={digest}"
