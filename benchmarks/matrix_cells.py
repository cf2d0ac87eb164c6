"""What a matrix costs beside its cells: sharing, overhead, workers, memory, and workers that are killed.

The releases are made by the wheelhouse of the tests and served on loopback; `litellm` needs the package index. Writes a
table into ``benchmarks/results/``. The aims are those of the design: the table shows each beside its number.

    tox run -e matrix
    tox run -e matrix -- share speedup --cells 12
    tox run -e matrix -- litellm
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from measuring import TimedRun, machine, minreq

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from simpleserver import ServerFeatures, serve
from wheelhouse import Release, Scenario, write

RESULTS = Path(__file__).parent / "results"
PROVIDERS = ("openai", "bedrock", "openai,bedrock")

#: A smoke that does nothing, and one that takes about a second of one processor.
IDLE = "import root\n"
BUSY = "import root, time\nend = time.process_time() + 1\nwhile time.process_time() < end:\n    pass\ntime.sleep(0.5)\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Releases that a matrix can lock."""

    index: str
    smoke: Path
    folder: Path

    def matrix(self, name: str, *arguments: str) -> tuple[TimedRun, list[dict[str, object]]]:
        """Fill a matrix into a new folder; return the time and the rows."""
        folder = self.folder / name
        folder.mkdir()
        options = ["--smoke", str(self.smoke), "--index-url", self.index, "-o", str(folder / "out"), "-q"]
        run = minreq(["matrix", "--root", "root>=1", *options, *arguments], folder, self.folder / "cache")
        lines = (folder / "out/table.jsonl").read_text("utf-8").splitlines()
        return run, [json.loads(line) for line in lines]

    def lock(self, version: str) -> TimedRun:
        """Lock one release by a command of its own."""
        arguments = [
            "lock",
            f"root=={version}",
            "--smoke",
            str(self.smoke),
            "--index-url",
            self.index,
            "-q",
            "--dry-run",
        ]
        return minreq([*arguments, "-j", "1"], self.folder, self.folder / "cache")


@contextmanager
def open_house(releases: int, program: str) -> Iterator[House]:
    """Serve so many releases of a root with one need, with a warm cache."""
    files, needs = {"root/__init__.py": "import needed\n"}, ("needed", "unused")
    found = [Release(name="root", version=f"1.{number}", requires=needs, files=files) for number in range(releases)]
    others = [Release(name=name, version="1.0", files={f"{name}/__init__.py": "x = 1\n"}) for name in needs]
    scenario = Scenario(
        explanation="Releases.",
        root="root",
        requirements=("root",),
        program=program,
        releases=(*found, *others),
    )
    with tempfile.TemporaryDirectory(prefix="minreq-matrix-") as scratch:
        written = write(scenario, Path(scratch, "house"))
        with serve(written, ServerFeatures(metadata=True)) as server:
            house = House(index=server.url, smoke=written.program, folder=Path(scratch))
            house.lock("1.0")
            yield house


def share(cells: int) -> Iterator[str]:
    """Compare a matrix with as many single commands, one after the other."""
    with open_house(cells, IDLE) as house:
        single = [house.lock(f"1.{number}") for number in range(cells)]
        run, rows = house.matrix("shared", "-j", "2")
    seconds = sum(float(str(each["seconds"])) for each in rows)
    yield from _compare(f"{cells} idle cells, two workers, and as many single commands", run, single)
    overhead = (2 * run.wall - seconds) / cells
    yield f"| overhead of the engine for a cell, start of the workers included | {overhead:.2f} s | | 0.3 s |"


def speedup(cells: int) -> Iterator[str]:
    """Compare workers, with cells that keep one processor busy."""
    alone = 0.0
    with open_house(cells, BUSY) as house:
        for workers in (1, 2, 4):
            run, _ = house.matrix(f"workers-{workers}", "-j", str(workers))
            alone = alone or run.wall
            part = alone / run.wall / min(workers, os.cpu_count() or 1)
            yield f"| {cells} busy cells, {workers} workers | {run.wall:.1f} s | {part:.2f} of linear | 0.85 |"


def many(cells: int) -> Iterator[str]:
    """Fill very many cells."""
    with open_house(cells, IDLE) as house:
        run, rows = house.matrix("many", "-j", "2")
    done = sum(each["status"] == "done" for each in rows)
    yield f"| {cells:,} idle cells, two workers, {done:,} done | {run.wall / 60:.1f} min | | 10 min for 1,000 |"
    if run.facts is not None:
        yield f"| peak memory of the parent | {run.facts.memory / 1e6:.0f} MB | | 400 MB |"


