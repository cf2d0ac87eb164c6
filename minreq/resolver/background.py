"""Runs each piece of work once, in the thread that needs the result first, or earlier in a few background threads."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar, final

from minreq.system.onceperkey import OncePerKey

Result = TypeVar("Result")

#: Requests at the same time; an index answers these in about the time of one.
_THREADS = 16


@final
class BackgroundWork:
    """Results by key. Work that failed raises the same error for every caller.

    Work that was started in the background has no effect, not even an error, until somebody asks for its result.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="background")
        self._results: OncePerKey[Hashable, Any] = OncePerKey()

    def __enter__(self) -> BackgroundWork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Running work may wait for the network. Nobody waits for that work, least of all an interrupted program.
        self._pool.shutdown(wait=False, cancel_futures=True)

    def get(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """Return the result of *work*, which the first thread that asks for *key* runs; other threads wait for it."""
        result: Result = self._results.get(key, work)
        return result

    def start(self, key: Hashable, work: Callable[[], object]) -> None:
        """Run *work* on another thread soon; a second call with the same *key* does nothing."""
        # After the end, work that still runs starts nothing new.
        with suppress(RuntimeError):
            self._results.start(key, work, self._pool)
