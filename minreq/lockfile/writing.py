"""Writes files atomically: after a crash each file has either its old text or its new text."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from minreq.errors import OutputFolderMissing, OutputUnwritable
from minreq.system import temporary

_LOG = logging.getLogger(__name__)


def write_files(files: Mapping[Path, str], *, replace: Callable[[Path, Path], object] = os.replace) -> None:
    """Write all *files* (UTF-8), each atomically and in this order, or none of them.

    Steps that can fail for lack of space or permission work on temporary files in the same folders first. The last
    file is the decisive one: a kill between two replacements leaves it unchanged. Raises ``OutputUnwritable``; the
    previous files are then unchanged. *replace* replaces one file by another.
    """
    with ExitStack() as folders:
        targets = [(_target(path), path, text) for path, text in files.items()]
        staged = [(target, path, *_stage(target, path, text, folders)) for target, path, text in targets]
        replaced: list[tuple[Path, Path | None]] = []
        try:
            for target, path, new, previous in staged:
                replaced.append((target, previous))
                _replace(replace, new, target, path)
                _LOG.info("wrote %s", path)
        except BaseException:  # Also at an interrupt.
            for target, previous in reversed(replaced):
                _restore(target, previous)
            raise


def check_writable(path: Path) -> None:
    """Raise ``OutputUnwritable`` if *path* cannot be written; called before the work begins."""
    target = _target(path)
    _check_folder(path, target)
    temporary.remove_abandoned(target.parent)
    try:
        with temporary.make_temporary_folder(target.parent) as folder:
            (folder / target.name).touch()
    except OSError as error:
        raise OutputUnwritable(path, _why(error)) from error


def make_folder(folder: Path, output: Path) -> None:
    """Make *folder* with its parents for *output*; raise ``OutputUnwritable`` with the name *output*."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputUnwritable(output, _why(error)) from error


def _target(path: Path) -> Path:
    """Return the file that *path* leads to. Links stay links; devices and folders are never replaced."""
    if path == Path("-"):
        raise OutputUnwritable(path, "this stands for standard output, and this result needs a file; name one")
    try:
        target = path.resolve()
        if target.is_symlink():  # The only sign of a loop of links from Python 3.13 on.
            raise OutputUnwritable(path, "its links form a loop")
        if target.exists() and not target.is_file():
            raise OutputUnwritable(path, "it is not a regular file")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, up to Python 3.12.
        raise OutputUnwritable(path, _why(error)) from error
    return target


def _check_folder(path: Path, target: Path) -> None:
    """Raise ``OutputFolderMissing`` if the folder is missing; name it as the user did, or as a link does."""
    if not target.parent.exists():
        raise OutputFolderMissing(path, target.parent if path.is_symlink() else path.parent)


def _stage(target: Path, path: Path, text: str, folders: ExitStack) -> tuple[Path, Path | None]:
    """Put the new text and a copy of the previous file into a folder beside *target*; *folders* removes it.

    A replacement is atomic only within one file system. This also removes what a killed process left there.
    """
    _check_folder(path, target)
    temporary.remove_abandoned(target.parent)
    try:
        folder = folders.enter_context(temporary.make_temporary_folder(target.parent))
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
    # If this fails too, nothing can be done; the first error is the one to report.
    with suppress(OSError):
        if previous is None:
            target.unlink(missing_ok=True)
        else:
            previous.replace(target)


def _why(error: Exception) -> str:
    """Return the reason without errno and path: the sentence already has the path that the user named."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
