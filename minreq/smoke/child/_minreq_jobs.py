"""What a stage left to threads: it is over when that is done, or the next stage would be blamed for it."""

from __future__ import annotations

import functools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor, thread as pools, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

#: Seconds in which this process does nothing, after which what is left is taken for a service that ends with it.
PATIENCE = 3.0
#: Seconds a stage waits at most.
LONGEST = 60.0
#: Seconds between two looks, and how many of them on a processor are some work.
_LOOK = 0.1
_WORK = 0.001


class Jobs:
    """The jobs that pools have taken and not done, and the threads that hold up the end of a program."""

    def __init__(self) -> None:
        self._waiting: set[Future[Any]] = set()
        self._services: set[threading.Thread] = set()
        # A fork has none of the threads.
        os.register_at_fork(after_in_child=self._waiting.clear)

    def follow(self) -> None:
        """Know of every job from now on."""
        submit: Callable[..., Future[Any]] = ThreadPoolExecutor.submit

        @functools.wraps(submit)
        def and_follow(*arguments: Any, **keywords: Any) -> Future[Any]:
            job = submit(*arguments, **keywords)
            self._waiting.add(job)
            job.add_done_callback(self._waiting.discard)
            return job

        ThreadPoolExecutor.submit = and_follow  # type: ignore[method-assign]

    def finish(self) -> None:
        """Wait for them, and for those that they begin in turn; nobody waits twice for a service."""
        idle, end = 0.0, time.monotonic() + LONGEST
        while idle < PATIENCE and time.monotonic() < end:
            looked, worked = time.monotonic(), time.process_time()
            # Looked at once: they end meanwhile, and begin others.
            if jobs := self._waiting.copy():
                wait(jobs, timeout=_LOOK)
            elif threads := self._threads():
                threads[0].join(_LOOK)
            else:
                break
            # A machine that is busy with other things gives little time, and a service at rest takes none.
            if time.process_time() - worked < _WORK:
                idle += time.monotonic() - looked
        self._waiting.clear()
        self._services.update(self._threads())

    def _threads(self) -> list[threading.Thread]:
        """Threads that end by themselves: workers of pools do not."""
        workers = getattr(pools, "_threads_queues", ())  # Nothing public tells a worker.
        return [
            each
            for each in threading.enumerate()
            if each.is_alive()  # One that is just being started is listed, and cannot be joined.
            and each is not threading.current_thread()
            and not each.daemon
            and each not in workers
            and each not in self._services
        ]
