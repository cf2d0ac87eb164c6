"""Let the clocks of a process go faster: a duration that it prints then shows that it is one."""

from __future__ import annotations

import time
from time import monotonic, process_time

__all__ = ["advance_clocks", "monotonic", "process_time"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from time import struct_time

#: How many times as fast the clocks go.
_RATE = 7
#: The nanoseconds that each reading adds: two readings differ in the first digit after the point, at least.
_STEP = 110_000_000
#: Nanoseconds that the wall clock is ahead: runs within one second, or one minute, then print another time of day.
_AHEAD = 61_000_000_000
#: Clocks in seconds, each with the one that counts nanoseconds.
_CLOCKS = ("time", "monotonic", "perf_counter", "process_time", "thread_time")


def advance_clocks() -> None:
    """Let the clocks of the module `time` go faster, and on at each reading; sleep and timeouts stay as they are.

    Code that took a function of `time` before this, such as minreq's own, goes on with the true one.
    """
    steps = 0

    def advance(read: Callable[[], int], ahead: int) -> Callable[[], int]:
        began = read()

        def read_advanced() -> int:
            nonlocal steps
            steps += 1
            return began + ahead + (read() - began) * _RATE + steps * _STEP

        return read_advanced

    def in_seconds(read: Callable[[], int]) -> Callable[[], float]:
        return lambda: read() / 1e9

    for name in _CLOCKS:
        if not hasattr(time, name):
            continue
        read = advance(getattr(time, f"{name}_ns"), _AHEAD if name == "time" else 0)
        setattr(time, f"{name}_ns", read)
        setattr(time, name, in_seconds(read))
    _advance_calendar()


def _advance_calendar() -> None:
    """Let the functions that show the current time by default take it from the advanced clock."""

    def at_time(convert: Callable[[float], object]) -> Callable[[float | None], object]:
        def convert_time(seconds: float | None = None) -> object:
            return convert(time.time() if seconds is None else seconds)

        return convert_time

    for name in ("localtime", "gmtime", "ctime"):
        setattr(time, name, at_time(getattr(time, name)))
    strftime, asctime = time.strftime, time.asctime

    def format_time(text: str, moment: tuple[int, ...] | struct_time | None = None) -> str:
        return strftime(text, time.localtime() if moment is None else moment)  # type: ignore[arg-type]

    def show_time(moment: tuple[int, ...] | struct_time | None = None) -> str:
        return asctime(time.localtime() if moment is None else moment)  # type: ignore[arg-type]

    time.strftime, time.asctime = format_time, show_time
