"""Runs work once for each key, for several threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class OncePerKey(Generic[K, V]):
    """Results by key, shared by threads. An error is a result too: every caller gets it."""

    def __init__(self) -> None:
        self._results: dict[K, Future[V]] = {}
        self._lock = Lock()

    def get(self, key: K, work: Callable[[], V]) -> V:
        """Return the result for *key*: run *work*, or wait for the thread that runs it already."""
        result, is_new = self._claim(key)
        if is_new:
            _run(work, result)
        return result.result()

    def find(self, key: K) -> V | None:
        """Return the result for *key*; ``None`` where there is none yet, or an error."""
        with self._lock:
            result = self._results.get(key)
        return result.result() if result is not None and result.done() and result.exception() is None else None

    def start(self, key: K, work: Callable[[], V], executor: Executor) -> None:
        """Run *work* in the background, unless *key* has a result or a thread works on it."""
        with self._lock:
            claimed = key in self._results
        if not claimed:
            executor.submit(self._run_if_new, key, work)

    def _run_if_new(self, key: K, work: Callable[[], V]) -> None:
        # The key is claimed only now that a thread is free: a caller of `get` in the meantime does not wait in a queue.
        result, is_new = self._claim(key)
        if is_new:
            _run(work, result)

    def _claim(self, key: K) -> tuple[Future[V], bool]:
        with self._lock:
            if key in self._results:
                return self._results[key], False
            result = self._results[key] = Future()
            return result, True


def _run(work: Callable[[], V], result: Future[V]) -> None:
    try:
        result.set_result(work())
    except BaseException as error:  # noqa: BLE001 - All who wait get it, an interrupt too.
        result.set_exception(error)
