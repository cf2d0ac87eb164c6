"""Makes temporary folders, and removes those that a killed process left.

The process that makes a folder holds a lock on the folder itself (``flock(2)``), which the kernel releases with the
process. A folder without that lock is unused, and the next minreq removes it: see `remove_abandoned`.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minreq.system import removal

#: No person names a folder like this: `remove_abandoned` may remove it.
_NAME = re.compile(r"\.?minreq-[a-z0-9_]{8}\.tmp")


class TemporaryFolder:
    """A new folder below *parent*, by default the system's temporary folder; only the user may enter it.

    Raises ``OSError`` where it cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self.path, self._lock = _make_locked(parent)

    def remove(self) -> None:
        """Remove the folder with its content, as far as possible; a second call does no harm."""
        remove(self.path)
        self.release()

    def release(self) -> None:
        """Release the lock: the folder has got another name, or may stay until the next `remove_abandoned`."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def make_temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a `TemporaryFolder` that is removed when the context ends."""
    temporary_folder = TemporaryFolder(parent)
    try:
        yield temporary_folder.path
    finally:
        temporary_folder.remove()


def remove_abandoned(parent: Path | None = None) -> None:
    """Remove the folders that killed processes of this user left in *parent*, by default the system's folder."""
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    with suppress(OSError):
        for path in parent.iterdir():
            if _NAME.fullmatch(path.name):
                _remove_if_unused(path)


def remove(path: Path) -> None:
    """Remove a folder as far as possible, even where its content has no permissions; do not follow links."""
    if path.is_dir() and not path.is_symlink():
        with suppress(OSError):
            removal.remove_tree(path)


def _make_locked(parent: Path | None) -> tuple[Path, int | None]:
    while True:
        prefix = "minreq-" if parent is None else ".minreq-"  # Hidden beside files of the user.
        path = Path(tempfile.mkdtemp(prefix=prefix, suffix=".tmp", dir=parent))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # Removed before it could be locked.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue  # Another process is removing it.
        except OSError:
            # This file system has no locks: then no process can remove it either.
            os.close(descriptor)
            return path, None
        if _is_at(path, descriptor):
            return path, descriptor
        os.close(descriptor)


def _remove_if_unused(path: Path) -> None:
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
    """Return whether the open folder is still the one at *path*."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError:
        return False
