"""Check that an unpacked wheel in the store has exactly the files of its archive, and bytecode of these files only.

The index of a tree, a file beside its ``lib``, has the hash of each file, and the status that the file had when minreq
computed the hash. A file that still has this status is not hashed again. Who may write into the store can write another
index too. So the commands that need certainty take the hashes from the archive and compute all hashes again.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock

from minreq.system import cachefile, regularfile
from minreq.wheels import bytecode
from minreq.wheels.bytecode import BytecodeRecord

#: The folders from which an environment takes files. All else in a tree is minreq's own.
_FOLDERS = ("lib", "bin", "data", "include")
_INDEX_FILE = "index"
#: Raise it when the content of the index changes.
_VERSION = 1

#: Size, time of modification, time of change, inode. The kernel alone sets the time of change.
FileStatus = tuple[int, int, int, int]


class TreeDamaged(Exception):
    """A tree does not have the files of its archive; the text says which file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeIndex:
    """The files of a tree, each by its path below the tree: ``lib/x/__init__.py``."""

    #: The hex SHA-256 of each file of the archive, as installed.
    hashes: Mapping[str, str]
    statuses: Mapping[str, FileStatus] = field(default_factory=dict)
    #: The status of each file of bytecode that was compared with its record.
    bytecode: Mapping[str, FileStatus] = field(default_factory=dict)
    #: The status that the archive had when its hash was computed.
    archive: FileStatus | None = None

    @property
    def installed_paths(self) -> Iterator[str]:
        """The paths of the files as an installer leaves them in ``site-packages``, sorted."""
        return (path.removeprefix("lib/") for path in sorted(self.hashes))


