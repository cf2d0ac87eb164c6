"""How a process that told no result came to its end, in words; what ends others is read where it is written."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from minreq.system import regularfile

#: The file in a sandbox with one line for each process whose end nobody waited for: its number, and its status.
FILENAME = "ended"

#: Seconds until the end of a process whose connection is gone must be told.
PATIENCE = 5.0
_PAUSE = 0.01
#: Bytes of that file that are read: a line for each process, and there are two thousand at once.
_MOST = 1 << 20

#: Status of a child that lost its parent, as ``child/_minreq_link.py`` has it.
_NO_PARENT = 70

_SIGNALS: dict[int, str] = {
    signal.SIGABRT: "it aborted (SIGABRT)",
    signal.SIGBUS: "a bus error (SIGBUS)",
    signal.SIGFPE: "an arithmetic error in compiled code (SIGFPE)",
    signal.SIGILL: "an instruction that this processor does not know (SIGILL)",
    signal.SIGKILL: "it was killed (SIGKILL), as the kernel does where memory runs out",
    signal.SIGPIPE: "it wrote into a closed pipe (SIGPIPE)",
    signal.SIGSEGV: "a segmentation fault (SIGSEGV)",
    signal.SIGTERM: "somebody ended it (SIGTERM)",
}


def sentence(status: int | None) -> str:
    """Tell the end of a process with the exit *status* of ``subprocess``, negative for a signal; ``None``: unknown."""
    if status is None:
        return "its process died"
    if status < 0:
        return f"its process died: {_SIGNALS.get(-status) or f'a signal ended it ({_name(-status)})'}"
    if status == _NO_PARENT:
        return "its process died: its connection to minreq was closed, as by code that closes every descriptor"
    return f"its process died: it left with status {status} before the end, as os._exit does"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"number {number}"


def status_of(folder: Path, pid: int) -> int | None:
    """Return the status with which the process of that number ended, as a line in the sandbox *folder* tells.

    The connection is closed a moment before; ``None`` where no line comes.
    """
    stop = time.monotonic() + PATIENCE
    while True:
        status = _written(folder / FILENAME, pid)
        if status is not None or time.monotonic() > stop:
            return status
        time.sleep(_PAUSE)


def _written(file: Path, pid: int) -> int | None:
    try:
        text = regularfile.read(file, _MOST).decode("ascii", "replace")
    except OSError:
        return None
    match = re.search(rf"^{pid} (-?\d{{1,3}})\n", text, re.MULTILINE)
    return None if match is None else int(match[1])
