"""Measure the time that a process takes for a stage, without the time in which it waits for minreq."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Seconds that minreq may work for one stage: a process that asks without end must not run for ever.
MAX_PAUSE = 1800.0


class Clock:
    """The clock of one process; it stands still while minreq works for the process. Several threads may use it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._limit = 0.0
        self._start = now()
        #: Pauses that go on. Threads of the process, and its subprocesses, may wait for minreq at once.
        self._open_pauses = 0
        self._pause_start = 0.0
        self._paused_before = 0.0

    def begin(self, limit: float) -> None:
        """Begin a stage that may take *limit* seconds."""
        with self._lock:
            self._limit = limit
            self._start = self._pause_start = self._now()
            self._paused_before = 0.0

    @contextmanager
    def stop_clock(self) -> Iterator[None]:
        """Stop the clock while the context is open."""
        with self._lock:
            if not self._open_pauses:
                self._pause_start = self._now()
            self._open_pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._open_pauses -= 1
                if not self._open_pauses:
                    self._paused_before += self._now() - self._pause_start

    def seconds_left(self) -> float:
        """Return the seconds that the stage still has; zero or less when its time is over."""
        with self._lock:
            now = self._now()
            return self._limit - (now - self._start - self._paused(now))

    def paused_seconds(self) -> float:
        """Return the seconds in which the clock has stood still since the stage began."""
        with self._lock:
            return self._paused(self._now())

    def _paused(self, now: float) -> float:
        return self._paused_before + (now - self._pause_start if self._open_pauses else 0.0)
