"""What a stage left to pools of threads: it is over when that is done, or the next stage would be blamed for it."""

from __future__ import annotations

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from typing import Any

#: Seconds a stage waits. What takes longer is taken for a service that ends with the process.
PATIENCE = 5.0


class Jobs:
    """The jobs that pools have taken and not done."""

    def __init__(self) -> None:
        self._waiting: set[Future[Any]] = set()
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
        """Wait for them, and for those that they submit in turn; nobody waits twice for a service."""
        end = time.monotonic() + PATIENCE
        while self._waiting and (left := end - time.monotonic()) > 0:
            wait(tuple(self._waiting), timeout=left)
        self._waiting.clear()
