"""What a process has done and printed since its stage began."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _minreq_frames import FrameInfo

#: A folder of the sandbox beside the environment; minreq writes files here, where no smoke looks.
FOLDER = os.path.dirname(os.path.abspath(__file__))


class State:
    """What this process has done; the driver resets it with each stage."""

    def __init__(self) -> None:
        self.stage = os.environ.get("MINREQ_STAGE", "start")
        #: Questions asked so far.
        self.order = 0
        #: The one folder where a fork at a miss may write; ``None`` in any other process.
        self.fork_folder: str | None = None
        #: File descriptors of the driver's own.
        self.descriptors: set[int] = set()
        #: The descriptor of the file that replaces stdout while a stage runs.
        self.output: int | None = None
        self.warnings: list[str] = []
        self.logs: list[str] = []
        #: What was refused (``HOST:PORT``, ``read PATH``, ``write PATH``), and programs started (``run PATH``).
        self.connections: list[str] = []
        #: Files that the stage has opened; ``None`` where that is not recorded.
        self.opened: set[str] | None = None
        #: The frame that imported a module first, by module.
        self.importers: dict[str, FrameInfo | None] = {}

    def begin_stage(self, stage: str) -> None:
        """Forget what the stage before this one did."""
        self.stage = os.environ["MINREQ_STAGE"] = stage
        self.warnings, self.logs, self.connections = [], [], []
        if self.opened is not None:
            self.opened.clear()

    def capture_output(self, printed: bytes = b"") -> None:
        """Replace stdout by a file without a name that begins with *printed*."""
        path = os.path.join(FOLDER, f"output-{os.getpid()}")
        self.output = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        os.remove(path)
        os.write(self.output, printed)
        os.dup2(self.output, 1)

    def release_output(self, descriptor: int) -> None:
        """Make *descriptor* stdout again; close it and the file that replaced it."""
        os.dup2(descriptor, 1)
        os.close(descriptor)
        if self.output is not None:
            os.close(self.output)
            self.output = None

    def printed(self) -> bytes:
        """Return what the stage has printed; the file position is shared with forks, so this does not move it."""
        flush()
        if self.output is None:
            return b""
        return os.pread(self.output, os.fstat(self.output).st_size, 0)

    def become_fork(self, process: str, printed: bytes) -> None:
        """Turn this process, forked at a miss, into one with output and a temporary folder of its own.

        The output begins with *printed*; the fork may write into that folder only.
        """
        if self.output is not None:
            os.close(self.output)
            self.capture_output(printed)
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
    for stream in (sys.stdout, sys.__stdout__, sys.stderr, sys.__stderr__):
        try:
            if stream is not None:
                stream.flush()
        except (AttributeError, OSError, ValueError):  # noqa: PERF203 - The program closed it, or put something else there.
            continue
