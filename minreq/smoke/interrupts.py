"""An interrupt ends the runs of a smoke at once; else it would wait for the threads that wait for them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from minreq.smoke import listening

#: Seconds between two looks for runs that began although all is to end.
_PAUSE = 0.05


@contextmanager
def ending_runs() -> Iterator[None]:
    """While the context is open, SIGINT and SIGTERM first end every run, then do what they did before.

    What unwinds after that may begin further runs, from queues of work for instance: these are ended as they begin, so
    that each removes what it made. Where signals are not this thread's, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    over = threading.Event()
    with ExitStack() as stack:
        stack.callback(over.set)
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.getsignal(number)
            if callable(previous):
                signal.signal(number, _handler(previous, over))
                stack.callback(signal.signal, number, previous)
        yield


def _handler(
    previous: Callable[[int, FrameType | None], object], over: threading.Event
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_end_runs, args=(over,), daemon=True).start()
        previous(number, frame)

    return handle


def _end_runs(over: threading.Event) -> None:
    while True:
        for server in listening.open_servers():
            # A run that is about to start its child is ended at the next look.
            with suppress(AttributeError):
                server.listener.stop()
        if over.wait(_PAUSE):
            return
