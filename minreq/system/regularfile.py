"""Opens files that may be something else: minreq waits for no pipe or device, and follows no link in a cache."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO

from minreq.system import removal

_CHUNK = 1 << 20


def read(path: Path, limit: int, *, below: Path | None = None) -> bytes:
    """Return the first *limit* bytes of a regular file; raise ``OSError`` for anything else; never wait.

    Follow no link *below* this folder: a process that minreq does not trust may have put one there.
    """
    return _read(path, limit, below, from_end=False)


def read_end(path: Path, limit: int, *, below: Path | None = None) -> bytes:
    """Return the last *limit* bytes of a regular file; otherwise like `read`."""
    return _read(path, limit, below, from_end=True)


def read_whole(path: Path | str) -> bytes:
    """Return a regular file; otherwise like `read`."""
    with open_stream(path) as stream:
        return stream.read()


def read_text(path: Path | str, encoding: str = "utf-8", *, errors: str = "strict") -> str:
    """Return the text of a regular file; raise ``UnicodeDecodeError``, otherwise like `read`."""
    with open_stream(path) as stream, io.TextIOWrapper(stream, encoding, errors) as text:
        return text.read()


def is_file(path: Path) -> bool:
    """Whether *path* is a file, or a link to one; also of a text that is no path, such as a long command line."""
    return os.path.isfile(path)  # noqa: PTH113 - `Path.is_file` raises an error where the name is too long.


def is_folder(path: Path) -> bool:
    """Whether *path* is a folder; otherwise like `is_file`."""
    return os.path.isdir(path)  # noqa: PTH112 - As above.


def open_stream(path: Path | str) -> BinaryIO:
    """Open a regular file or the null device; raise ``OSError`` for anything else; never wait."""
    descriptor = _open(path)
    status = os.fstat(descriptor)
    # The null device is a usual way to name an empty file.
    if stat.S_ISREG(status.st_mode) or os.path.samestat(status, Path(os.devnull).stat()):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def open_own(path: Path) -> BinaryIO:
    """Open a file of a cache to read it: a regular file, not a link, of this user, of root or of the folder's owner.

    Raises ``OSError`` for anything else; never waits.
    """
    descriptor = _open(path, os.O_NOFOLLOW)
    status = os.fstat(descriptor)
    owner = status.st_uid
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    # Some file systems show one owner for all files, whoever writes them.
    if owner not in {os.geteuid(), 0} and owner != _owner(path.parent):
        os.close(descriptor)
        raise OSError(errno.EPERM, "it belongs to another user", str(path))
    return os.fdopen(descriptor, "rb")


def sha256(path: Path) -> str:
    """Return the hex SHA-256 of a file of a cache; raise ``OSError`` as `open_own` does."""
    digest = hashlib.sha256()
    with open_own(path) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_regular(path: Path) -> bool:
    """Whether *path* itself is a regular file; a link is none."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def remove_any(path: Path) -> None:
    """Remove what is at *path*, of whatever kind; follow no link. Raises ``OSError``."""
    if path.is_dir() and not path.is_symlink():
        removal.remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def replace(path: Path, target: Path) -> None:
    """Move the file *path* to *target*, whatever is there. Raises ``OSError``."""
    if target.is_dir() and not target.is_symlink():
        removal.remove_tree(target)
    path.replace(target)


def _owner(folder: Path) -> int | None:
    try:
        return folder.stat().st_uid
    except OSError:
        return None


def _open(path: Path | str, flags: int = 0) -> int:
    # Without O_NONBLOCK, opening a pipe waits for a writer.
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)


def _open_below(folder: Path, path: Path) -> BinaryIO:
    """Open the regular file *path*; follow no link below *folder*."""
    *parents, name = path.relative_to(folder).parts
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for part, flags in (*((each, os.O_DIRECTORY) for each in parents), (name, os.O_NONBLOCK)):
        try:
            inner = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no regular file", str(path))


def _read(path: Path, limit: int, below: Path | None, *, from_end: bool) -> bytes:
    with open_stream(path) if below is None else _open_below(below, path) as stream:
        if from_end:
            stream.seek(max(os.fstat(stream.fileno()).st_size - limit, 0))
        # One read of *limit* bytes would allocate all of them.
        pieces = []
        while limit > 0 and (piece := stream.read(min(limit, _CHUNK))):
            pieces.append(piece)
            limit -= len(piece)
        return b"".join(pieces)
