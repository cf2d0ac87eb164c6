"""Describe how a process ended that sent no result."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

from minreq.system import regularfile

#: The file in a run folder that has a line for each process that ended: its number and its exit status.
FILENAME = "ended"

#: Seconds to wait for that line after the connection of the process is closed.
LINE_TIMEOUT = 5.0
_POLL_INTERVAL = 0.01
#: Bytes of that file to read: one line for each process, of at most two thousand at a time.
_MAX_SIZE = 1 << 20

#: Status of a child that lost its parent; ``child/_minreq_link.py`` has the same number.
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


def describe_exit(status: int | None) -> str:
    """Describe an exit *status* of ``subprocess``: negative for a signal, ``None`` where it is unknown."""
    if status is None:
        return "its process died"
    if status < 0:
        return f"its process died: {_SIGNALS.get(-status) or f'a signal ended it ({_signal_name(-status)})'}"
    if status == _NO_PARENT:
        return "its process died: its connection to minreq was closed, as by code that closes every descriptor"
    return f"its process died: it left with status {status} before the end, as os._exit and os.exec do"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"number {number}"


def read_exit_status(folder: Path, pid: int) -> int | None:
    """Return the exit status of process *pid*, read from the file in the run folder *folder*.

    The connection closes a moment before the line is written, so this waits for it; ``None`` where no line appears.
    """
    stop = time.monotonic() + LINE_TIMEOUT
    while True:
        status = _read_line(folder, pid)
        if status is not None or time.monotonic() > stop:
            return status
        time.sleep(_POLL_INTERVAL)


def _read_line(folder: Path, pid: int) -> int | None:
    try:
        text = regularfile.read(folder / FILENAME, _MAX_SIZE, below=folder).decode("ascii", "replace")
    except OSError:
        return None
    match = re.search(rf"^{pid} (-?\d{{1,3}})\n", text, re.MULTILINE)
    return None if match is None else int(match[1])
