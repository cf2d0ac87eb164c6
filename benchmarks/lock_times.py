"""How long a lock takes, beside one run of the same smoke, the tools that pin everything, and what people do by hand.

Everything is measured in turns, round by round, so that what else the machine does hits all of it alike; seconds depend
on the machine, ratios travel. Writes a table in Markdown and a picture into ``benchmarks/results/``. Needs the package
index.

    tox run -e bench                                  # all, on two releases of litellm: some 20 minutes
    tox run -e bench -- --only warm,again --rounds 9
    tox run -e bench -- litellm==1.106.2 --skip loop,leave-one-out
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import drawing
from full_install import BareSmoke, environment, install, install_all, leave_one_out, plain_loop
from measuring import TimedRun, machine, minreq, run, timed
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq.lockfile import evidence
from minreq.model import Difference, Lock
from minreq.profiles.loader import Profile, find_profile
from minreq.profiles.planner import extra_requirements, make_plan
from minreq.smoke.emulatorprocess import Emulator

RESULTS = Path(__file__).parent / "results"
ROOTS = ("litellm==1.106.2", "litellm==1.78.7")

#: What is measured, by the name that chooses it; ``smoke`` divides and is always there. ``settled`` keeps what makes a
#: difference by ``--whole``, so that there is none to find.
TITLES = {
    "smoke": "the smoke on a full install",
    "help": "minreq --help",
    "again": "minreq lock, nothing changed",
    "check": "minreq lock --check",
    "warm": "minreq lock, warm store",
    "settled": "minreq lock, warm store, nothing differs",
    "changed": "minreq lock, smoke changed",
    "more": "minreq lock, one provider more",
    "smallest": "minreq lock --smallest, warm store",
    "one": "minreq lock, one provider, warm store",
    "ten": "minreq lock, ten providers, warm store",
    "cold": "minreq lock, empty cache",
    "certify": "minreq lock --certify, warm store",
    "exposure": "minreq exposure",
    "analyze": "minreq analyze, of the full install",
    "uv-compile": "uv pip compile --generate-hashes, empty cache",
    "pip-compile": "pip-compile --generate-hashes, empty cache",
    "pip-install": "pip install ROOT boto3, empty cache",
    "loop": "by hand: install what is missing, run, again",
    "leave-one-out": "by hand: a run without each of the closure",
}
OWN = TITLES.keys() - {"smoke", "uv-compile", "pip-compile", "pip-install", "loop", "leave-one-out"}
#: Begin with nothing, and so take long; measured in fewer rounds, the last ones once, and for the first root alone.
COLD = frozenset({"cold", "uv-compile", "pip-compile", "pip-install"})
ONCE = frozenset({"smallest", "one", "ten", "certify", "exposure", "analyze", "loop", "leave-one-out"})

#: None of them needs more than boto3 beside what the root brings.
TEN = "openai,azure,anthropic,gemini,mistral,groq,deepseek,cohere,ollama,bedrock"

#: Measured, against what, how many times as long it may take.
RATIOS = (
    ("settled", "smoke", 3.0),
    ("cold", "pip-compile", 1 / 3),
    ("cold", "pip-install", 1.0),
    ("cold", "loop", 0.1),
    ("certify", "smoke", 15.0),
    ("ten", "one", 1.6),
)
#: Measured, and how many seconds it may take.
SECONDS = (("again", 0.5), ("check", 0.5), ("help", 0.15), ("exposure", 10.0), ("analyze", 10.0))
#: Smokes that a difference may take which is brought back.
_MOST_FOR_A_DIFFERENCE = 1.1
_MOST_MEMORY = 150_000_000
_MOST_REQUESTS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be locked."""

    root: Requirement
    providers: tuple[str, ...]
    #: A folder that is deleted at the end.
    scratch: Path
    #: Distributions that the leave-one-out really leaves out.
    sample: int | None

    @property
    def profile(self) -> Profile:
        """What minreq knows of the root."""
        profile = find_profile(canonicalize_name(self.root.name))
        if profile is None:
            sys.exit(f"minreq has no profile for {self.root.name}")
        return profile

    @property
    def arguments(self) -> list[str]:
        """The command line that makes the lock."""
        return self.lock_of(",".join(self.providers))

    def lock_of(self, providers: str) -> list[str]:
        """The command line that makes the lock of other *providers*."""
        return ["lock", str(self.root), "--providers", providers, "--quiet"]

    @property
    def store(self) -> Path:
        """The store that stays warm."""
        return self.scratch / "store"

    @property
    def again(self) -> Path:
        """A folder with the lock in it."""
        return self.scratch / "again"

    @property
    def other(self) -> Path:
        """A folder with the lock of another smoke in it."""
        return self.scratch / "other"

    @property
    def fewer(self) -> Path:
        """A folder with the lock of one provider in it."""
        return self.scratch / "fewer"

    @property
    def full(self) -> Path:
        """The virtual environment with all of the declared closure."""
        return self.scratch / "full"

    @property
    def requirements(self) -> list[str]:
        """What a resolver of everything is asked for."""
        name = canonicalize_name(self.root.name)
        return [str(self.root), *map(str, extra_requirements(self.profile, name, self.providers, None))]


