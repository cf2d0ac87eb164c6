"""The processes of a run: the first one, forks at misses, and forks of the template."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from packaging.utils import NormalizedName

from minreq.smoke.clock import MAX_PAUSE, Clock
from minreq.smoke.lines import MessageRefused
from minreq.smoke.results import MAX_LINES, MAX_PRINTED, StageResult, WorkerRecord

#: The name of the first process.
MAIN = "main"
#: Seconds between two looks at a clock that stands still.
_POLL_INTERVAL = 0.1
#: Seconds within which all processes of a run have to end.
_END_TIMEOUT = 30.0


def end_launched(child: subprocess.Popen[bytes], *, in_namespace: bool) -> None:
    """End *child*, the process of the launcher, and all that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if in_namespace:
            os.killpg(child.pid, signal.SIGKILL)
        else:
            # The launcher also ends what has left its group of processes. A smoke may have stopped it.
            os.kill(child.pid, signal.SIGTERM)
            os.kill(child.pid, signal.SIGCONT)


def wait_or_end(child: subprocess.Popen[bytes], seconds: float, *, in_namespace: bool) -> int | None:
    """Return the exit status of *child*, the process of the launcher; end it after *seconds*, and return ``None``."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if child.returncode is None:
            end_launched(child, in_namespace=in_namespace)
            wait_for_launched(child)


def wait_for_launched(child: subprocess.Popen[bytes]) -> None:
    """Wait for *child*, which was told to end."""
    try:
        child.wait(_END_TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


@dataclass(slots=True)
class Process:
    """A process of the run, as the parent sees it."""

    pid: int | None = None
    #: Set once it has connected, or can no longer start.
    has_started: threading.Event = field(default_factory=threading.Event)
    #: The number that it has in its own process namespace, and sends itself.
    inner_pid: int | None = None
    #: The distribution that it goes without, to find whether the smoke needs it.
    without: NormalizedName | None = None
    #: What happened to it: the result of a stage; ``None`` when it ended by itself; a word for any other end.
    events: queue.Queue[StageResult | Literal["death", "unsettled"] | None] = field(default_factory=queue.Queue)
    #: The stages that it has to run and has sent no result of.
    stages: deque[str] = field(default_factory=deque)
    #: Stands still while minreq works for the process.
    clock: Clock = field(default_factory=Clock)
    #: What it shall run once it is a template.
    commands: queue.Queue[Mapping[str, Any]] = field(default_factory=queue.Queue)
    has_ended: bool = False
    #: What its workers recorded.
    records: list[WorkerRecord] = field(default_factory=list)
    _recorded_size: int = 0
    _recorded_lines: int = 0
    #: What a fork at a miss did that it must not do.
    unsettled_reason: str = ""
    #: Why minreq has ended it, if it did.
    refusal: str = ""

    def add_record(self, record: WorkerRecord) -> None:
        """Keep *record* until the result of its stage arrives; refuse more than a stage may print."""
        self.records.append(record)
        self._recorded_size += record.size
        self._recorded_lines += record.count
        if self._recorded_size > MAX_PRINTED or self._recorded_lines > MAX_LINES:
            raise MessageRefused("logged more in subprocesses than a stage may print")

    def take_records(self, stage: str) -> list[WorkerRecord]:
        """Return the records of *stage*, and keep them no longer."""
        taken = [record for record in self.records if record.stage == stage]
        self.records[:] = [record for record in self.records if record.stage != stage]
        self._recorded_size -= sum(record.size for record in taken)
        self._recorded_lines -= sum(record.count for record in taken)
        return taken

    def wait_for_event(self, timeout: float) -> StageResult | Literal["death", "unsettled", "timeout"] | None:
        """Return what happens within *timeout* seconds, not counting those in which minreq works for the process."""
        self.clock.begin(timeout)
        while True:
            try:
                return self.events.get(timeout=max(self.clock.seconds_left(), _POLL_INTERVAL))
            except queue.Empty:  # noqa: PERF203 - A tenth of a second has passed.
                if self.clock.seconds_left() <= 0:
                    return "timeout"
                if self.clock.paused_seconds() > MAX_PAUSE:
                    self.refusal = f"asked minreq for more than {MAX_PAUSE / 60:g} minutes of work"
                    self.kill()
                    return "death"

    def kill(self) -> None:
        """End the process at once, if it has connected."""
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self.pid, signal.SIGKILL)


class ProcessTable:
    """The processes of one run by name; several threads may use it."""

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {MAIN: Process()}
        self._lock = threading.Lock()
        self._count = 0
        #: Whether the first process has ended: then no other can start.
        self._main_has_ended = False

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    def add(self, kind: str, without: NormalizedName | None, stages: Iterable[str]) -> str:
        """Add a process that will connect and run *stages*; return its name.

        It goes *without* that distribution, if any.
        """
        with self._lock:
            self._count += 1
            name = f"{kind}-{self._count}"
            process = self._processes[name] = Process(without=without, stages=deque(stages))
            if self._main_has_ended:
                process.events.put("death")
                process.has_started.set()
        return name

    def set_connected(self, name: str, pid: int, *, inner_pid: int) -> bool:
        """Store the numbers of the process *name*; return whether it is that process and not a subprocess of it."""
        process = self._processes.get(name)
        if process is None:
            raise MessageRefused("sent a name to minreq that no process of the run has")
        with self._lock:
            is_own = process.pid is None
            if is_own:
                process.pid, process.inner_pid = pid, inner_pid
                process.has_started.set()
        return is_own

    def set_main_ended(self) -> None:
        """Report a death for each process that never connected: it can no longer start."""
        with self._lock:
            self._main_has_ended = True
            never_connected = [process for process in self._processes.values() if process.pid is None]
        for process in never_connected:
            process.events.put("death")
            process.has_started.set()

    def end_templates(self) -> None:
        """Let every template end."""
        for process in list(self._processes.values()):
            process.commands.put({"end": True})
