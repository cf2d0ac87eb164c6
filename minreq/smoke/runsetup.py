"""What all runs of one lock share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from minreq.model import Plan, RecordedRequest, Script
from minreq.smoke.compiler import Compiler
from minreq.smoke.emulatorprocess import Endpoints
from minreq.smoke.isolation import Isolation
from minreq.smoke.paths import PathMap
from minreq.smoke.tools import ToolPlaces


class EmulatorProtocol(Protocol):
    """What a run calls of the emulator."""

    @property
    def authority(self) -> str:
        """The certificate of the temporary certificate authority, PEM."""

    @property
    def pid(self) -> int:
        """The process that listens."""

    @property
    def private_key(self) -> str:
        """A temporary RSA key: what stands between the first and the last line of its PEM."""

    def open(self, name: str) -> Endpoints:
        """Listen for one stage of one run."""

    def close(self, name: str) -> tuple[RecordedRequest, ...]:
        """Stop listening; return the requests that arrived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSetup:
    """What all runs of one lock share."""

    #: The interpreter behind any virtual environment, and its version.
    executable: Path
    version: tuple[int, int]
    plan: Plan
    emulator: EmulatorProtocol
    #: Seconds that one stage may take.
    stage_timeout: float
    #: Returns the path map of a run; its argument is the run folder.
    make_path_map: Callable[[Path], PathMap]
    isolation: Isolation
    #: Compiles the files of the store. Without it, each process compiles for itself.
    compiler: Compiler | None = None
    #: Checks after each run that it has not changed the store, where only hooks keep it from that.
    check_store: Callable[[], None] = lambda: None
    #: The tools of the smoke, apart from the program.
    tools: ToolPlaces | None = None
    #: Gets the name of each stage that ended, passed or not, from several threads.
    on_stage: Callable[[str], None] = lambda _stage: None
    #: Whether the clocks of the smoke go faster, so that a duration that it prints is another one.
    fast_clock: bool = False

    def fill_in(self, script: Script, endpoints: Endpoints) -> dict[str, str]:
        """Return the environment of *script*, with values for the names in braces that a profile may use."""
        return {name: self._fill_in_value(value, endpoints) for name, value in script.environment.items()}

    def _fill_in_value(self, value: str, endpoints: Endpoints) -> str:
        if "{private_key}" in value:
            value = value.replace("{private_key}", self.emulator.private_key)
        return value.replace("{http}", endpoints.http).replace("{https}", endpoints.https)