def main() -> None:
    """Measure, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", default=ROOTS)
    parser.add_argument("--providers", default="openai,bedrock")
    parser.add_argument("--rounds", default=3, type=int, help="rounds of all that is quick")
    parser.add_argument("--cold-rounds", default=1, type=int, help="rounds of what begins with nothing")
    parser.add_argument("--only", default=",".join(TITLES), help=f"what is measured, of {','.join(TITLES)}")
    parser.add_argument("--skip", default="", help="what is not")
    parser.add_argument("--sample", default=12, type=int, help="runs of the leave-one-out; 0 for all of them")
    parser.add_argument("--results", default=RESULTS, type=Path)
    options = parser.parse_args()
    chosen = {"smoke", *options.only.split(",")} - {*options.skip.split(",")}
    if unknown := chosen - TITLES.keys():
        parser.error(f"nothing is called {', '.join(sorted(unknown))}")
    for number, root in enumerate(options.roots):
        with tempfile.TemporaryDirectory(prefix="minreq-benchmark-") as scratch:
            task = Task(
                root=Requirement(root),
                providers=tuple(options.providers.split(",")),
                scratch=Path(scratch),
                sample=options.sample or None,
            )
            lock = prepare(task)
            now = chosen - ONCE if number else chosen
            times = measure(task, lock, now, options.rounds, options.cold_rounds)
        write(options.results, task, lock, times)


def write(results: Path, task: Task, lock: Lock, times: Mapping[str, Sequence[TimedRun]]) -> None:
    """Print the report on one root and write it."""
    report = "\n".join(lines(task, lock, times))
    print(report)
    pin = lock.resolution.pins[lock.resolution.root]
    name = f"lock-{datetime.now(tz=timezone.utc):%Y-%m-%d}-{pin.name}-{pin.version}"
    results.mkdir(parents=True, exist_ok=True)
    smoke = median(times["smoke"])
    rows = [(TITLES[each], median(found) / smoke, each in OWN) for each, found in times.items() if found]
    picture = drawing.bars(f"minreq lock {task.root}, against one run of its smoke ({smoke:.1f} s)", "x", rows)
    (results / f"{name}.svg").write_text(picture, encoding="utf-8")
    (results / f"{name}.md").write_text(f"{report}\n\n![The same as bars]({name}.svg)\n", encoding="utf-8")


def prepare(task: Task) -> Lock:
    """Fill the store and make the full install, from the pins of a first lock."""
    for folder in (task.again, task.other, task.fewer):
        folder.mkdir()
    minreq(task.lock_of(task.providers[0]), task.fewer, task.store)
    minreq([*task.arguments, "--features", "chat"], task.other, task.store)
    minreq(task.arguments, task.again, task.store)
    text = (task.again / "requirements-minimal.evidence.json").read_text(encoding="utf-8")
    lock = evidence.load(text)
    install_all(task.full, lock)
    return lock


def measure(
    task: Task, lock: Lock, chosen: set[str], rounds: int, cold_rounds: int
) -> Mapping[str, Sequence[TimedRun]]:
    """Run everything in turns."""
    smoke_plan = make_plan(task.profile, task.providers, None, (), lock.resolution.pins[lock.resolution.root].version)
    times: dict[str, list[TimedRun]] = {name: [] for name in TITLES}
    with Emulator() as emulator:
        smoke = BareSmoke(plan=smoke_plan, emulator=emulator, scratch=task.scratch)
        smoke.run(task.full)  # Writes bytecode, as the first lock did.
        actions = {
            "smoke": lambda: timed(lambda: smoke.run(task.full)),
            "loop": lambda: plain_loop(lock, task.full, smoke, task.scratch),
            "leave-one-out": lambda: leave_one_out(lock, task.full, smoke, task.sample),
            **{name: _in_a_copy(task, lock, name) for name in OWN},
            **{name: _from_nothing(task, name) for name in COLD - OWN},
        }
        for number in range(max(rounds, cold_rounds)):
            for name in TITLES:
                most = 1 if name in ONCE else cold_rounds if name in COLD else rounds
                if name in chosen and number < most:
                    times[name].append(actions[name]())
                    print(f"round {number + 1}, {name}: {times[name][-1].wall:.2f} s", file=sys.stderr)
    return times


def _in_a_copy(task: Task, lock: Lock, name: str) -> Callable[[], TimedRun]:
    """A command of minreq, in a folder of its own."""
    arguments = {
        "settled": [*task.arguments, *(part for each in differing(lock) for part in ("--whole", each))],
        "help": ["--help"],
        "check": [*task.arguments, "--check"],
        "certify": [*task.arguments, "--certify"],
        "smallest": [*task.arguments, "--smallest"],
        "one": task.lock_of(task.providers[0]),
        "ten": task.lock_of(TEN),
        "exposure": ["exposure"],
        "analyze": ["analyze", str(task.full)],
    }.get(name, task.arguments)
    source = {
        "again": task.again,
        "check": task.again,
        "exposure": task.again,
        "changed": task.other,
        "more": task.fewer,
    }.get(name)

    def action() -> TimedRun:
        with tempfile.TemporaryDirectory(dir=task.scratch) as scratch:
            folder = Path(scratch, "work")
            if source is None:
                folder.mkdir()
            else:
                shutil.copytree(source, folder)
            return minreq(arguments, folder, Path(scratch, "store") if name == "cold" else task.store)

    return action


def differing(lock: Lock) -> list[str]:
    """What is kept because the smoke passes without it and behaves differently."""
    return [each.candidate.name for each in lock.selection.kept if isinstance(each.evidence, Difference)]


def _from_nothing(task: Task, name: str) -> Callable[[], TimedRun]:
    """A tool that resolves everything, with an empty cache."""

    def action() -> TimedRun:
        with tempfile.TemporaryDirectory(dir=task.scratch) as scratch:
            folder, cache = Path(scratch), Path(scratch, "cache")
            if name == "pip-install":
                at = environment(folder / "venv")
                return timed(lambda: install(at, [str(task.root), "boto3"], cache=cache))
            source = folder / "requirements.in"
            source.write_text("".join(f"{each}\n" for each in task.requirements), encoding="utf-8")
            if name == "uv-compile":
                command = ["uv", "pip", "compile", "--quiet", "--generate-hashes", "--cache-dir", str(cache)]
            else:
                command = [sys.executable, "-m", "piptools", "compile", "--quiet", "--no-config", "--generate-hashes"]
                command += ["--strip-extras", "--cache-dir", str(cache)]
            command += ["--output-file", str(folder / "requirements.txt"), str(source)]
            variables = {**os.environ, "PIP_CACHE_DIR": str(cache)}
            return timed(lambda: run(command, folder=folder, environment=variables))

    return action


def median(measured: Sequence[TimedRun]) -> float:
    """The median by the clock, in seconds."""
    return statistics.median(each.wall for each in measured)


def lines(task: Task, lock: Lock, times: Mapping[str, Sequence[TimedRun]]) -> Iterator[str]:
    """Return the report as Markdown."""
    root = lock.resolution.pins[lock.resolution.root]
    kept = f"{len(lock.selection.kept)} of {len(lock.resolution.pins)} kept"
    yield f"# `minreq lock {task.root} --providers {','.join(task.providers)}`"
    yield ""
    yield f"{datetime.now(tz=timezone.utc):%Y-%m-%d %H:%M} UTC, by `benchmarks/lock_times.py`, everything in turns."
    yield ""
    yield f"- locked: {root.name} {root.version}, {kept}, {len(lock.stages)} stages"
    yield from machine()
    yield ""
    yield "| what | rounds | seconds, median | least | most | processor seconds | smokes | |"
    yield "|---|---:|---:|---:|---:|---:|---:|---|"
    smoke = median(times["smoke"])
    for name, measured in times.items():
        if measured:
            walls = [each.wall for each in measured]
            processors = statistics.median(each.processor for each in measured)
            yield (
                f"| {TITLES[name]} | {len(walls)} | {statistics.median(walls):.2f} | {min(walls):.2f} "
                f"| {max(walls):.2f} | {processors:.2f} | {statistics.median(walls) / smoke:.2f} "
                f"| {measured[0].remark} |"
            )
    yield ""
    yield "| target | is | may be | |"
    yield "|---|---:|---:|---|"
    yield from _targets(times, lock)


def _targets(times: Mapping[str, Sequence[TimedRun]], lock: Lock) -> Iterator[str]:
    closure, wheels = len(lock.resolution.pins), _sizes(lock)
    if times["warm"] and times["settled"] and (names := differing(lock)):
        more = (median(times["warm"]) - median(times["settled"])) / median(times["smoke"])
        yield _row(f"a difference found, smokes ({', '.join(names)})", more / len(names), _MOST_FOR_A_DIFFERENCE)
    for name, other, limit in RATIOS:
        if times[name] and times[other]:
            yield _row(f"{TITLES[name]} : {TITLES[other]}", median(times[name]) / median(times[other]), limit)
    for name, limit in SECONDS:
        if times[name]:
            yield _row(f"{TITLES[name]}, seconds", median(times[name]), limit)
    facts = {name: [each.facts for each in times[name] if each.facts] for name in ("cold", "again", "warm")}
    if facts["cold"]:
        requests = max(each.requests for each in facts["cold"])
        yield _row("requests for each distribution of the closure, empty cache", requests / closure, _MOST_REQUESTS)
        yield _row("requests that were sent twice, empty cache", max(each.repeated for each in facts["cold"]), 0)
        fetched = max(each.archive_bytes for each in facts["cold"]) / wheels
        yield _row("bytes of archives, against the wheels that were kept", fetched, 1.15)
    memory = max((each.memory for found in facts.values() for each in found), default=0)
    if memory:
        yield _row("peak memory of minreq itself, MB", memory / 1e6, _MOST_MEMORY / 1e6)


def _sizes(lock: Lock) -> int:
    """The bytes of the wheels that were kept."""
    return sum(each.candidate.wheel.size or 0 for each in lock.selection.kept)


def _row(what: str, value: float, limit: float) -> str:
    verdict = "met" if value <= limit else f"missed by {value - limit:.2f}"
    return f"| {what} | {value:.2f} | {limit:.2f} | {verdict} |"


if __name__ == "__main__":
    main()
