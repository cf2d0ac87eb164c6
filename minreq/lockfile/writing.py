"""Files written so that a reader, or whoever comes after a crash, finds the old text or the new, whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from minreq.errors import OutputFolderMissing, OutputUnwritable
from minreq.system import temporary


def write(files: Mapping[Path, str], *, replace: Callable[[Path, Path], object] = os.replace) -> None:
    """Write all of *files* (UTF-8), each atomically and in the order given, or none of them.

    What can fail for want of space or permission happens on temporary files in the same folders first. The last
    file is the one that counts: whoever is killed between two replacements leaves that one as it was. Raises
    ``OutputUnwritable``; the previous files then stand as before. *replace* puts a file in the place of another.
    """
    with ExitStack() as folders:
        targets = [(_target(path), path, text) for path, text in files.items()]
        staged = [(target, path, *_stage(target, path, text, folders)) for target, path, text in targets]
        replaced: list[tuple[Path, Path | None]] = []
        try:
            for target, path, new, previous in staged:
                replaced.append((target, previous))
                _replace(replace, new, target, path)
        except BaseException:  # An interrupt too.
            for target, previous in reversed(replaced):
                _restore(target, previous)
            raise


def check(path: Path) -> None:
    """Raise ``OutputUnwritable`` if *path* cannot be written: better before the work than after it."""
    target = _target(path)
    _check_folder(path, target)
    temporary.sweep(target.parent)
    try:
        with temporary.folder(target.parent) as folder:
            (folder / target.name).touch()
    except OSError as error:
        raise OutputUnwritable(path, _why(error)) from error


def _target(path: Path) -> Path:
    """Where the bytes go: a link stays a link, and a device or a folder is never replaced by a file."""
    try:
        target = path.resolve()
        if target.is_symlink():  # From Python 3.13 on nothing else tells of a loop.
            raise OutputUnwritable(path, "its links lead in a circle")
        if target.exists() and not target.is_file():
            raise OutputUnwritable(path, "it is not a regular file")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, up to Python 3.12.
        raise OutputUnwritable(path, _why(error)) from error
    return target


def _check_folder(path: Path, target: Path) -> None:
    """Raise ``OutputFolderMissing``, which names the folder as the user did but where a link leads to it."""
    if not target.parent.exists():
        raise OutputFolderMissing(path, target.parent if path.is_symlink() else path.parent)


def _stage(target: Path, path: Path, text: str, folders: ExitStack) -> tuple[Path, Path | None]:
    """Put the new text, and a copy of the previous file, into a folder beside *target*, which *folders* removes.

    Only within one file system is a replacement atomic. What a killed process left there goes too.
    """
    _check_folder(path, target)
    temporary.sweep(target.parent)
    try:
        folder = folders.enter_context(temporary.folder(target.parent))
        new, previous = folder / "new", folder / "previous"
        with new.open("xb") as stream:
            stream.write(text.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())
        if not target.exists():
            return new, None
        shutil.copymode(target, new)
        shutil.copy2(target, previous)
    except OSError as error:
        raise OutputUnwritable(path, _why(error)) from error
    return new, previous


def _replace(replace: Callable[[Path, Path], object], new: Path, target: Path, path: Path) -> None:
    try:
        replace(new, target)
    except OSError as error:
        raise OutputUnwritable(path, _why(error)) from error


def _restore(target: Path, previous: Path | None) -> None:
    # Nothing better can be done where even this fails, and the first error is the one to be told.
    with suppress(OSError):
        if previous is None:
            target.unlink(missing_ok=True)
        else:
            previous.replace(target)


def _why(error: Exception) -> str:
    """Without number and path: the path the user named is in the sentence already."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
