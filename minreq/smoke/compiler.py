"""What Python compiles of the store, compiled apart: by processes that run no package, from the sources alone.

A run could leave anything in the place of a compiled file, for another package and for a later run. So no run writes
any: it asks for what it lacks, and whatever of several runs asks first, a file is compiled once.
"""

from __future__ import annotations

import json
import re
import selectors
import subprocess
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from minreq.smoke.walls import Walls
from minreq.system import temporary
from minreq.wheels import compiled

#: A script of its own. It is told to the interpreter as text, since where it lies may be out of sight there.
_SCRIPT = Path(__file__).with_name("compiler.py")


class Compiler:
    """Compiles sources of the store with *executable*, at most *jobs* at a time; a context manager, used by threads.

    There are small sources that take hours: after *limit* seconds in all, whoever asks compiles for itself.
    """

    def __init__(self, executable: Path, walls: Walls, jobs: int, limit: float) -> None:
        self._command = [str(executable), "-I", "-S", "-B", "-c", _SCRIPT.read_text("utf-8")]
        self._walls = walls
        source = rf"(?P<tree>{re.escape(str(walls.unpacked))}/[0-9a-f]{{64}})/lib/(?P<path>[^\0]+\.py)"
        self._source = re.compile(source)
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, int], Future[bool]] = {}
        # The threads start the workers, one each: the kernel ends a worker with the thread that started it.
        self._threads = ThreadPoolExecutor(max(jobs, 1))
        self._own = threading.local()
        self._workers: list[subprocess.Popen[str]] = []
        self._is_over = False
        self._left = limit

    def __enter__(self) -> Compiler:  # noqa: PYI034 - Self is in typing from Python 3.11 on
        self._folder = temporary.TemporaryFolder()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._is_over = True
            workers = [*self._workers]
        for worker in workers:
            worker.kill()
        self._threads.shutdown()
        for worker in workers:
            _end(worker)
        self._folder.remove()

    def compile(self, file: str, optimize: int) -> bool:
        """Compile the source *file* of the store, for Python run with that many ``-O``; tell whether it is there now.

        Whatever is no source of the store, or cannot be compiled, is not.
        """
        match = self._source.fullmatch(file)
        if match is None or {"..", "."} & {*match["path"].split("/")} or not 0 <= optimize <= 2:  # noqa: PLR2004
            return False
        with self._lock:
            answer = self._answers.get((file, optimize))
            if answer is None:
                if self._is_over:
                    return False
                answer = self._threads.submit(self._compiled, file, optimize, Path(match["tree"]))
                self._answers[file, optimize] = answer
        return answer.result()

    def _compiled(self, file: str, optimize: int, tree: Path) -> bool:
        if self._left <= 0:
            return False
        began = time.monotonic()
        try:
            made = _asked(self._worker(), file, optimize, self._left)
            if made is not None:
                path, digest = made
                compiled.vouch(tree, path.removeprefix(f"{tree}/lib/"), digest)
        except OSError:
            # A full disk or a folder that can only be read: whoever asks compiles for itself.
            return False
        finally:
            with self._lock:
                self._left -= time.monotonic() - began
        return made is not None

    def _worker(self) -> subprocess.Popen[str]:
        worker: subprocess.Popen[str] | None = getattr(self._own, "worker", None)
        if worker is None or worker.poll() is not None:
            worker = self._own.worker = self._started()
        return worker

    def _started(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._is_over:
                raise BrokenPipeError
            # One for each: a world is made in it.
            folder = self._folder.path / str(len(self._workers))
            folder.mkdir()
            command = self._walls.command(
                self._command, writable=folder, also=(self._walls.unpacked,), readable=(), network=None
            )
            worker = subprocess.Popen(
                command,
                env={},
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                start_new_session=True,
            )
            self._workers.append(worker)
        return worker


def _asked(worker: subprocess.Popen[str], file: str, optimize: int, limit: float) -> tuple[str, str] | None:
    """Let *worker* compile *file*: the path of what it made and its SHA-256, ``None`` where it could not.

    Raises ``OSError`` where the worker is gone, or not done after *limit* seconds: there are sources on which the
    compiler itself dies.
    """
    if worker.stdin is None or worker.stdout is None:
        raise BrokenPipeError
    worker.stdin.write(json.dumps([file, optimize]) + "\n")
    worker.stdin.flush()
    line = worker.stdout.readline() if _speaks(worker.stdout, limit) else ""
    if not line.endswith("\n"):
        worker.kill()
        worker.wait()
        raise BrokenPipeError
    made = json.loads(line)
    if made is None:
        return None
    path, digest = made
    return str(path), str(digest)


def _speaks(stream: IO[str], limit: float) -> bool:
    """Whether anything comes within *limit* seconds; what does is a whole line."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        return bool(selector.select(limit))


def _end(worker: subprocess.Popen[str]) -> None:
    worker.wait()
    for stream in (worker.stdin, worker.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
