"""Decide which files of a tree are cold: the smoke does not open them, and they can be served from an archive."""

from __future__ import annotations

import io
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from minreq.analyze.kinds import is_shared_object
from minreq.analyze.sharedobjects import needed_libraries
from minreq.build.slim.files import TreeFile, folders_of
from minreq.build.slim.pathcode import PathCode, find_path_code, find_programs
from minreq.build.slim.servecall import insert_call


class HotReason(Enum):
    """Why a file is hot; the value is shown to the user."""

    OPENED = "the smoke opens it"
    METADATA = "metadata"
    LICENCE = "licence"
    KEPT = "--keep"
    WARMED = "--hot"
    OUTSIDE = "outside of a package"
    START = "begins to serve the cold files of its package"
    NO_START = "its package cannot begin to serve cold files"
    SAME_MODULE = "another file of the same module is hot"
    EXECUTABLE = "the system runs or loads it"
    NATIVE = "native code opens such files"
    PROGRAM = "another Python may run it by its path"
    LINKED = "linked to a library in the tree"
    SMALL = "an archive would save too little"


class ColdKind(Enum):
    """How a cold file is served; the value is shown to the user."""

    MODULE = "module, imported from its archive"
    EXTENSION = "extension module, unpacked when it is imported"
    DATA = "data, opened in its archive"


class PathUse(Enum):
    """Which code may open cold files of a package by their path."""

    NONE = "none"
    #: Only modules that are cold themselves.
    COLD = "cold"
    ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdFile:
    """A file that goes into an archive."""

    file: TreeFile
    kind: ColdKind
    #: About its bytes in the archive.
    packed: int

    @property
    def saved(self) -> int:
        """About the bytes that the archive saves."""
        return self.file.size - self.packed


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdSelection:
    """Which files are hot and which are cold."""

    hot: Mapping[str, HotReason]
    #: Sorted by path.
    cold: tuple[ColdFile, ...]
    #: The topmost packages that have cold files.
    packages: Mapping[str, PathUse]


#: Bytes that the data files of one ending in one package, or an extension module, have to save at least.
_MIN_SAVING = 16 << 10
#: The part of its bytes that a source has in an archive, on average.
_PACKED_SOURCE = 0.2
#: Bytes of a file that are packed to estimate the whole.
_SAMPLE = 32 << 10
#: A data file that keeps more than this part of its bytes is compressed already.
_MAX_RATIO = 0.9
#: Data that programs hand to native code by its path: certificates, databases, fonts, models.
_NATIVE = frozenset(
    {
        *(".pem", ".crt", ".cer", ".der", ".key", ".p12", ".pfx", ".db", ".sqlite", ".sqlite3", ".ttf", ".otf", ".ttc"),
        *(".onnx", ".pt", ".bin", ".model", ".dat", ".whl", ".egg", ".zip", ".pyz", ".pth", ".wasm", ".node", ".jar"),
        *(".exe", ".lib"),
    }
)


def select_cold(
    files: Collection[TreeFile], opened: Collection[str], *, keep: Collection[str] = (), warmed: Collection[str] = ()
) -> ColdSelection:
    """Decide which of *files* are cold; *opened* are the paths that the smoke opens.

    *keep* are patterns of paths, *warmed* paths that a log names.
    """
    packages = _topmost_packages(files)
    starting = {path for path in packages if insert_call(packages[path].source.read_bytes()) is not None}
    hot: dict[str, HotReason] = {}
    found: dict[str, ColdFile] = {}
    libraries = {file.path.rpartition("/")[2] for file in files if is_shared_object(file.path.rpartition("/")[2])}
    path_code = tuple(find_path_code(files))
    programs = find_programs(files, path_code)
    for file in files:
        reason = _reason_of_user(file, opened, keep, warmed) or _reason_of_place(file, packages, starting)
        decided = reason or (HotReason.PROGRAM if file.path in programs else _classify(file, libraries))
        if isinstance(decided, HotReason):
            hot[file.path] = decided
        else:
            found[file.path] = decided
    hot |= dict.fromkeys(_unprofitable(found.values(), packages), HotReason.SMALL)
    modules = {file.module for file in files if file.path in hot} - {None}
    hot |= {
        path: HotReason.SAME_MODULE for path, each in found.items() if each.file.module in modules and path not in hot
    }
    cold = tuple(found[path] for path in sorted(found) if path not in hot)
    return ColdSelection(hot=dict(sorted(hot.items())), cold=cold, packages=_path_uses(cold, path_code, packages))


def _topmost_packages(files: Iterable[TreeFile]) -> Mapping[str, TreeFile]:
    """Return the ``__init__`` of each package that is in no other package, by folder."""
    found = {
        file.path.rpartition("/")[0]: file
        for file in files
        if file.module is not None and file.path.rpartition("/")[2].partition(".")[0] == "__init__"
    }
    return {path: file for path, file in found.items() if not {*folders_of(path)} & found.keys()}


