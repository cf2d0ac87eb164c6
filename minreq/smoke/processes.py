"""The processes of a run: the first, forks at misses, forks of what the first stage left."""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from packaging.utils import NormalizedName

#: The name of the first one.
MAIN = "main"


@dataclass(slots=True)
class Process:
    """A process of the run, as its connection shows it."""

    pid: int | None = None
    #: Its number behind the walls, which is what it tells itself.
    inside: int | None = None
    #: The distribution it goes without, to see whether it can.
    without: NormalizedName | None = None
    #: What it told: the result of a stage; ``None`` for its end; the word for any other end.
    events: queue.Queue[Mapping[str, Any] | Literal["death", "unsettled"] | None] = field(default_factory=queue.Queue)
    #: What it shall run, once it is a template.
    commands: queue.Queue[Mapping[str, Any]] = field(default_factory=queue.Queue)
    ended: bool = False
    #: What a fork at a miss did that it must not.
    unsettled: str = ""


class Processes:
    """Those of one run, by name; usable from several threads."""

    def __init__(self) -> None:
        self._of: dict[str, Process] = {MAIN: Process()}
        self._lock = threading.Lock()
        self._count = 0
        #: The first process has ended, and with it all that it could start.
        self._is_over = False

    def __getitem__(self, name: str) -> Process:
        return self._of[name]

    def expect(self, kind: str, without: NormalizedName | None) -> str:
        """Return the name of a process that is to come and goes *without* a distribution, unless that is ``None``."""
        with self._lock:
            self._count += 1
            name = f"{kind}-{self._count}"
            process = self._of[name] = Process(without=without)
            if self._is_over:
                process.events.put("death")
        return name

    def connected(self, name: str, pid: int, *, inside: int) -> bool:
        """Note the numbers of *name*; return whether it is that process, and not one of a subprocess with its name."""
        process = self._of[name]
        with self._lock:
            own = process.pid is None
            if own:
                process.pid, process.inside = pid, inside
        return own

    def over(self) -> None:
        """Tell whoever waits for one that never connected that it will not."""
        with self._lock:
            self._is_over = True
            waited_for = [process for process in self._of.values() if process.pid is None]
        for process in waited_for:
            process.events.put("death")

    def end(self) -> None:
        """Let every template end."""
        for process in list(self._of.values()):
            process.commands.put({"end": True})
