"""Remove folders that code of packages has filled: at any depth, and whatever the permissions in them."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_tree(path: Path) -> None:
    """Remove the folder *path* with its content; follow no link. Raises ``OSError``."""
    # It needs a level of the stack and an open file for each level, up to Python 3.12.
    with suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        _empty(path)
        path.rmdir()


def _empty(path: Path) -> None:
    """Remove all in *path*: move each folder to the top, where its path is short, before its content is removed."""
    path.chmod(stat.S_IRWXU)
    top = os.open(path, _FOLDER)
    try:
        count = 0
        while names := os.listdir(top):  # noqa: PTH208 - A descriptor.
            for name in names:
                if _is_folder(name, top):
                    count = _move_folders(name, top, count)
                    os.rmdir(name, dir_fd=top)
                else:
                    os.unlink(name, dir_fd=top)
    finally:
        os.close(top)


def _move_folders(name: str, top: int, count: int) -> int:
    """Remove the files of the folder *name* in *top*, and move its folders to *top*; return how many were moved yet."""
    _allow(name, top)
    folder = os.open(name, _FOLDER, dir_fd=top)
    try:
        for inner in os.listdir(folder):  # noqa: PTH208 - A descriptor.
            if not _is_folder(inner, folder):
                os.unlink(inner, dir_fd=folder)
                continue
            _allow(inner, folder)
            count += 1
            while _is_there(f"moved-{count}", top):
                count += 1
            os.rename(inner, f"moved-{count}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    return count


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_folder(name: str, folder: int) -> bool:
    return stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)


def _allow(name: str, folder: int) -> None:
    """Let this user enter and change the folder *name*."""
    descriptor = os.open(name, getattr(os, "O_PATH", 0) | _FOLDER, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{descriptor}", stat.S_IRWXU)  # noqa: PTH101 - No link is followed.
    finally:
        os.close(descriptor)
