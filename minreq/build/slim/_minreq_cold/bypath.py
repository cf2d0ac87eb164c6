"""Opens, lists and describes cold files by their path: where the system finds no file, the archives are asked.

`open`, `io.open_code` and seven functions of `os` are replaced by ones that first do what they always did. Nothing
changes for a file that exists, nor for a path outside of this tree. A folder lists its hot files and its cold ones.
"""

from __future__ import annotations

import _io
import builtins
import errno
import io
import os
import stat
import sys
import zlib

from . import archives, unpacked
from .archives import ROOT, Member, Package, package_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import IO, Any

_real_open, _real_open_code, _real_os_open = io.open, io.open_code, os.open
_real_stat, _real_lstat, _real_access = os.stat, os.lstat, os.access
_real_listdir, _real_scandir = os.listdir, os.scandir
_real_listxattr: Any = getattr(os, "listxattr", None)

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_ABSENT = (FileNotFoundError, NotADirectoryError)
#: The folder of the tree as its modules name it, and as ``os.path.realpath`` does.
_ROOTS = tuple({ROOT, os.path.realpath(ROOT) + os.sep})

#: Modules of the standard library that have a name of their own for a function.
_OTHER_NAMES = (
    ("tokenize", "_builtin_open"),
    ("tarfile", "bltn_open"),
    ("bz2", "_builtin_open"),
)


def _locate(path: Any) -> tuple[str, Package] | None:
    """Return *path* relative to the tree, and its package; ``None`` where no file is cold."""
    if isinstance(path, int) or path is None:
        return None
    try:
        text = os.path.abspath(os.fsdecode(path))
    except (TypeError, ValueError):
        return None
    inside = next((text[len(root) :] for root in _ROOTS if text.startswith(root)), None)
    package = package_of(inside) if inside else None
    return None if inside is None or package is None else (inside, package)


def _find_member(path: Any) -> Member | None:
    place = _locate(path)
    return None if place is None else place[1].find(place[0])


def _find_folder(path: Any) -> tuple[str, Mapping[str, Member | None]] | None:
    """Return the folder *path* within the tree and the names of its cold files; ``None`` if it has none."""
    place = _locate(path)
    names = {} if place is None else place[1].names_in(place[0])
    return (place[0], names) if place is not None and names else None


def _make_error(number: int, path: Any) -> OSError:
    """Return the error that the system has for *path* in the whole tree."""
    return OSError(number, os.strerror(number), path)


def _open(  # noqa: PLR0917 - As the built-in function.
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,  # noqa: FBT001, FBT002 - The signature of `open`.
    opener: Callable[[str, int], int] | None = None,
) -> IO[Any]:
    try:
        return _real_open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    except FileNotFoundError:
        is_read = opener is None and {*"wax+"}.isdisjoint(mode)
        member = _find_member(file) if is_read else None
        if member is None:
            if is_read and _find_folder(file) is not None:
                raise _make_error(errno.EISDIR, file) from None
            raise
    return _real_open(file, mode, buffering, encoding, errors, newline, closefd, _opener_of(member))


def _opener_of(member: Member) -> Callable[[str, int], int]:
    return lambda _path, _flags: unpacked.open_in_memory(member)


def _open_code(path: str) -> IO[bytes]:
    try:
        return _real_open_code(path)
    except FileNotFoundError:
        member = _find_member(path)
        if member is None:
            raise
    return _real_open(path, "rb", opener=_opener_of(member))


def _os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
    try:
        return _real_os_open(path, flags, mode, dir_fd=dir_fd)
    except FileNotFoundError:
        member = None if dir_fd is not None or flags & _WRITING else _find_member(path)
        if member is None:
            raise
    return unpacked.open_in_memory(member)


def _describe(path: Any) -> os.stat_result | None:
    """Return what ``os.stat`` says of the cold file or folder *path*."""
    place = _locate(path)
    if place is None:
        return None
    inside, package = place
    member = package.find(inside)
    if member is None and not package.is_folder(inside):
        return None
    beside = _real_stat(member.archive.path if member is not None else archives.FOLDER)
    mode, size = (member.mode, member.size) if member is not None else (stat.S_IFDIR | 0o755, 4096)
    when = int(beside.st_mtime)
    node = zlib.crc32(os.fsencode(inside)) | 1 << 40
    return os.stat_result(
        (mode, node, beside.st_dev, 1, beside.st_uid, beside.st_gid, size, when, when, when),
        {
            **dict.fromkeys(("st_atime", "st_mtime", "st_ctime"), beside.st_mtime),
            **dict.fromkeys(("st_atime_ns", "st_mtime_ns", "st_ctime_ns"), beside.st_mtime_ns),
            "st_blksize": beside.st_blksize,
            "st_blocks": (size + 511) // 512,
            "st_rdev": 0,
        },
    )


def _os_stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
    try:
        return _real_stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
    except _ABSENT:
        found = None if dir_fd is not None else _describe(path)
        if found is None:
            raise
        return found


def _os_lstat(path: Any, *, dir_fd: int | None = None) -> os.stat_result:
    try:
        return _real_lstat(path, dir_fd=dir_fd)
    except _ABSENT:
        found = None if dir_fd is not None else _describe(path)
        if found is None:
            raise
        return found


