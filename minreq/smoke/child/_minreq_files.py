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
#: To write below this changes no file of the machine.
_PROCESSES = "/proc/"
#: What a process finds of another one there; the rest is what tools like ``ps`` show.
_PRIVATE_OF_PROCESS = frozenset({"cmdline", "cwd", "environ", "exe", "fd", "map_files", "maps", "mem", "root"})
#: Terminals; the kernel makes one for each program that asks for it.
_TERMINALS = "/dev/pts/"


def make_file_hook(
    state: State, folders: Mapping[str, Sequence[str]], home: str
) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that refuses what *folders* do not allow, and records each try.

    A process sees what is ``system``, ``readable``, ``writable`` or ``temporary``, and may not open what is ``masked``
    in it. Of ``/dev`` it sees the ``devices``, of ``/proc`` what is not private to other processes, and no
    ``terminals`` of others. Where links are ``followed``, what they lead to counts. Only ``writable`` folders may be
    changed, and ``temporary`` ones where nothing ``readable`` lies. What is refused is recorded, but for reading
    outside of the ``hidden`` folders, where a file may not exist. *home* is the home folder of the user.
    """
    rules = _FolderRules(folders)

    def refuse(verb: str, path: str, number: int) -> None:
        name = "~" + path[len(home) :] if path.startswith(home + "/") else hide_number(path)
        state.connections.append(f"{verb} {name}{describe_caller()}")
        raise OSError(number, os.strerror(number), path)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LIST_EVENTS or (event == "open" and not opens_for_writing(arguments)):
            path = absolute_path(arguments[0])
            if path is not None and (number := rules.refusal(path)):
                if number == errno.ENOENT and not rules.is_private(path):
                    raise OSError(number, os.strerror(number), path)
                refuse("read", path, number)
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
        def prefixes(*keys: str) -> tuple[str, ...]:
            return tuple(folder + "/" for key in keys for folder in folders[key])

        self._plain = prefixes("system", "readable")
        self._own = prefixes("writable", "temporary", "devices")
        self._masked = prefixes("masked")
        self._terminals = prefixes("terminals")
        self._private = (*prefixes("hidden"), _PROCESSES)
        self._readable = prefixes("readable")
        self._writable = (*prefixes("writable"), "/dev/", _PROCESSES)
        self._temporary = prefixes("temporary")
        #: Where links are followed, as the kernel does not refuse what they lead to.
        self._followed = prefixes("followed")

    def is_private(self, path: str) -> bool:
        """Whether *path* lies where others keep what is theirs."""
        return _as_folder(path).startswith(self._private)

    def refusal(self, path: str) -> int:
        """Return the error of a process that reads *path*; 0 where it may."""
        name = _as_folder(path)
        if name.startswith(self._plain):
            return errno.EACCES if name.startswith(self._masked) else 0
        if name.startswith(_PROCESSES):
            return self._process_refusal(path)
        if name.startswith(self._own) or (name.startswith(_TERMINALS) and not name.startswith(self._terminals)):
            place = os.path.realpath(path) if name.startswith(self._followed) else path
            return 0 if place == path or place.startswith(_PROCESSES) else self.refusal(place)
        # The folders above a visible path are no secret.
        return 0 if any(each.startswith(name) for each in (*self._plain, *self._own)) else errno.ENOENT

    def _process_refusal(self, path: str) -> int:
        """Return the error of a process that reads *path* in ``/proc``."""
        number, *names = path.removeprefix(_PROCESSES).split("/")
        if _PRIVATE_OF_PROCESS.isdisjoint(names):
            return 0
        if number.isdigit() and not _is_of_this_run(int(number)):
            return errno.ENOENT
        # These lead to any other path.
        place = os.path.realpath(path) if {"cwd", "root"} & {*names[:-1]} else path
        return 0 if place.startswith(_PROCESSES) else self.refusal(place)

    def is_read_only(self, path: str) -> bool:
        """Whether *path* cannot be changed."""
        name = path + "/"
        if name.startswith(self._writable):
            return False
        return name.startswith(self._readable) or not name.startswith(self._temporary)


def _as_folder(path: str) -> str:
    return path if path == "/" else path + "/"


def _is_of_this_run(number: int) -> bool:
    """Whether the process *number* was started by this run: the run is a session of its own."""
    try:
        return number == os.getpid() or os.getsid(number) == os.getsid(0)
    except OSError:
        return False


def absolute_path(path: Any) -> str | None:
    """Return *path* without dots and relative parts; ``None`` for what is no path, such as a descriptor."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    name: str = os.fsdecode(path)
    # Most paths are absolute and plain; abspath would cost every import some time.
    return name if name[:1] == "/" and "/." not in name and "//" not in name else os.path.abspath(name)


def hide_number(path: str) -> str:
    """Return *path* without the number of a process, which differs from run to run."""
    _, proc, number, *rest = path.split("/", 3) + [""] * 2
    return f"/proc/PID/{rest[0]}" if proc == "proc" and number.isdigit() else path


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
