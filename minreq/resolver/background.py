"""Work that is done once, by whoever needs it first, and ahead of need on a few threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar, final

Result = TypeVar("Result")

#: Requests under way at once; an index answers these in about the time of one.
_THREADS = 16


@final
class Ahead:
    """Results by key; what failed fails again, the same way, for everybody who asks.

    What was begun ahead and is never asked for has no effect, not even by failing.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="ahead")
        self._lock = Lock()
        self._results: dict[Hashable, Future[Any]] = {}
        self._begun: set[Hashable] = set()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # What is under way may wait for the network; nobody waits for it, an interrupted program least of all.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def once(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """The result of *work*, done by the first thread that asks for *key*; others wait for it."""
        with self._lock:
            future = self._results.get(key)
            first = future is None
            if future is None:
                future = self._results[key] = Future()
        if first:
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised again by result(), here and for all who wait.
                future.set_exception(error)
        result: Result = future.result()
        return result

    def begin(self, key: Hashable, work: Callable[[], object]) -> None:
        """Do *work* on another thread soon; a second call with the same *key* does nothing."""
        with self._lock:
            if key in self._begun:
                return
            self._begun.add(key)
        # Work that goes on after the end begins nothing new.
        with suppress(RuntimeError):
            self._pool.submit(work)
