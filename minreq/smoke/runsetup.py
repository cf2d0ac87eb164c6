"""What all runs of a lock have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minreq.model import Plan, RecordedRequest
from minreq.smoke.compiling import Compiler
from minreq.smoke.emulation import Endpoints
from minreq.smoke.places import Places
from minreq.smoke.walls import Walls


class Emulation(Protocol):
    """What a run needs of the emulator."""

    @property
    def authority(self) -> str:
        """The throw-away authority, PEM."""

    @property
    def pid(self) -> int:
        """The process that listens."""

    @property
    def private_key(self) -> str:
        """A throw-away key for RSA: what stands between the lines of its PEM."""

    def open(self, name: str) -> Endpoints:
        """Listen for one stage of one run."""

    def close(self, name: str) -> tuple[RecordedRequest, ...]:
        """Stop listening; return what came in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What all runs of a lock have in common."""

    #: The interpreter behind any virtual environment, and its version.
    executable: Path
    version: tuple[int, int]
    plan: Plan
    emulator: Emulation
    #: Seconds for one stage.
    limit: float
    #: Makes the names of places for a run in the sandbox folder given.
    places: Callable[[Path], Places]
    walls: Walls
    #: Compiles what lies in the store; without it every process does that for itself.
    compiler: Compiler | None = None
