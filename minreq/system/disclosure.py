"""Keep other processes of this user from reading what this process holds: its memory, environment and arguments."""

from __future__ import annotations

import ctypes
import re
import sys
from contextlib import suppress
from pathlib import Path

_SET_DUMPABLE = 4
#: User and password in an address.
_CREDENTIALS = re.compile(rb"(?<=://)[^/@\0]+(?=@)")
#: The numbers of ``/proc/self/stat`` (``proc_pid_stat(5)``) from the third on: where the arguments begin and end.
_ARGUMENTS = slice(45, 47)


def close_process() -> None:
    """Let no other process of this user read the memory and the environment of this one, or trace it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def hide_credentials() -> None:
    """Overwrite the users and passwords in the arguments of this process: every user may list them."""
    if sys.platform != "linux" or not any("@" in argument for argument in sys.argv):
        return
    with suppress(OSError, ValueError):
        numbers = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        begin, end = map(int, numbers[_ARGUMENTS])
        arguments = ctypes.string_at(begin, end - begin)
        hidden = _CREDENTIALS.sub(lambda match: b"*" * len(match.group()), arguments)
        ctypes.memmove(begin, hidden, len(hidden))
