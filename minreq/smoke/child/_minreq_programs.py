"""Which programs a process starts: nothing is refused here, but a person should know."""

from __future__ import annotations

import os
import sys

from _minreq_files import caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from _minreq_state import State

#: Audit events, and which of their arguments is the program.
_STARTING = {"subprocess.Popen": 0, "os.exec": 0, "os.posix_spawn": 0, "os.spawn": 1}
#: Those that a shell carries out.
_SHELL = frozenset({"os.system", "pty.spawn"})


def record_programs(state: State) -> Callable[[str, tuple[Any, ...]], None]:
    """Return an audit hook that writes down which program was started, and by which line.

    What the program is told is left out, since it may differ from run to run, and so is the interpreter itself.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _STARTING:
            program = arguments[_STARTING[event]]
        elif event in _SHELL:
            program = "/bin/sh"
        else:
            return
        name = os.fsdecode(program) if isinstance(program, (str, bytes, os.PathLike)) else "a program"
        told = f"run {name}{caller()}"
        # subprocess uses what raises an event of its own.
        if name != sys.executable and told not in state.connections[-1:]:
            state.connections.append(told)

    return hook
