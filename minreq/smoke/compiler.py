"""Compile the Python files of the store in processes that run no package.

A run could leave anything in the place of a compiled file, to be run by another package or in a later run. So no run
writes compiled files: it asks for what it lacks. Each file is compiled once, however many runs ask for it.
"""

from __future__ import annotations

import json
import re
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from minreq.smoke.isolation import Isolation
from minreq.smoke.start import Access, start_isolated
from minreq.system import temporary
from minreq.wheels import bytecode
from minreq.wheels.bytecode import BytecodeRecord

#: The interpreter gets the script as text, since isolation may hide the folder of minreq.
_WORKER_SCRIPT = Path(__file__).with_name("compileworker.py")


class Compiler:
    """Compiles sources of the store with *executable*; a context manager that several threads may use.

    At most *jobs* workers run at a time. Some small sources take hours to compile: after *time_limit* seconds in all,
    the compiler compiles nothing more, and each child compiles for itself. *record* keeps what the compiler made: its
    arguments are the tree, the path below it and the hashes.
    """

    def __init__(
        self,
        executable: Path,
        isolation: Isolation,
        jobs: int,
        time_limit: float,
        record: Callable[[Path, str, BytecodeRecord], None] = bytecode.write_record,
    ) -> None:
        self._command = [str(executable), "-I", "-S", "-B", "-c", _WORKER_SCRIPT.read_text("utf-8")]
        self._isolation = isolation
        self._record = record
        unpacked = re.escape(str(isolation.unpacked))
        self._source = re.compile(rf"(?P<tree>{unpacked}/[0-9a-f]{{64}})/(?P<folder>lib|bin|data)/(?P<path>[^\0]+\.py)")
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, int], Future[bool]] = {}
        # Each thread starts a worker of its own: the kernel ends a worker with the thread that started it.
        self._threads = ThreadPoolExecutor(max(jobs, 1))
        self._of_thread = threading.local()
        self._workers: list[subprocess.Popen[str]] = []
        self._is_closed = False
        self._seconds_left = time_limit

    def __enter__(self) -> Compiler:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        self._folder = temporary.TemporaryFolder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._is_closed = True
            workers = [*self._workers]
        for worker in workers:
            worker.kill()
        self._threads.shutdown()
        for worker in workers:
            _close(worker)
        self._folder.remove()

    def compile(self, file: str, optimize: int) -> bool:
        """Compile the source *file* of the store; return whether its compiled file exists now.

        *optimize* is the number of ``-O`` that Python runs with. A file that is no source of the store, or that cannot
        be compiled, gets no compiled file.
        """
        match = self._match(file)
        if match is None or match["folder"] != "lib" or not 0 <= optimize <= 2:  # noqa: PLR2004
            return False
        with self._lock:
            answer = self._answers.get((file, optimize))
            if answer is None:
                if self._is_closed:
                    return False
                answer = self._threads.submit(self._compile, file, optimize, Path(match["tree"]))
                self._answers[file, optimize] = answer
        return answer.result()

    def measure(self, file: str, shown: str) -> int | None:
        """Return the bytes of the compiled file of the source *file* of the store, without writing it.

        The code names its source *shown*. A file that is no valid Python has 0. ``None``: *file* is no source of the
        store, it kills the compiler, or the time is over.
        """
        if self._match(file) is None:
            return None
        with self._lock:
            if self._is_closed:
                return None
            answer = self._threads.submit(self._measure, file, shown)
        return answer.result()

    def _match(self, file: str) -> re.Match[str] | None:
        match = self._source.fullmatch(file)
        return None if match is None or {"..", "."} & {*match["path"].split("/")} else match

    def _measure(self, file: str, shown: str) -> int | None:
        with suppress(OSError):
            return int(self._ask(file, 0, shown) or 0)
        return None

    def _compile(self, file: str, optimize: int, tree: Path) -> bool:
        # A full disk or a read-only folder: the child compiles for itself.
        with suppress(OSError):
            answer = self._ask(file, optimize)
            if answer is None:
                return False
            path, digest, source = map(str, answer)
            self._record(tree, path.removeprefix(f"{tree}/"), BytecodeRecord(digest, source))
            return True
        return False

    def _ask(self, *request: str | int) -> Any:
        """Return the answer of a worker to *request*; raises ``OSError`` where there is none, or no time for it."""
        if self._seconds_left <= 0:
            raise TimeoutError
        began = time.monotonic()
        try:
            return _ask(self._worker(), request, self._seconds_left)
        finally:
            with self._lock:
                self._seconds_left -= time.monotonic() - began

    def _worker(self) -> subprocess.Popen[str]:
        worker: subprocess.Popen[str] | None = getattr(self._of_thread, "worker", None)
        if worker is None or worker.poll() is not None:
            worker = self._of_thread.worker = self._start_worker()
        return worker

    def _start_worker(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._is_closed:
                raise BrokenPipeError
            # One folder for each worker: the launcher sets up its mounts in it.
            folder = self._folder.path / str(len(self._workers))
            folder.mkdir()
            worker = start_isolated(
                self._isolation,
                self._command,
                Access(writable=folder, also_writable=(self._isolation.unpacked,)),
                environment={},
                folder=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
            )
            self._workers.append(worker)
        return worker


def _ask(worker: subprocess.Popen[str], request: Sequence[str | int], timeout: float) -> Any:
    """Send *request* to *worker*, and return its answer.

    Raises ``OSError`` where the worker is gone or not done after *timeout* seconds: some sources kill the compiler.
    """
    if worker.stdin is None or worker.stdout is None:
        raise BrokenPipeError
    worker.stdin.write(json.dumps(request) + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline() if _has_output(worker.stdout, timeout) else ""
    if not line.endswith("\n"):
        worker.kill()
        worker.wait()
        raise BrokenPipeError
    return json.loads(line)


def _has_output(stream: IO[str], timeout: float) -> bool:
    """Whether anything arrives within *timeout* seconds; the worker writes whole lines."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(timeout))


def _close(worker: subprocess.Popen[str]) -> None:
    worker.wait()
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
