"""What holds on this machine: found out by doing it, as a lock would."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from minreq.smoke.walls import Walls, walls


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What ``minreq doctor`` tells."""

    python: str
    system: str
    #: Whether the kernel walls a smoke off, and why not.
    kernel: bool
    why: str
    #: Whether stages can be forks of each other.
    forks: bool
    store: Path
    #: Whether the store can be written.
    writable: bool
    #: Bytes of memory and of one file, and processes, that a smoke may have; no number of processes without the kernel.
    memory: int
    file: int
    processes: int | None
    #: Says which protection holds, as a lock does.
    sentence: str


def diagnose(cache_dir: Path) -> Diagnosis:
    """Try what a lock with *cache_dir* would need."""
    store = cache_dir / "wheels"
    writable = _can_write(store)
    guard = walls(store / "unpacked") if writable else _unknown(store)
    return Diagnosis(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        kernel=guard.kernel,
        why=guard.why,
        forks=hasattr(os, "fork"),
        store=store,
        writable=writable,
        memory=guard.limits.memory,
        file=guard.limits.file,
        processes=guard.limits.processes if guard.kernel else None,
        sentence=guard.sentence,
    )


def _unknown(store: Path) -> Walls:
    why = "the store cannot be written, so that nothing could be tried"
    return Walls(kernel=False, why=why, unpacked=store / "unpacked")


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
