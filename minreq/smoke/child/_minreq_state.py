"""What a process has done and printed since its stage began."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from _minreq_frames import FrameInfo
    from _minreq_link import Link

#: A folder of the run beside its environment; minreq writes files here, where no smoke looks.
FOLDER = os.path.dirname(os.path.abspath(__file__))

#: The stage of a process until its first stage begins.
_NO_STAGE = "start"


class CapturedStream:
    """A standard stream of the process, which a file replaces while a stage runs."""

    def __init__(self, name: str, descriptor: int) -> None:
        self._name = name
        self._descriptor = descriptor
        #: Descriptors of the file and of what it replaces; ``None`` while no stage runs.
        self._file: int | None = None
        self._replaced: int | None = None

    @property
    def descriptors(self) -> set[int]:
        """The file descriptors that are minreq's own."""
        return {each for each in (self._file, self._replaced) if each is not None}

    @property
    def path(self) -> str:
        """The path of the file; the parent reads it when this process dies."""
        return os.path.join(FOLDER, f"{self._name}-{os.getpid()}")

    def begin(self) -> None:
        """Replace the stream by an empty file."""
        self._replaced = os.dup(self._descriptor)
        self._open_file(b"")

    def fork(self, text: bytes) -> None:
        """Replace the stream in a fork by a file of its own that begins with *text*."""
        if self._file is not None:
            os.close(self._file)
            self._open_file(text)

    def end(self) -> None:
        """Put back what the file replaced; remove the file."""
        if self._file is not None and self._replaced is not None:
            os.dup2(self._replaced, self._descriptor)
            os.close(self._replaced)
            os.close(self._file)
            self._file = self._replaced = None
            _remove(self.path)

    def read(self, begin: int = 0) -> bytes:
        """Return what was written since *begin*. The position of the file is shared with forks and does not move.

        A worker that inherited the stream has no file of its own, and reads the stream itself.
        """
        try:
            size = self.size()
            return os.pread(self._source, size - begin, begin) if size > begin else b""
        except OSError:
            return b""

    def size(self) -> int:
        """Return the number of bytes that were written."""
        try:
            return os.fstat(self._source).st_size
        except OSError:
            return 0

    @property
    def _source(self) -> int:
        return self._descriptor if self._file is None else self._file

    def _open_file(self, text: bytes) -> None:
        _remove(self.path)  # That of a process which had this number, and died.
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.write(self._file, text)
        os.dup2(self._file, self._descriptor)


