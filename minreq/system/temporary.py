"""Temporary folders that are known to be in use as long as their maker lives, so that what a kill leaves is removed.

Whoever makes one holds a lock on the folder itself (``flock(2)``), which the kernel drops with the process. A folder
without that lock is nobody's, and the next minreq removes it: see `sweep`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Like no folder that a person makes: what bears such a name may be removed.
_NAME = re.compile(r"\.?minreq-[a-z0-9_]{8}\.tmp")


class TemporaryFolder:
    """A folder of its own below *parent*, the system's temporary folder unless given; only the user may enter it.

    Raises ``OSError`` where it cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.path, self._lock = _made(parent)

    def remove(self) -> None:
        """Remove it with all that is in it, as far as that can be done; more than once does no harm."""
        remove(self.path)
        self.release()

    def release(self) -> None:
        """Let it be nobody's: it has got another name, or shall stay until the next `sweep`."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a `TemporaryFolder` that is removed when the context ends."""
    made = TemporaryFolder(parent)
    try:
        yield made.path
    finally:
        made.remove()


def sweep(parent: Path | None = None) -> None:
    """Remove from *parent*, the system's temporary folder unless given, what this user's killed processes left."""
    where = Path(tempfile.gettempdir()) if parent is None else parent
    with suppress(OSError):
        for path in where.iterdir():
            if _NAME.fullmatch(path.name):
                _remove_if_left(path)


def remove(path: Path) -> None:
    """Remove a folder, even where what was in it took away its own permissions; links are not followed."""
    shutil.rmtree(path, ignore_errors=True)
    if path.is_dir() and not path.is_symlink():
        for name, folders, _ in os.walk(path):
            for each in folders:
                inner = Path(name, each)
                if not inner.is_symlink():
                    with suppress(OSError):
                        inner.chmod(stat.S_IRWXU)
        shutil.rmtree(path, ignore_errors=True)


def _made(parent: Path | None) -> tuple[Path, int | None]:
    while True:
        prefix = "minreq-" if parent is None else ".minreq-"  # Out of sight beside files of the user.
        path = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=parent))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # Swept before it could be locked.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue  # It is being swept.
        except OSError:
            # No locks on this file system: then nobody can sweep it either.
            os.close(descriptor)
            return path, None
        if _is_at(path, descriptor):
            return path, descriptor
        os.close(descriptor)


def _remove_if_left(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(path, descriptor):
                    remove(path)
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open folder is still the one at *path*."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False
