"""Which files a process may see and change: its own folder, and no private one of the host.

Where the kernel walls the child off this says the same as it would, so that a smoke does the same with and without.
"""

from __future__ import annotations

import errno
import os
import sys

from _minreq_fork import WRITING, opens_for_writing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from _minreq_state import State

#: Audit events whose first argument is a folder that is read.
_LISTING = frozenset({"os.listdir", "os.scandir"})
#: Written without leaving the machine's files as they are not.
_NO_FILES = ("/dev/", "/proc/")


def keep_to_folders(
    state: State, folders: Mapping[str, Sequence[str]], home: str
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses the rest, and writes down what was tried.

    *folders* are those that are ``hidden``, ``readable`` all the same, ``writable``, and ``temporary``, writable where
    nothing readable lies; *home* is the user's.
    """
    place = _Place(folders)

    def refuse(word: str, path: str, number: int) -> None:
        name = "~" + path[len(home) :] if path.startswith(home + "/") else path
        state.connections.append(f"{word} {name}{caller()}")
        raise OSError(number, os.strerror(number), path)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LISTING or (event == "open" and not opens_for_writing(arguments)):
            path = absolute(arguments[0])
            if path is not None and place.is_hidden(path):
                refuse("read", path, errno.ENOENT)
        elif event == "open" or event in WRITING:
            for argument in arguments[: WRITING.get(event, 1)]:
                path = absolute(argument)
                if path is not None and place.is_fixed(path):
                    if "/__pycache__/" in path + "/":
                        # The import system tries, and goes on; which files are there already is no matter of a package.
                        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)
                    refuse("write", path, errno.EROFS)

    return hook


class _Place:
    """Tells paths apart, all of them absolute and without dots."""

    def __init__(self, folders: Mapping[str, Sequence[str]]) -> None:
        self._hidden = tuple(folder + "/" for folder in folders["hidden"])
        self._shown = tuple(folder + "/" for folder in (*folders["readable"], *folders["writable"]))
        self._readable = tuple(folder + "/" for folder in folders["readable"])
        self._writable = (*(folder + "/" for folder in folders["writable"]), *_NO_FILES)
        self._temporary = tuple(folder + "/" for folder in folders["temporary"])

    def is_hidden(self, path: str) -> bool:
        """Whether nothing is seen at *path*. Where one looks for what is shown is no secret."""
        name = path + "/"
        if not name.startswith(self._hidden) or name.startswith(self._shown):
            return False
        return not any(each.startswith(name) for each in self._shown)

    def is_fixed(self, path: str) -> bool:
        """Whether *path* cannot be changed."""
        name = path + "/"
        if name.startswith(self._writable):
            return False
        return name.startswith(self._readable) or not name.startswith(self._temporary)


def absolute(path: Any) -> str | None:
    """Return *path* without dots and relative parts; ``None`` for what is no path, such as a descriptor."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name: str = os.fsdecode(path)
    # Most paths are absolute and plain: what the rest costs, every import would pay.
    return name if name[:1] == "/" and "/." not in name and "//" not in name else os.path.abspath(name)


def caller() -> str:
    """Tell which code is to blame: the innermost that is neither ours nor of the standard library."""
    library = os.path.dirname(os.__file__)
    frame: types.FrameType | None = sys._getframe(1)  # noqa: SLF001 - Documented.
    while frame is not None:
        file = frame.f_code.co_filename
        if file[:1] == "/" and "/_minreq_" not in file and (not file.startswith(library) or "/site-packages/" in file):
            return f" ({file}:{frame.f_lineno})"
        frame = frame.f_back
    return ""