def package_of(path: str, packages: Collection[str]) -> str | None:
    """Return the one of *packages* that the file *path* is in."""
    return next((folder for folder in folders_of(path) if folder in packages), None)


def _reason_of_user(
    file: TreeFile, opened: Collection[str], keep: Collection[str], warmed: Collection[str]
) -> HotReason | None:
    if file.path in opened:
        return HotReason.OPENED
    if file.is_metadata:
        return HotReason.METADATA
    if file.is_licence:
        return HotReason.LICENCE
    if any(fnmatchcase(file.path, pattern) for pattern in keep):
        return HotReason.KEPT
    return HotReason.WARMED if file.path in warmed else None


def _reason_of_place(file: TreeFile, packages: Mapping[str, TreeFile], starting: Collection[str]) -> HotReason | None:
    package = package_of(file.path, packages)
    if package is None:
        return HotReason.OUTSIDE
    if package not in starting:
        return HotReason.NO_START
    return HotReason.START if packages[package].path == file.path else None


def _classify(file: TreeFile, libraries: Collection[str]) -> HotReason | ColdFile:
    """Return why *file* is hot, or how it can be served."""
    name = file.path.rpartition("/")[2]
    if file.module is not None and name.endswith(".py"):
        return ColdFile(file=file, kind=ColdKind.MODULE, packed=round(file.size * _PACKED_SOURCE))
    content = file.source.read_bytes()
    if is_shared_object(name):
        reason = _reason_of_library(file, content, libraries)
    elif file.executable or name.endswith(".pyc") or content.startswith((b"#!", b"\x7fELF")):
        reason = HotReason.EXECUTABLE
    else:
        reason = HotReason.NATIVE if PurePosixPath(name).suffix.lower() in _NATIVE else None
    if reason is not None:
        return reason
    kind = ColdKind.EXTENSION if is_shared_object(name) else ColdKind.DATA
    cold = ColdFile(file=file, kind=kind, packed=_estimate_packed(content))
    return HotReason.SMALL if kind is ColdKind.EXTENSION and cold.saved < _MIN_SAVING else cold


def _estimate_packed(content: bytes) -> int:
    """Return about the bytes that *content* has in an archive, by a piece from its middle."""
    start = max(0, (len(content) - _SAMPLE) // 2)
    piece = content[start : start + _SAMPLE]
    return round(len(content) * len(zlib.compress(piece, 6)) / len(piece)) if piece else 0


def _reason_of_library(file: TreeFile, content: bytes, libraries: Collection[str]) -> HotReason | None:
    needed = needed_libraries(io.BytesIO(content))
    if file.module is None or needed is None or _initializer(file.module) not in content:
        return HotReason.EXECUTABLE
    return None if needed.isdisjoint(libraries) else HotReason.LINKED


def _initializer(module: str) -> bytes:
    """Return the name of the function that Python calls to import an extension module (PEP 489)."""
    return f"PyInit_{module.rpartition('.')[2]}\0".encode()


def _unprofitable(files: Iterable[ColdFile], packages: Collection[str]) -> frozenset[str]:
    """Return the data files that stay hot: those of one ending in one package save little, or one does not shrink."""
    groups: dict[tuple[str | None, str], list[ColdFile]] = defaultdict(list)
    for each in files:
        if each.kind is ColdKind.DATA:
            path = each.file.path
            groups[package_of(path, packages), PurePosixPath(path).suffix.lower()].append(each)
    found: set[str] = set()
    for group in groups.values():
        is_small = sum(max(each.saved, 0) for each in group) < _MIN_SAVING
        found |= {each.file.path for each in group if is_small or each.packed >= each.file.size * _MAX_RATIO}
    return frozenset(found)


def _path_uses(
    cold: Collection[ColdFile], path_code: Collection[PathCode], packages: Collection[str]
) -> Mapping[str, PathUse]:
    """Return for each package with cold files which code may open them by their path.

    Data may be opened by code that is not in the tree. Sources are, by what is known, opened or listed by the code of
    the same distribution, or by code that finds the folder of any module.
    """
    found: dict[str, PathUse] = {}
    owners: dict[str, set[str]] = defaultdict(set)
    for each in cold:
        package = package_of(each.file.path, packages) or ""
        owners[package].add(each.file.owner)
        if each.kind is ColdKind.DATA:
            found[package] = PathUse.ANY
        found.setdefault(package, PathUse.NONE)
    cold_paths = {each.file.path for each in cold}
    for code in path_code if PathUse.NONE in found.values() else ():
        for package, use in found.items() if code.reads_sources else ():
            concerns = code.finds_others or code.file.owner in owners[package]
            if concerns and use is not PathUse.ANY:
                found[package] = PathUse.COLD if code.file.path in cold_paths else PathUse.ANY
    return dict(sorted(found.items()))
