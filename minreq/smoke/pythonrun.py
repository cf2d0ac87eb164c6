"""Run code in a new, isolated interpreter: for what runs code of packages and is no smoke."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from minreq.smoke.isolation import Isolation
from minreq.smoke.processes import wait_or_end
from minreq.smoke.start import Access, start_isolated


class PythonSetup(Protocol):
    """What starts an interpreter; a `RunSetup` is one."""

    @property
    def executable(self) -> Path:
        """The interpreter behind any virtual environment."""

    @property
    def isolation(self) -> Isolation:
        """How it is isolated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolatedPython:
    """An interpreter, and how it is isolated."""

    executable: Path
    isolation: Isolation


def run_python(
    setup: PythonSetup,
    code: str,
    arguments: Sequence[str],
    access: Access,
    *,
    environment: Mapping[str, str],
    seconds: float,
    compiles: bool = False,
    stdout: int | IO[Any] = subprocess.DEVNULL,
) -> int | None:
    """Run *code* in the folder that it may write into; return its status, ``None`` if *seconds* were not enough.

    The interpreter has no packages but those that *code* puts on its path. With *compiles* it writes compiled files.
    """
    process = start_isolated(
        setup.isolation,
        [str(setup.executable), "-S", "-s", *([] if compiles else ["-B"]), "-c", code, *arguments],
        access,
        environment={"HOME": str(access.writable), "LC_ALL": "C.UTF-8", **environment},
        folder=access.writable,
        stdout=stdout,
    )
    return wait_or_end(process, seconds, in_namespace=setup.isolation.kernel)
