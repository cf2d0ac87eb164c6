"""End the runs of a smoke when the user interrupts minreq; the threads that wait for the runs would delay the end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType

from minreq.smoke.server import open_servers

#: Seconds between two searches for runs that began after the interrupt.
_POLL_INTERVAL = 0.05


@contextmanager
def end_runs_on_interrupt() -> Iterator[None]:
    """While the context is open, SIGINT and SIGTERM first end every run, then do what they did before.

    Code that unwinds after the interrupt may begin further runs, for instance from a queue of work. These runs are
    ended as they begin, and each removes its temporary files. In any thread but the main one nothing changes, since
    only the main thread gets signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    context_closed = threading.Event()
    with ExitStack() as stack:
        stack.callback(context_closed.set)
        for number in (signal.SIGINT, signal.SIGTERM):
            previous = signal.getsignal(number)
            if callable(previous):
                signal.signal(number, _make_handler(previous, context_closed))
                stack.callback(signal.signal, number, previous)
        yield


def _make_handler(
    previous: Callable[[int, FrameType | None], object], context_closed: threading.Event
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=_end_runs, args=(context_closed,), daemon=True).start()
        previous(number, frame)

    return handle


def _end_runs(context_closed: threading.Event) -> None:
    while True:
        for server in open_servers():
            # A run whose child is not started yet has no process to end; the next search ends it.
            with suppress(AttributeError):
                server.handler.stop()
        if context_closed.wait(_POLL_INTERVAL):
            return
