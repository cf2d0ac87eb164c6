"""Fork processes: when a fork is safe, how it is made, and what a fork at a miss must not do."""

from __future__ import annotations

import os
import sys
import warnings

# The function of the interpreter itself: what minreq waits for is not recorded.
from os import waitpid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Set as AbstractSet
    from typing import Any

    from _minreq_link import Link
    from _minreq_state import State


def is_fork_safe(own_descriptors: AbstractSet[int | None]) -> bool:
    """Whether a fork at this moment harms neither process: one thread, no event loop, nothing open for writing.

    A fork shares files with its parent, and loses its threads. *own_descriptors* are minreq's own and do not count.
    """
    if not os.path.isdir("/proc/self/task") or len(sys._current_frames()) > 1:  # noqa: SLF001 - Documented.
        return False
    running_loop = getattr(sys.modules.get("asyncio"), "_get_running_loop", None)
    if running_loop is not None and running_loop() is not None:
        return False
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as children:
            if children.read().strip():
                return False
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if descriptor > 2 and descriptor not in own_descriptors and not is_harmless(descriptor):  # noqa: PLR2004 - stderr.
                return False
    except OSError:
        return False
    temporary = os.environ.get("TMPDIR")
    return temporary is None or not os.path.isdir(temporary) or not os.listdir(temporary)


def is_harmless(descriptor: int) -> bool:
    """Whether a fork may share *descriptor*: a file open for reading, no socket, no pipe, no file open for writing."""
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as information:
            flags = int(information.read().split("flags:")[1].split()[0], 8)
    except (OSError, IndexError, ValueError):
        return True  # It is closed by now: it was that of the listing.
    if target.startswith(("socket:", "pipe:")):
        return False
    return target == os.devnull or not flags & (os.O_WRONLY | os.O_RDWR)


def fork_detached(process: str, link: Link) -> bool:
    """Fork a process named *process* that is no child of this one; return true in the old process, false in the new.

    Both go on with what is printed and not flushed yet, each into its own file.
    """
    with warnings.catch_warnings():
        # Python warns of forks beside native threads, which may hang; the parent waits for this process with a timeout.
        warnings.simplefilter("ignore")
        pid = os.fork()
        if pid:
            waitpid(pid, 0)
            return True
        if os.fork():
            os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
    os.environ["MINREQ_PROCESS"] = process
    link.connect()  # Before any subprocess can, as subprocesses have the same name.
    return False


#: Audit events that change files, and how many of the arguments are paths. A fork at a miss may raise them only for
#: paths in its own folder.
WRITE_EVENTS = {
    "os.chmod": 1,
    "os.chown": 1,
    "os.link": 2,
    "os.mkdir": 1,
    "os.remove": 1,
    "os.rename": 2,
    "os.rmdir": 1,
    "os.symlink": 2,
    "os.truncate": 1,
    "os.utime": 1,
    "shutil.rmtree": 1,
    "sqlite3.connect": 1,
}
#: Audit events that a fork at a miss must not raise at all.
_FORBIDDEN_EVENTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.kill",
        "os.killpg",
        "os.posix_spawn",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "socket.connect",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)


def make_fork_hook(link: Link, state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that ends a fork at a miss before it harms the process that it was forked from.

    The two share files and descriptors.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if state.fork_folder is not None and is_harmful(event, arguments, state.fork_folder):
            state.fork_folder = None  # The request raises events too.
            link.request({"unsettled": f"{event} {arguments!r:.200}"})
            os._exit(0)

    return hook


def is_harmful(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    """Whether an event in a fork at a miss may reach outside of the process and its *folder*."""
    if event == "open":
        return opens_for_writing(arguments) and not is_within(arguments[0], folder)
    if event in WRITE_EVENTS:
        return not all(is_within(path, folder) for path in arguments[: WRITE_EVENTS[event]])
    return event in _FORBIDDEN_EVENTS


def opens_for_writing(arguments: tuple[Any, ...]) -> bool:
    """Whether the arguments of the audit event ``open`` ask for writing."""
    path, _, flags = arguments
    return path != os.devnull and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def is_within(path: object, folder: str) -> bool:
    """Whether *path* lies in *folder*; what is no path, such as a descriptor, does not."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return False
    # The folder itself counts: a file without a name is opened by the name of its folder (``O_TMPFILE``).
    return os.path.join(os.path.abspath(os.fsdecode(path)), "").startswith(os.path.join(folder, ""))
