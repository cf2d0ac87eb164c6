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

    *folders* are those that are ``hidden``, ``readable`` all the same, and ``writable``; *home* is the user's.
    """
    hidden = tuple(folder + "/" for folder in folders["hidden"])
    readable = tuple(folder + "/" for folder in (*folders["readable"], *folders["writable"]))
    files = frozenset(folders["readable"])
    writable = (*(folder + "/" for folder in folders["writable"]), *_NO_FILES)

    def refuse(word: str, path: str, number: int) -> None:
        place = "~" + path[len(home) :] if path.startswith(home + "/") else path
        state.connections.append(f"{word} {place}{caller()}")
        raise OSError(number, os.strerror(number), path)

    def look(path: object) -> None:
        name = absolute(path)
        if name is not None and (name + "/").startswith(hidden) and not (name + "/").startswith(readable):
            # Where one looks for what is shown is no secret.
            if name not in files and not any(each.startswith(name + "/") for each in readable):
                refuse("read", name, errno.ENOENT)

    def change(path: object) -> None:
        name = absolute(path)
        # Compiled files fail silently where they cannot be kept.
        if name is not None and not (name + "/").startswith(writable) and "__pycache__" not in name:
            refuse("write", name, errno.EROFS)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if opens_for_writing(arguments):
                change(arguments[0])
            else:
                look(arguments[0])
        elif event in _LISTING:
            look(arguments[0])
        elif event in WRITING:
            for path in arguments[: WRITING[event]]:
                change(path)

    return hook


def absolute(path: object) -> str | None:
    """Return *path* without dots and relative parts; ``None`` for what is no path, such as a descriptor."""
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    elif not isinstance(path, str):
        path = os.fspath(path) if isinstance(path, os.PathLike) else None
    if not isinstance(path, str):
        return None
    # Most paths are absolute and plain: what that costs, every import pays.
    return path if path[:1] == "/" and "/." not in path and "//" not in path else os.path.abspath(path)


def caller() -> str:
    """Tell which code is to blame: the innermost that is neither ours nor of the standard library."""
    library = os.path.dirname(os.__file__)
    frame = sys._getframe(1)  # noqa: SLF001 - Documented.
    while frame is not None:
        file = frame.f_code.co_filename
        if file[:1] == "/" and "/_minreq_" not in file and (not file.startswith(library) or "/site-packages/" in file):
            return f" ({file}:{frame.f_lineno})"
        frame = frame.f_back  # type: ignore[assignment]  # None at the end.
    return ""
