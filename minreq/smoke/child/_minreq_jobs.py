"""Wait at the end of a stage for the work it left to threads; the next stage would get the blame for that work."""

from __future__ import annotations

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor, thread as pools, wait

from _minreq_clock import monotonic, process_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

#: After so many seconds in which this process does nothing, the jobs that are left are taken for services.
IDLE_TIMEOUT = 3.0
#: Seconds that a stage waits at most.
MAX_WAIT = 60.0
#: Seconds between two checks, and how many of them on a processor count as work.
_POLL_INTERVAL = 0.1
_MIN_WORK = 0.001


class Jobs:
    """The jobs that pools have accepted and not finished, and the threads that a program waits for at its end."""

    def __init__(self) -> None:
        self._unfinished: set[Future[Any]] = set()
        self._services: set[threading.Thread] = set()
        # A fork has none of the threads.
        os.register_at_fork(after_in_child=self._unfinished.clear)

    def track(self) -> None:
        """Record every job that is submitted from now on."""
        submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

        @functools.wraps(submit)
        def submit_and_track(*arguments: Any, **keywords: Any) -> Future[Any]:
            job = submit(*arguments, **keywords)
            self._unfinished.add(job)
            job.add_done_callback(self._unfinished.discard)
            return job

        ThreadPoolExecutor.submit = submit_and_track  # type: ignore[method-assign]

    def wait_until_done(self) -> None:
        """Wait for the jobs and threads, and for those that they start; a service is waited for only once."""
        idle, end = 0.0, monotonic() + MAX_WAIT
        while idle < IDLE_TIMEOUT and monotonic() < end:
            began, processor_began = monotonic(), process_time()
            # A copy: while this waits, jobs end and start others.
            if jobs := self._unfinished.copy():
                wait(jobs, timeout=_POLL_INTERVAL)
            elif threads := self._threads():
                threads[0].join(_POLL_INTERVAL)
            else:
                break
            # Processor time tells a service at rest, which uses none, from work on a busy machine, which gets little.
            if process_time() - processor_began < _MIN_WORK:
                idle += monotonic() - began
        self._unfinished.clear()
        self._services.update(self._threads())

    def _threads(self) -> list[threading.Thread]:
        """Return the threads that end by themselves, which workers of pools do not."""
        workers = getattr(pools, "_threads_queues", ())  # Nothing public tells workers from other threads.
        return [
            each
            for each in threading.enumerate()
            if each.is_alive()  # A thread that is just being started is listed, and cannot be joined.
            and each is not threading.current_thread()
            and not each.daemon
            and each not in workers
            and each not in self._services
        ]
