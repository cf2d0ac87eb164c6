"""Start a process, wait for it, and end what it leaves running."""

from __future__ import annotations

import os
import time

from linux import ADOPT_ORPHANS, DIE_WITH_PARENT, SET_DUMPABLE, SIGKILL, SIGTERM, control

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import NoReturn

#: Seconds in which processes that go on starting others are ended.
_END_TIMEOUT = 10.0
#: Seconds between two looks for them.
_POLL_INTERVAL = 0.005


def run_as_first_process(start: Callable[[], None], folder: str) -> NoReturn:
    """Run *start* in a child of this process, the first of its namespace; end with it.

    The first process adopts every process that nobody waits for; when it ends, the kernel ends the rest. For each
    process that ends, it appends a line with number and exit status to the file ``ended`` in *folder*. It writes bytes:
    the standard library of this interpreter may be out of sight by now, if the smoke runs on another one, and a codec
    would have to be imported from it.
    """
    # No other process may look into this one; the program of the child is another.
    control(SET_DUMPABLE, 0, what="to close a process")
    child = os.fork()
    if not child:
        start()
    while True:
        pid, status = os.wait()
        code = os.waitstatus_to_exitcode(status)
        with open(f"{folder}/ended", "ab") as file:
            file.write(b"%d %d\n" % (pid, code))
        if pid == child:
            os._exit(code & 0xFF)


def run_and_end_the_rest(start: Callable[[], None]) -> NoReturn:
    """Run *start* in a child of this process, and end as the child does, after every process that it has left.

    That is for machines without process namespaces. SIGTERM, or the end of the parent, ends all of them.
    """
    import signal  # noqa: PLC0415 - Slow, and needed here alone.

    parent = os.getppid()
    control(ADOPT_ORPHANS, 1, what="to adopt processes")
    signal.signal(SIGTERM, _end)
    control(DIE_WITH_PARENT, SIGTERM, what="to end with its parent")
    if os.getppid() != parent:
        os._exit(1)
    child = os.fork()
    if not child:
        signal.signal(SIGTERM, signal.SIG_DFL)
        control(DIE_WITH_PARENT, SIGKILL, what="to end with its parent")
        start()
    while True:
        pid, status = os.wait()
        if pid == child:
            break
    _end_children()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code & 0xFF)


def _end(_number: int, _frame: FrameType | None) -> None:
    import signal  # noqa: PLC0415

    signal.signal(SIGTERM, signal.SIG_IGN)
    _end_children()
    os._exit(128 + SIGTERM)


def _end_children() -> None:
    """End every child, and the children that become ours by that, until there is none."""
    stop = time.monotonic() + _END_TIMEOUT
    while time.monotonic() < stop:
        try:
            with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
                children = [int(each) for each in file.read().split()]
        except OSError:
            return
        for each in children:
            os.kill(each, SIGKILL)
        # No wait without an end: the list may lack a process that became ours while it was read.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(_POLL_INTERVAL)
