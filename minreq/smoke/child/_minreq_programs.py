"""Record which programs a process starts, and how they end. None is refused, but the user should see them."""

from __future__ import annotations

import functools
import os
import sys

from _minreq_files import describe_caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _minreq_state import State

#: Audit events that start a program, and which of their arguments is the program.
_START_EVENTS = {"subprocess.Popen": 0, "os.exec": 0, "os.posix_spawn": 0, "os.spawn": 1}
#: Audit events of what a shell runs.
_SHELL_EVENTS = frozenset({"os.system", "pty.spawn"})


def make_program_hook(state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that records each program that is started, and the line that starts it.

    The arguments of the program are not recorded, since they may differ from run to run; nor is the interpreter itself.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _START_EVENTS:
            program = arguments[_START_EVENTS[event]]
        elif event in _SHELL_EVENTS:
            program = "/bin/sh"
        else:
            return
        name = os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else "a program"
        entry = f"run {name}{describe_caller()}"
        # subprocess starts programs by functions that raise an event of their own: only the first is recorded.
        if name != sys.executable and entry not in state.connections[-1:]:
            state.connections.append(entry)

    return hook


def record_exits(state: State) -> None:
    """Record how each process ends that this process waits for, and the line that waits.

    ``subprocess``, ``multiprocessing`` and ``asyncio`` all wait by these functions, whatever they started and how.
    """
    for name in ("waitpid", "wait", "system"):
        setattr(os, name, _recording(getattr(os, name), state))


def _recording(wait: Callable[..., Any], state: State) -> Callable[..., Any]:
    @functools.wraps(wait)
    def wait_and_record(*arguments: Any, **keywords: Any) -> Any:
        result = wait(*arguments, **keywords)
        # `os.system` returns the status alone. Of a process that still runs the number is 0.
        pid, status = result if isinstance(result, tuple) else (None, result)
        if pid != 0 and (os.WIFEXITED(status) or os.WIFSIGNALED(status)):
            state.record_exit(f"exit {os.waitstatus_to_exitcode(status)}{describe_caller()}")
        return result

    return wait_and_record
