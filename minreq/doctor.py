"""Finds how this machine isolates a smoke, by trying it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from minreq.smoke.isolation import Isolation, choose_isolation
from minreq.smoke.machinefiles import find_machine_files
from minreq.smoke.visible import find_visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The result of ``minreq doctor``."""

    python: str
    system: str
    #: Whether the kernel isolates a smoke, and if not, the reason.
    kernel: bool
    why: str
    #: ``namespaces``, ``landlock`` or ``hooks``.
    isolation: str
    #: What that does not close.
    open_ends: tuple[str, ...]
    #: Whether the system can fork, so that stages share one import.
    forks: bool
    store: Path
    #: Whether the store is writable.
    writable: bool
    #: The limits of a smoke: bytes of memory, bytes of one file, processes (``None`` without the kernel).
    memory: int
    file: int
    processes: int | None
    #: The kinds of files of the machine that can be hidden from a smoke.
    hideable: tuple[str, ...]
    #: The isolation in one sentence, as a lock reports it.
    sentence: str


def diagnose(cache_dir: Path) -> Diagnosis:
    """Try the isolation that a lock with *cache_dir* would use."""
    store = cache_dir / "wheels"
    writable = _can_write(store)
    isolation = choose_isolation(store / "unpacked") if writable else _untested_isolation(store)
    return Diagnosis(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        system=f"{platform.system()} {platform.release()}, {platform.machine()}",
        kernel=isolation.kernel,
        why=isolation.fallback_reason,
        isolation=isolation.name,
        open_ends=isolation.open_ends,
        forks=hasattr(os, "fork"),
        store=store,
        writable=writable,
        memory=isolation.limits.memory,
        file=isolation.limits.file,
        processes=isolation.limits.processes if isolation.kernel else None,
        hideable=tuple(sorted(find_machine_files())) if isolation.kernel else (),
        sentence=isolation.description,
    )


def _untested_isolation(store: Path) -> Isolation:
    why = "the store cannot be written, so nothing could be tried"
    return Isolation(kernel=False, fallback_reason=why, unpacked=store / "unpacked", visible=find_visible((), ()))


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".doctor-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        return False
    return True
