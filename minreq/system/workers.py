"""Call a function in several processes of minreq's own interpreter.

The module ``multiprocessing`` starts its interpreters with the working folder on their path. A file there that is named
like a module of the standard library would run. The interpreters here are isolated (``-I``).
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: Seconds in which an interrupted function removes its temporary files.
_GRACE = 10.0


class WorkerEnded(RuntimeError):
    """A process ended before it answered: it was killed, or the machine has no memory left."""


def call_in_processes(function: Callable[[T], R], items: Sequence[T], processes: int) -> Iterator[tuple[int, R]]:
    """Call *function* with each of *items* in up to *processes* processes; yield number and result as they are done.

    Function, items and results are pickled. Raises what *function* raises, and `WorkerEnded`.
    """
    for number, result in try_in_processes(function, items, processes, grace=0):
        if isinstance(result, WorkerEnded):
            raise result
        yield number, result


def try_in_processes(
    function: Callable[[T], R], items: Sequence[T], processes: int, *, grace: float = _GRACE
) -> Iterator[tuple[int, R | WorkerEnded]]:
    """Do as `call_in_processes` does, but yield `WorkerEnded` for an item whose process ended; another one replaces it.

    Where the caller stops before the end, *function* has *grace* seconds to remove its temporary files: it is
    interrupted as by Ctrl-C.
    """
    with ExitStack() as stack:
        workers: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        count = min(processes, len(items))
        pool = ThreadPoolExecutor(max(count, 1))
        # The processes end first, so no thread waits for one of them.
        stack.callback(pool.shutdown, cancel_futures=True)
        for _ in range(count):
            workers.put(stack.enter_context(_start(grace)))

        def call(item: T) -> Any:
            worker = workers.get()
            try:
                return _ask(worker, (function, item))
            except WorkerEnded as ended:
                worker = stack.enter_context(_start(grace))
                return ended
            finally:
                workers.put(worker)

        futures = {pool.submit(call, item): number for number, item in enumerate(items)}
        for future in as_completed(futures):
            yield futures[future], future.result()


@contextmanager
def _start(grace: float) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-I", "-m", "minreq.system.workers"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        if grace:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(grace)
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            # The end of a request may not have left this process.
            with suppress(OSError):
                if stream is not None:
                    stream.close()


def _ask(worker: subprocess.Popen[bytes], request: object) -> Any:
    if worker.stdin is None or worker.stdout is None:
        raise WorkerEnded
    try:
        pickle.dump(request, worker.stdin)
        worker.stdin.flush()
        result, error = pickle.load(worker.stdout)  # noqa: S301 - From a process that runs minreq's code alone.
    except (OSError, EOFError, pickle.UnpicklingError) as ended:
        raise WorkerEnded from ended
    if error is not None:
        raise error
    return result


def main() -> None:
    """Answer requests until stdin ends."""
    # An interrupt from the keyboard is for minreq, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            function, item = pickle.load(sys.stdin.buffer)  # noqa: S301 - From minreq.
            answer: tuple[Any, Exception | None]
            try:
                answer = (function(item), None)
            except Exception as error:  # noqa: BLE001 - The caller raises it again.
                answer = (None, error)
            pickle.dump(answer, answers)
            answers.flush()


if __name__ == "__main__":
    main()
