"""Runs of other programs, timed by the clock and by the processors, and what minreq reports of itself."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

WATCHED = Path(__file__).parent / "watched_minreq.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What a run of minreq reports of itself, without the children."""

    #: Peak resident memory, in bytes.
    memory: int
    #: Requests to the index, and how many of them were sent before.
    requests: int
    repeated: int
    #: Bytes of archives and parts of archives that came.
    archive_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedRun:
    """One run: seconds by the clock and, as far as its processes were waited for, by all processors together."""

    wall: float
    processor: float
    facts: RunFacts | None = None
    #: What the row says beside the time: "41 installs".
    remark: str = ""
    #: Of so many equal parts so many were measured, and the time scaled; one where all were.
    scaled: float = 1.0


def timed(action: Callable[[], object]) -> TimedRun:
    """Do *action*."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    action()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return TimedRun(wall=wall, processor=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def run(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    fails: bool = False,
) -> str:
    """Run *command* and return its output; where it ends otherwise than it should everything ends."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode and not fails:
        sys.exit(f"{result.stdout}\n{' '.join(command)} ended with status {result.returncode}")
    return result.stdout if result.returncode or not fails else ""


def minreq(arguments: Sequence[str], folder: Path, store: Path) -> TimedRun:
    """Run minreq in *folder* with its cache in *store*."""
    facts_file = folder / "facts.json"
    environment = {**os.environ, "MINREQ_CACHE_DIR": str(store), "MINREQ_BENCHMARK_FACTS": str(facts_file)}
    timed_run = timed(lambda: run([sys.executable, str(WATCHED), *arguments], folder=folder, environment=environment))
    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    facts_file.unlink()
    return TimedRun(wall=timed_run.wall, processor=timed_run.processor, facts=RunFacts(**facts))


def machine() -> list[str]:
    """Return lines on what it was measured on, and with what."""
    tools = ", ".join(f"{name} {_version(name)}" for name in ("minreq", "pip", "pip-tools", "uv"))
    return [
        (
            f"- machine: {platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} processors, "
            f"load {os.getloadavg()[0]:.1f} at the end"
        ),
        f"- versions: {platform.python_implementation()} {platform.python_version()}, {tools}",
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    """Return the model of the processor where the system has it, else its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