def _os_access(
    path: Any, mode: int, *, dir_fd: int | None = None, effective_ids: bool = False, follow_symlinks: bool = True
) -> bool:
    if _real_access(path, mode, dir_fd=dir_fd, effective_ids=effective_ids, follow_symlinks=follow_symlinks):
        return True
    found = None if dir_fd is not None or _exists(path) else _describe(path)
    return found is not None and not mode & os.W_OK and (not mode & os.X_OK or bool(found.st_mode & 0o111))


def _os_listdir(path: Any = ".") -> list[Any]:
    folder = _find_folder("." if path is None else path)
    try:
        names = _real_listdir(path)
    except _ABSENT:
        if folder is None:
            if _find_member(path) is not None:
                raise _make_error(errno.ENOTDIR, path) from None
            raise
        names = []
    if folder is None:
        return names
    cold = map(os.fsencode, folder[1]) if isinstance(path, bytes) else folder[1]
    return [*names, *(name for name in cold if name not in names)]


class _ColdEntry:
    """A cold file or folder, as `os.DirEntry`."""

    def __init__(self, folder: Any, name: Any, facts: os.stat_result) -> None:
        self.name = name
        self.path = os.path.join(folder, name)
        self._facts = facts

    def inode(self) -> int:
        return self._facts.st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - As in `os.DirEntry`.
        return stat.S_ISDIR(self._facts.st_mode)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - As in `os.DirEntry`.
        return stat.S_ISREG(self._facts.st_mode)

    def is_symlink(self) -> bool:
        return False

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002 - As in `os.DirEntry`.
        return self._facts

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class _Entries:
    """The entries of a folder, as the result of `os.scandir`."""

    def __init__(self, entries: list[Any]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._entries)

    def __enter__(self) -> _Entries:  # noqa: PYI034 - `typing.Self` is slow to import, and new.
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries = iter(())


def _os_scandir(path: Any = ".") -> Any:
    folder = _find_folder("." if path is None else path)
    entries: Any
    try:
        entries = _real_scandir(path)
    except _ABSENT:
        if folder is None:
            if _find_member(path) is not None:
                raise _make_error(errno.ENOTDIR, path) from None
            raise
        entries = _Entries([])
    if folder is None:
        return entries
    with entries:
        found: list[Any] = list(entries)
    place: Any = os.fspath(path if path is not None else ".")
    seen = {entry.name for entry in found}
    for name in folder[1]:
        shown = os.fsencode(name) if isinstance(place, bytes) else name
        facts = None if shown in seen else _describe(f"{ROOT}{folder[0]}/{name}")
        if facts is not None:
            found.append(_ColdEntry(place, shown, facts))
    return _Entries(found)


def _os_listxattr(path: Any = None, *, follow_symlinks: bool = True) -> list[str]:
    try:
        names: list[str] = _real_listxattr(path, follow_symlinks=follow_symlinks)
    except _ABSENT:
        if _describe(path) is None:
            raise
        return []
    return names


def _exists(path: Any) -> bool:
    try:
        _real_lstat(path)
    except OSError:
        return False
    return True


#: Functions of `os`, and those of this module that stand for them.
_REPLACED: tuple[tuple[Any, Any], ...] = (
    (_real_os_open, _os_open),
    (_real_stat, _os_stat),
    (_real_lstat, _os_lstat),
    (_real_access, _os_access),
    (_real_listdir, _os_listdir),
    (_real_scandir, _os_scandir),
    (_real_listxattr, _os_listxattr),
)


class _Replacement(staticmethod):  # type: ignore[type-arg]
    """Stands for a function of Python: as that one, it does not become a method in a class, and is pickled by name."""

    def __reduce__(self) -> str:
        return self.__name__


def _make_replacement(real: Any, function: Any, module: str) -> Any:
    """Return what takes the place of *real* in *module*, and calls *function*."""
    function.__name__ = function.__qualname__ = real.__name__
    function.__module__, function.__doc__ = module, real.__doc__
    return _Replacement(function)


def _replace_functions() -> None:
    """Put the functions of this module into the places of those of Python."""
    function = builtins.open = io.open = _make_replacement(_real_open, _open, "io")
    # Loaders that are given a path ask the second one.
    io.open_code = _io.open_code = _make_replacement(_real_open_code, _open_code, "io")
    replaced = {id(_real_open): function}
    for module, name in _OTHER_NAMES:
        found = sys.modules.get(module)
        if getattr(found, name, None) is _real_open:
            setattr(found, name, function)
    for real, own in _REPLACED:
        if real is None:
            continue
        function = replaced[id(real)] = _make_replacement(real, own, "os")
        setattr(os, real.__name__, function)
        for group in ("supports_dir_fd", "supports_fd", "supports_follow_symlinks", "supports_effective_ids"):
            if real in getattr(os, group, ()):
                getattr(os, group).add(function)
    _replace_attributes(replaced)


def _replace_attributes(replaced: Mapping[int, Any]) -> None:
    """Do the same in classes of the standard library that have such functions as attributes."""
    for module, owner in (("pathlib", "_NormalAccessor"), ("glob", "_StringGlobber"), ("glob", "_Globber")):
        found = getattr(sys.modules.get(module), owner, None)
        for name, value in list(vars(found).items()) if found is not None else ():
            function = replaced.get(id(getattr(value, "__func__", value)))
            if function is not None:
                setattr(found, name, function)


_installed: list[bool] = []


def install() -> None:
    """Serve cold files by their path; a second call changes nothing."""
    if not _installed:
        _replace_functions()
        # Not before: another thread would go on without the functions.
        _installed.append(True)
