"""Start a process in isolation: the one place where minreq starts an interpreter on code of packages.

`tests/test_starts.py` finds every other start of a program, and knows the reason of each.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from minreq.smoke.environment import MergedFolder
from minreq.smoke.isolation import Isolation


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an isolated process may reach; see `Isolation.wrap_command`."""

    #: The folder that it may write into.
    writable: Path
    also_writable: Sequence[Path] = ()
    #: What it sees although it lies in a hidden folder.
    readable: Iterable[Path] = ()
    merged: Iterable[MergedFolder] = ()
    #: The process whose network it shares; ``None``: a network of its own, with loopback only.
    network: int | None = None


def start_isolated(
    isolation: Isolation,
    command: Sequence[str],
    access: Access,
    *,
    environment: Mapping[str, str],
    folder: Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[Any] = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.DEVNULL,
    encoding: str | None = None,
) -> subprocess.Popen[Any]:
    """Start *command* in the working *folder*, with *environment* as all of its variables.

    The process leads a session and a group of its own: where the kernel does not isolate it, what it leaves behind can
    be ended by the group.
    """
    return subprocess.Popen(
        isolation.wrap_command(
            command,
            writable=access.writable,
            also_writable=access.also_writable,
            readable=access.readable,
            merged=access.merged,
            network=access.network,
        ),
        env=dict(environment),
        cwd=folder,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        encoding=encoding,
        start_new_session=True,
    )