def killed(cells: int) -> Iterator[str]:
    """Kill a worker of a Dask cluster every 20 seconds."""
    if importlib.util.find_spec("distributed") is None:
        yield "| a worker killed every 20 s | Dask is not installed | | nothing lost |"
        return
    with open_house(cells, BUSY) as house, ExitStack() as stack:
        environment = {**os.environ, "MINREQ_CACHE_DIR": str(house.folder / "cache")}
        patient = {**environment, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "9"}
        start = [sys.executable, "-m", "dask"]
        command = [*start, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        scheduler = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=patient))
        stack.callback(scheduler.terminate)
        address = next(found[0] for line in scheduler.stderr or () if (found := re.search(r"tcp://[\d.]+:\d+", line)))
        options = ["--nworkers", "2", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        worker = stack.enter_context(
            subprocess.Popen([*start, "worker", address, *options], stderr=subprocess.DEVNULL, env=environment)
        )
        stack.callback(worker.terminate)
        ended, count = threading.Event(), 0

        def kill() -> None:
            nonlocal count
            while not ended.wait(20):
                children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text("ascii").split()
                os.kill(int(children[-1]), signal.SIGKILL)
                count += 1

        killer = threading.Thread(target=kill)
        killer.start()
        stack.callback(killer.join)
        stack.callback(ended.set)
        run, rows = house.matrix("killed", "--scheduler", address)
    done = sum(each["status"] == "done" for each in rows)
    yield f"| {cells} busy cells, {count} workers killed | {run.wall:.0f} s, {done} cells done | | nothing lost |"


def litellm(cells: int) -> Iterator[str]:
    """Compare a matrix of litellm with single commands: chat alone, three sets of providers, the newest releases."""
    releases = max(1, cells // len(PROVIDERS))
    with tempfile.TemporaryDirectory(prefix="minreq-matrix-") as scratch:
        folder, store = Path(scratch), Path(scratch, "cache")
        columns = [word for each in PROVIDERS for word in ("-p", each)]
        arguments = ["--root", "litellm", "--last", str(releases), *columns, "--features", "chat", "-q", "-j", "2"]
        # The cache is warm for both: the first one fetches and compiles.
        minreq(["matrix", *arguments, "-o", str(folder / "warm")], folder, store)
        run = minreq(["matrix", *arguments, "-o", str(folder / "out")], folder, store)
        rows = [json.loads(line) for line in (folder / "out/table.jsonl").read_text("utf-8").splitlines()]
        options = ["--features", "chat", "-q", "--dry-run"]
        single = [
            minreq(["lock", f"litellm=={row['version']}", "-p", row["providers"], *options], folder, store)
            for row in rows
            if row["status"] == "done"
        ]
    yield from _compare(f"{len(rows)} cells of litellm, chat, and {len(single)} single commands", run, single)


def _compare(what: str, run: TimedRun, single: Sequence[TimedRun]) -> Iterator[str]:
    """Yield rows that compare a matrix with single commands."""
    wall, processor = sum(each.wall for each in single), sum(each.processor for each in single)
    yield f"| {what} | {run.wall:.1f} s, {wall:.1f} s | {run.wall / wall:.2f} | 0.6 |"
    yield f"| the same, processor seconds | {run.processor:.1f}, {processor:.1f} | {run.processor / processor:.2f} | |"


#: Each with the number of its cells.
PARTS: dict[str, tuple[Callable[[int], Iterator[str]], int]] = {
    "share": (share, 24),
    "speedup": (speedup, 24),
    "many": (many, 1000),
    "killed": (killed, 60),
    "litellm": (litellm, 24),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="all by default")
    parser.add_argument("--cells", type=int, help="the number of cells of each part")
    parser.add_argument("--results", default=RESULTS, type=Path)
    options = parser.parse_args(arguments)
    rows = []
    for name in options.parts or PARTS:
        measure, cells = PARTS[name]
        for row in measure(options.cells or cells):
            print(row, file=sys.stderr)
            rows.append(row)
    now = datetime.now(tz=timezone.utc)
    report = "\n".join(
        [
            "# What a matrix costs beside its cells",
            "",
            f"{now:%Y-%m-%d %H:%M} UTC, by `benchmarks/matrix_cells.py`.",
            "",
            *machine(),
            "",
            "| what | measured | ratio | aim |",
            "|---|---:|---:|---:|",
            *rows,
        ]
    )
    print(report)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / f"matrix-{now:%Y-%m-%d}.md").write_text(f"{report}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
