"""How long a lock takes, against one run of the same smoke on a full install and against pip-compile.

Everything is measured in turns, round by round, so that what else the machine does hits all of it alike; seconds depend
on the machine, ratios travel. Writes a Markdown table into ``benchmarks/results/``. Needs the package index.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.lockfile import evidence
from minreq.model import Lock, Plan, Script
from minreq.profiles.loading import Profile, find
from minreq.profiles.planning import available, plan
from minreq.smoke.emulation import Emulator

RESULTS = Path(__file__).parent / "results"
BARE_SMOKE = Path(__file__).parent / "bare_smoke.py"

WARM = "minreq lock, warm store"
AGAIN = "minreq lock, nothing changed"
COLD = "minreq lock, empty store"
SMOKE = "the smoke on a full install"
PIP_COMPILE = "pip-compile --generate-hashes, empty cache"

#: Measured, against what, and how many times as long it may take.
TARGETS = ((WARM, SMOKE, 4.0), (COLD, PIP_COMPILE, 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be locked."""

    root: Requirement
    providers: tuple[str, ...]
    #: A folder that is deleted at the end.
    scratch: Path

    @property
    def profile(self) -> Profile:
        """What minreq knows of the root."""
        profile = find(canonicalize_name(self.root.name))
        if profile is None:
            sys.exit(f"minreq has no profile for {self.root.name}")
        return profile

    @property
    def store(self) -> Path:
        """The store that stays warm."""
        return self.scratch / "store"

    @property
    def full(self) -> Path:
        """The virtual environment with all of the declared closure."""
        return self.scratch / "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Time:
    """Seconds one run took, by the clock and by all processors together."""

    wall: float
    processor: float


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", default="litellm", type=Requirement)
    parser.add_argument("--providers", default="openai,bedrock")
    parser.add_argument("--rounds", default=5, type=int)
    parser.add_argument("--cold-rounds", default=3, type=int, help="rounds that also measure what begins with nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="minreq-benchmark-") as scratch:
        task = Task(root=options.root, providers=tuple(options.providers.split(",")), scratch=Path(scratch))
        lock = prepare(task)
        times = measure(task, lock, options.rounds, options.cold_rounds)
    report = "\n".join(lines(task, lock, times))
    print(report)
    now = datetime.now(tz=timezone.utc)
    RESULTS.mkdir(exist_ok=True)
    RESULTS.joinpath(f"lock_time-{now:%Y-%m-%d}-{lock.resolution.root}.md").write_text(f"{report}\n", encoding="utf-8")


def prepare(task: Task) -> Lock:
    """Fill the store and make the full install, from the pins of a first lock."""
    folder = task.scratch / "again"
    folder.mkdir()
    lock_in(folder, task, task.store)
    lock = evidence.load(folder.joinpath("requirements-minimal.evidence.json").read_text(encoding="utf-8"))
    pins = task.scratch / "full.txt"
    pins.write_text("".join(f"{name}=={pin.version}\n" for name, pin in lock.resolution.pins.items()), encoding="utf-8")
    run([sys.executable, "-m", "venv", str(task.full)])
    run([str(task.full / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--requirement", str(pins)])
    return lock


def measure(task: Task, lock: Lock, rounds: int, cold_rounds: int) -> Mapping[str, Sequence[Time]]:
    """Run everything in turns."""
    smoke_plan = plan(task.profile, task.providers, None, (), lock.resolution.pins[lock.resolution.root].version)
    times: dict[str, list[Time]] = {SMOKE: [], WARM: [], AGAIN: [], COLD: [], PIP_COMPILE: []}
    with Emulator() as emulator:
        smoke = BareSmoke(task, smoke_plan, emulator)
        smoke.timed()  # Writes bytecode, as the first lock did.
        for number in range(rounds):
            times[SMOKE].append(smoke.timed())
            times[WARM].append(timed(lambda: warm(task)))
            times[AGAIN].append(timed(lambda: lock_in(task.scratch / "again", task, task.store)))
            if number < cold_rounds:
                times[COLD].append(timed(lambda: cold(task)))
                times[PIP_COMPILE].append(timed(lambda: pip_compile(task)))
            print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return times


def timed(action: Callable[[], None]) -> Time:
    """Do *action*; the processor time is that of the processes it started and waited for."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    action()
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Time(wall=wall, processor=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


class BareSmoke:
    """The smoke on the full install; the emulator stays up between runs, as its start is no part of a smoke."""

    def __init__(self, task: Task, smoke_plan: Plan, emulator: Emulator) -> None:
        self._emulator = emulator
        first = () if smoke_plan.first is None else (smoke_plan.first,)
        self._groups = (first, *(group.scripts for group in smoke_plan.groups))
        self._command = [str(task.full / "bin" / "python"), str(BARE_SMOKE)]
        authority = task.scratch / "authority.pem"
        authority.write_text(emulator.authority, encoding="ascii")
        self._environment = {
            **smoke_plan.environment,
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"), str(authority)),
            "HOME": str(task.scratch),
            "PATH": os.defpath,
        }

    def timed(self) -> Time:
        """Run it once, with addresses of its own."""
        groups = [[self._told(script) for script in scripts] for scripts in self._groups]
        taken = timed(lambda: run(self._command, environment=self._environment, stdin=json.dumps(groups)))
        for scripts in self._groups:
            for script in scripts:
                self._emulator.close(script.stage)
        return taken

    def _told(self, script: Script) -> Mapping[str, object]:
        endpoints = self._emulator.open(script.stage)
        environment = {
            name: value.replace("{https}", endpoints.https).replace("{http}", endpoints.http)
            for name, value in script.environment.items()
        }
        return {"file": str(script.file), "environment": environment, "arguments": script.arguments}


def warm(task: Task) -> None:
    """Lock into an empty folder: every wheel is there, nothing is known."""
    with tempfile.TemporaryDirectory(dir=task.scratch) as folder:
        lock_in(Path(folder), task, task.store)


def cold(task: Task) -> None:
    """Lock into an empty folder with an empty store."""
    with tempfile.TemporaryDirectory(dir=task.scratch) as folder:
        lock_in(Path(folder), task, Path(folder, "store"))


def lock_in(folder: Path, task: Task, store: Path) -> None:
    """Run `minreq lock` in *folder*."""
    command = [sys.executable, "-m", "minreq", "lock", str(task.root), "--providers", ",".join(task.providers)]
    run(command, folder=folder, environment={**os.environ, "MINREQ_CACHE_DIR": str(store)})


def pip_compile(task: Task) -> None:
    """Pin and hash the declared closure of the same root, with what the providers add to it."""
    with tempfile.TemporaryDirectory(dir=task.scratch) as folder:
        source, cache = Path(folder, "requirements.in"), Path(folder, "cache")
        wanted = [task.root, *available(task.profile, canonicalize_name(task.root.name), task.providers, None)]
        source.write_text("".join(f"{each}\n" for each in wanted), encoding="utf-8")
        command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--no-config", "--generate-hashes"]
        environment = {**os.environ, "PIP_CACHE_DIR": str(cache)}
        run(
            [*command, "--strip-extras", "--cache-dir", str(cache), str(source)],
            folder=Path(folder),
            environment=environment,
        )


def run(
    command: Sequence[str], *, folder: Path | None = None, environment: Mapping[str, str] | None = None, stdin: str = ""
) -> None:
    """Run *command* without output; what it said is shown where it fails, and everything ends."""
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
    if result.returncode:
        sys.exit(f"{result.stdout}\n{' '.join(command)} ended with status {result.returncode}")


def lines(task: Task, lock: Lock, times: Mapping[str, Sequence[Time]]) -> Iterator[str]:
    """Return the report as Markdown."""
    root = lock.resolution.pins[lock.resolution.root]
    kept = f"{len(lock.selection.kept)} of {len(lock.resolution.pins)} kept"
    yield f"# `minreq lock {task.root} --providers {','.join(task.providers)}`"
    yield ""
    yield f"{datetime.now(tz=timezone.utc):%Y-%m-%d %H:%M} UTC, by `benchmarks/lock_time.py`, everything in turns."
    yield ""
    yield f"- locked: {root.name} {root.version}, {kept}, {len(lock.stages)} stages"
    yield f"- machine: {platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} processors"
    tools = ", ".join(f"{name} {version(name)}" for name in ("minreq", "pip", "pip-tools"))
    yield f"- versions: {platform.python_implementation()} {platform.python_version()}, {tools}"
    yield ""
    yield "| what | rounds | seconds, median | least | most | processor seconds, median |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, measured in times.items():
        walls = [each.wall for each in measured]
        if walls:
            processors = statistics.median(each.processor for each in measured)
            yield (
                f"| {name} | {len(walls)} | {statistics.median(walls):.1f} | {min(walls):.1f} | {max(walls):.1f} "
                f"| {processors:.1f} |"
            )
    yield ""
    yield "| ratio of the medians | is | may be |"
    yield "|---|---:|---:|"
    for name, other, limit in TARGETS:
        if times[name] and times[other]:
            ratio = statistics.median(each.wall for each in times[name]) / statistics.median(
                each.wall for each in times[other]
            )
            yield f"| {name} : {other} | {ratio:.2f} | {limit:.2f} |"


def processor() -> str:
    """Return the model of the processor where the system tells, else its architecture."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