class CheckedTrees:
    """The trees that this process has checked or unpacked; shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._indexes: dict[Path, TreeIndex] = {}
        self._records: dict[Path, dict[str, BytecodeRecord]] = {}

    def __contains__(self, tree: Path) -> bool:
        return tree in self._indexes

    def __getitem__(self, tree: Path) -> TreeIndex:
        return self._indexes[tree]

    def add(self, tree: Path, index: TreeIndex) -> None:
        """Add *tree*, whose files are right."""
        with self._lock:
            self._indexes[tree] = index

    def add_record(self, tree: Path, path: str, record: BytecodeRecord) -> None:
        """Add a record of bytecode that the compiler of this process made."""
        with self._lock:
            self._records.setdefault(tree, {})[path] = record

    def check_again(self) -> None:
        """Check all trees; bytecode is right only if it was so before or has a record of this process.

        Raises as `check_tree` does.
        """
        with self._lock:
            indexes = {**self._indexes}
        for tree, index in indexes.items():
            with self._lock:
                records = {**self._records.get(tree, {})}
            try:
                self.add(tree, check_tree(tree, index, records))
            except TreeDamaged as error:
                raise TreeDamaged(f"{tree.name}/{error}") from error


@dataclass(slots=True)
class _FoundFiles:
    """What is in the folders of a tree; the status of bytecode that is no regular file is ``None``."""

    files: dict[str, FileStatus] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    bytecode: dict[str, FileStatus | None] = field(default_factory=dict)


def check_tree(tree: Path, index: TreeIndex, records: Mapping[str, BytecodeRecord] | None = None) -> TreeIndex:
    """Compare *tree* with *index*, and remove bytecode that is not right; return the index with the new statuses.

    *records* of bytecode are trusted, by default those of the list in the tree. Raises ``TreeDamaged``, and ``OSError``
    where bytecode cannot be removed.
    """
    found = _find_files(tree)
    if missing := index.hashes.keys() - found.files.keys():
        raise TreeDamaged(f"{min(missing)} is missing")
    if added := found.files.keys() - index.hashes.keys():
        raise TreeDamaged(f"{min(added)} was added")
    if added := found.folders - _folders_of(index.hashes):
        raise TreeDamaged(f"{min(added)} was added")
    for path, status in found.files.items():
        if status != index.statuses.get(path) and _hash(tree / path) != index.hashes[path]:
            raise TreeDamaged(f"{path} was changed")
    trusted = bytecode.read_records(tree) if records is None else records
    right: dict[str, FileStatus] = {}
    for path, compiled in found.bytecode.items():
        if compiled is not None and (
            compiled == index.bytecode.get(path) or _matches_record(tree, path, trusted.get(path), index.hashes)
        ):
            right[path] = compiled
        else:
            regularfile.remove_any(tree / path)
    return replace(index, statuses=found.files, bytecode=right)


def read_statuses(tree: Path, hashes: Mapping[str, str], archive: Path) -> TreeIndex:
    """Return the index of the new *tree*, whose files have these *hashes*; it was unpacked from *archive*."""
    return TreeIndex(hashes=hashes, statuses=_find_files(tree).files, archive=file_status(archive))


def read_index(tree: Path) -> TreeIndex | None:
    """Return the index of *tree*, ``None`` where there is none that can be read."""
    content = cachefile.read(tree / _INDEX_FILE)
    with suppress(ValueError, TypeError, KeyError):
        document = json.loads(content) if content is not None else {}
        if document.get("version") == _VERSION:
            files = document["files"]
            return TreeIndex(
                hashes={path: row[0] for path, row in files.items()},
                statuses={path: tuple(row[1:]) for path, row in files.items()},
                bytecode={path: tuple(row) for path, row in document["bytecode"].items()},
                archive=tuple(document["archive"]),
            )
    return None


def write_index(tree: Path, index: TreeIndex, scratch: Path) -> None:
    """Write the index of *tree* if that is possible; *scratch* is a folder on the same file system."""
    files = {path: (sha256, *index.statuses[path]) for path, sha256 in index.hashes.items()}
    document = {"version": _VERSION, "files": files, "bytecode": index.bytecode, "archive": index.archive}
    cachefile.write(tree / _INDEX_FILE, json.dumps(document, separators=(",", ":")).encode(), scratch)


def _find_files(tree: Path) -> _FoundFiles:
    found = _FoundFiles()
    try:
        if not stat.S_ISDIR(os.lstat(tree).st_mode):
            raise TreeDamaged("it is no folder")
        for folder in _FOLDERS:
            path = f"{tree}/{folder}"
            if os.path.lexists(path):
                if not stat.S_ISDIR(os.lstat(path).st_mode):
                    raise TreeDamaged(f"{folder} is no folder")
                found.folders.add(folder)
                _scan(path, folder, found)
    except OSError as error:
        raise TreeDamaged(f"{error.filename} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise TreeDamaged("a folder of too many levels was added") from error
    return found


def _scan(folder: str, below: str, found: _FoundFiles) -> None:
    """Add the entries of *folder*, which is *below* the tree, to *found*; follow no link."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}"
            if entry.name == bytecode.FOLDER and path.startswith("lib/"):
                _scan_bytecode(entry, path, found)
            elif entry.is_dir(follow_symlinks=False):
                found.folders.add(path)
                _scan(entry.path, path, found)
            else:
                status = _status(entry)
                if status is None:
                    raise TreeDamaged(f"{path} is no regular file")
                found.files[path] = status


def _scan_bytecode(folder: os.DirEntry[str], path: str, found: _FoundFiles) -> None:
    if not folder.is_dir(follow_symlinks=False):
        found.bytecode[path] = None
        return
    with os.scandir(folder.path) as entries:
        found.bytecode.update((f"{path}/{entry.name}", _status(entry)) for entry in entries)


def file_status(file: Path) -> FileStatus | None:
    """Return the status of a regular file, ``None`` for anything else."""
    try:
        return _regular_status(os.lstat(file))
    except OSError:
        return None


def _status(entry: os.DirEntry[str]) -> FileStatus | None:
    return _regular_status(entry.stat(follow_symlinks=False))


def _regular_status(status: os.stat_result) -> FileStatus | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _folders_of(paths: Mapping[str, str]) -> set[str]:
    """Return all folders that the files *paths* lie in."""
    folders, new = {"lib"}, {path.rpartition("/")[0] for path in paths}
    while new := new - folders - {""}:
        folders |= new
        new = {folder.rpartition("/")[0] for folder in new}
    return folders


def _matches_record(tree: Path, path: str, record: BytecodeRecord | None, hashes: Mapping[str, str]) -> bool:
    """Whether the bytecode at *path* is what the compiler made of the source that *hashes* have."""
    if record is None or record.source != hashes.get(bytecode.source_path(path)):
        return False
    return _hash(tree / path) == record.sha256


def _hash(file: Path) -> str | None:
    try:
        return regularfile.sha256(file)
    except OSError:
        return None