class State:
    """What this process has done; the driver resets it with each stage."""

    def __init__(self, link: Link | None = None) -> None:
        self._link = link
        self.stage = os.environ.get("MINREQ_STAGE", _NO_STAGE)
        #: The process that sends the result of the stage; all others are workers.
        self.driver_pid: int | None = None
        #: The test of pytest that runs, or what pytest collects; in a subprocess the test that has started it.
        self.test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
        #: Questions asked so far.
        self.order = 0
        #: The one folder where a fork at a miss may write; ``None`` in any other process.
        self.fork_folder: str | None = None
        self.output = CapturedStream("output", 1)
        self.errors = CapturedStream("errors", 2)
        self.warnings: list[str] = []
        self.logs: list[str] = []
        #: How the processes ended that this process waited for: ``exit STATUS (FILE:LINE)``.
        self.exits: list[str] = []
        #: Parts of stderr that show what is recorded already: where each begins and ends.
        self.recorded_parts: list[tuple[int, int]] = []
        #: What was refused (``HOST:PORT``, ``read PATH``, ``write PATH``), and programs started (``run PATH``).
        self.connections: list[str] = []
        #: Files that the stage has opened; ``None`` where that is not recorded.
        self.opened: set[str] | None = None
        #: Where exceptions of declined imports were caught: the name in the question, who asked, and the place.
        self.caught: dict[tuple[str, FrameInfo, FrameInfo], None] = {}
        #: The frame that imported a module first, by module.
        self.importers: dict[str, FrameInfo | None] = {}

    def begin_stage(self, stage: str) -> None:
        """Forget what the stage before this one did, and capture what this one prints."""
        self.stage = os.environ["MINREQ_STAGE"] = stage
        self.driver_pid = os.getpid()
        self.warnings, self.logs, self.connections, self.exits, self.recorded_parts = [], [], [], [], []
        self.caught = {}
        if self.opened is not None:
            self.opened.clear()
        flush()
        self.output.begin()
        self.errors.begin()

    def end_stage(self) -> None:
        """Make stdout and stderr again what they were before the stage."""
        self.output.end()
        self.errors.end()

    def take_caught(self) -> list[tuple[str, FrameInfo, FrameInfo]]:
        """Return what `caught` has, and empty it: an exception may be freed at any moment, also while it is read."""
        caught, self.caught = self.caught, {}
        return sorted(caught)

    @property
    def descriptors(self) -> set[int]:
        """The file descriptors that are minreq's own."""
        return self.output.descriptors | self.errors.descriptors

    def record(self, what: Literal["warnings", "logs"], line: str, show: Callable[[], object]) -> None:
        """Record *line*, and call *show*, which shows it to the user.

        What appears on stderr meanwhile is recorded by *line* already. A worker sends all that to the parent, since
        the result of the stage comes from the driver.
        """
        flush_errors()
        begin = self.errors.size()
        try:
            show()
        finally:
            flush_errors()
            if os.getpid() == self.driver_pid:
                getattr(self, what).append(line)
                self.recorded_parts.append((begin, self.errors.size()))
            else:
                self._send({what: [line], "shown": [_decode(self.errors.read(begin))]})

    def record_exit(self, line: str) -> None:
        """Record how a process ended that this process started."""
        if os.getpid() == self.driver_pid:
            self.exits.append(line)
        else:
            self._send({"exits": [line]})

    def _send(self, record: dict[str, list[str]]) -> None:
        if self._link is not None and self.stage != _NO_STAGE:
            self._link.request({"record": record, "stage": self.stage})

    def printed(self) -> tuple[str, str]:
        """Return what the stage has printed on stdout, and on stderr without the parts that are recorded already."""
        flush()
        errors, kept, end = self.errors.read(), [], 0
        for begin, next_end in sorted(self.recorded_parts):
            kept.append(errors[end:begin])
            end = max(end, next_end)
        return _decode(self.output.read()), _decode(b"".join((*kept, errors[end:])))

    def written(self) -> tuple[bytes, bytes]:
        """Return what has arrived in the files of stdout and stderr; what is still buffered is not flushed.

        A flush would change the order of what a process and its subprocesses print.
        """
        return self.output.read(), self.errors.read()

    def become_fork(self, process: str, written: tuple[bytes, bytes]) -> None:
        """Turn this process, forked at a miss, into one with output and a temporary folder of its own.

        The output begins with *written*; the fork may write into that folder only.
        """
        self.driver_pid = os.getpid()
        self.output.fork(written[0])
        self.errors.fork(written[1])
        folder = os.path.join(FOLDER, f"temporary-{process}")
        os.mkdir(folder)
        os.environ["TMPDIR"] = folder
        tempfile = sys.modules.get("tempfile")
        if getattr(tempfile, "tempdir", None) is not None:
            vars(tempfile)["tempdir"] = folder
        sys.dont_write_bytecode = True
        self.fork_folder = folder


def flush() -> None:
    """Flush what was printed, also where the program has replaced ``sys.stdout``."""
    for stream in (sys.stdout, sys.__stdout__):
        _flush(stream)
    flush_errors()


def flush_errors() -> None:
    """Flush stderr."""
    for stream in (sys.stderr, sys.__stderr__):
        _flush(stream)


def _flush(stream: object) -> None:
    try:
        if stream is not None:
            stream.flush()  # type: ignore[attr-defined]  # If it has none, that is one of the exceptions.
    except Exception:  # noqa: BLE001 - The program closed it, or put something else there, or is writing to it.
        return


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def _remove(path: str) -> None:
    try:
        os.remove(path)
    except OSError:
        return
