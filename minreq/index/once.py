"""Work that is done once, whoever asks first, and whose result all others wait for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Once(Generic[K, V]):
    """Results by key; an error is a result too. Shared by threads."""

    def __init__(self, make: Callable[[K], V]) -> None:
        self._make = make
        self._results: dict[K, Future[V]] = {}
        self._lock = Lock()

    def get(self, key: K) -> V:
        """The result for *key*: made here, or by whoever is making it already."""
        result, mine = self._claim(key)
        if mine:
            self._work(key, result)
        return result.result()

    def start(self, key: K, executor: Executor) -> None:
        """Begin on *key* in the background, unless that has been done."""
        with self._lock:
            known = key in self._results
        if not known:
            executor.submit(self._begin, key)

    def _begin(self, key: K) -> None:
        # Claimed only now that a thread is free: who asks in the meantime does not wait in the queue.
        result, mine = self._claim(key)
        if mine:
            self._work(key, result)

    def _claim(self, key: K) -> tuple[Future[V], bool]:
        with self._lock:
            if key in self._results:
                return self._results[key], False
            result = self._results[key] = Future()
            return result, True

    def _work(self, key: K, result: Future[V]) -> None:
        try:
            result.set_result(self._make(key))
        except BaseException as error:  # noqa: BLE001 - whoever waits must be told, an interrupt too
            result.set_exception(error)
