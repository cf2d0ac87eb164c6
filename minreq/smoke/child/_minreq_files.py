"""Keep a process to its own folder, and out of the private folders of the host.

Isolation by the kernel allows and refuses the same files, so a smoke does the same with the kernel and without it.
"""

from __future__ import annotations

import errno
import os
import sys

from _minreq_fork import WRITE_EVENTS, opens_for_writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from _minreq_state import State

#: Audit events whose first argument is a folder that is read.
_LIST_EVENTS = frozenset({"os.listdir", "os.scandir"})
#: To write below these changes no file of the machine.
_NO_FILES = ("/dev/", "/proc/")


def make_file_hook(
    state: State, folders: Mapping[str, Sequence[str]], home: str
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses what *folders* do not allow, and records each try.

    ``hidden`` folders are seen as empty, but for what is ``readable``. Only ``writable`` folders may be changed, and
    ``temporary`` ones where nothing ``readable`` lies. *home* is the home folder of the user.
    """
    rules = _FolderRules(folders)

    def refuse(verb: str, path: str, number: int) -> None:
        name = "~" + path[len(home) :] if path.startswith(home + "/") else path
        state.connections.append(f"{verb} {name}{describe_caller()}")
        raise OSError(number, os.strerror(number), path)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LIST_EVENTS or (event == "open" and not opens_for_writing(arguments)):
            path = absolute_path(arguments[0])
            if path is not None and rules.is_hidden(path):
                refuse("read", path, errno.ENOENT)
        elif event == "open" or event in WRITE_EVENTS:
            for argument in arguments[: WRITE_EVENTS.get(event, 1)]:
                path = absolute_path(argument)
                if path is not None and rules.is_read_only(path):
                    if "/__pycache__/" in path + "/":
                        # Not recorded: the import system tries to write here, and which compiled files exist already
                        # is no matter of a package.
                        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
                    refuse("write", path, errno.EROFS)

    return hook


class _FolderRules:
    """Which paths are hidden or read-only; all paths are absolute and without dots."""

    def __init__(self, folders: Mapping[str, Sequence[str]]) -> None:
        self._hidden = tuple(folder + "/" for folder in folders["hidden"])
        self._visible = tuple(folder + "/" for folder in (*folders["readable"], *folders["writable"]))
        self._readable = tuple(folder + "/" for folder in folders["readable"])
        self._writable = (*(folder + "/" for folder in folders["writable"]), *_NO_FILES)
        self._temporary = tuple(folder + "/" for folder in folders["temporary"])

    def is_hidden(self, path: str) -> bool:
        """Whether nothing is seen at *path*. The folders above a visible path are no secret."""
        name = path + "/"
        if not name.startswith(self._hidden) or name.startswith(self._visible):
            return False
        return not any(each.startswith(name) for each in self._visible)

    def is_read_only(self, path: str) -> bool:
        """Whether *path* cannot be changed."""
        name = path + "/"
        if name.startswith(self._writable):
            return False
        return name.startswith(self._readable) or not name.startswith(self._temporary)


def absolute_path(path: Any) -> str | None:
    """Return *path* without dots and relative parts; ``None`` for what is no path, such as a descriptor."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name: str = os.fsdecode(path)
    # Most paths are absolute and plain; abspath would cost every import some time.
    return name if name[:1] == "/" and "/." not in name and "//" not in name else os.path.abspath(name)


def describe_caller() -> str:
    """Return file and line, in brackets, of the innermost code that is neither minreq's nor of the standard library."""
    library = os.path.dirname(os.__file__)
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - Documented.
    while frame is not None:
        file = frame.f_code.co_filename
        if file[:1] == "/" and "/_minreq_" not in file and (not file.startswith(library) or "/site-packages/" in file):
            return f" ({file}:{frame.f_lineno})"
        frame = frame.f_back
    return ""
