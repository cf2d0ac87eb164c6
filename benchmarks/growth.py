"""How time and memory of a lock grow: with the closure, the releases of the root, the bytes of a wheel, the imports.

The index is made by the wheelhouse of the tests and served on loopback, so nothing else is needed. Writes a table into
``benchmarks/results/``. The last column shows by which power of the size the time grew at the end: one is linear.

    tox run -e growth
    tox run -e growth -- --only releases --rounds 3
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path

from measuring import TimedRun, machine, minreq

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from simpleserver import ServerFeatures, serve
from wheelhouse import Release, Scenario, write

RESULTS = Path(__file__).parent / "results"

#: No part of a lock may grow faster, whatever the noise.
_LINEAR = 1.15


def closure(size: int) -> Scenario:
    """A root that requires as many distributions as are left, and imports every second of them."""
    names = [f"part{number}" for number in range(size - 1)]
    imports = "".join(f"import {name}\n" for name in names[::2])
    root = Release(name="root", version="1.0", requires=tuple(names), files={"root/__init__.py": imports})
    others = (Release(name=name, version="1.0", files={f"{name}/__init__.py": "x = 1\n"}) for name in names)
    return _scenario(f"A closure of {size} distributions.", [root, *others])


def releases(size: int) -> Scenario:
    """A root with many versions."""
    found = [
        Release(name="root", version=f"1.{number}", files={"root/__init__.py": "x = 1\n"}) for number in range(size)
    ]
    return _scenario(f"A root of {size} releases.", found)


def megabytes(size: int) -> Scenario:
    """A root that needs a wheel of so many megabytes, most of it in one file that does not compress well."""
    data = random.Random(size).randbytes(size * 500_000).hex()  # noqa: S311 - Any bytes will do.
    large = Release(name="large", version="1.0", files={"large/__init__.py": "x = 1\n", "large/data.txt": data})
    root = Release(name="root", version="1.0", requires=("large",), files={"root/__init__.py": "import large\n"})
    return _scenario(f"A wheel of {size} megabytes.", [root, large])


def imports(size: int) -> Scenario:
    """A smoke that imports so many modules."""
    files = {"root/__init__.py": "import part\n"}
    parts = {f"part/m{number}.py": "x = 1\n" for number in range(size)}
    root = Release(name="root", version="1.0", requires=("part",), files=files)
    part = Release(name="part", version="1.0", files={"part/__init__.py": "", **parts})
    program = "import root\n" + "".join(f"import part.m{number}\n" for number in range(size))
    return _scenario(f"A smoke of {size} imports.", [root, part], program)


#: What grows, how, and to what.
GROWING: dict[str, tuple[str, Callable[[int], Scenario], tuple[int, ...]]] = {
    "closure": ("distributions in the closure", closure, (10, 100, 1000)),
    "releases": ("releases of the root", releases, (50, 500, 5000)),
    "megabytes": ("megabytes of one wheel", megabytes, (5, 50, 500)),
    "imports": ("modules the smoke imports", imports, (10, 100, 1000)),
}


def main() -> None:
    """Measure, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(GROWING), help=f"of {','.join(GROWING)}")
    parser.add_argument("--rounds", default=1, type=int)
    parser.add_argument("--most", default=5000, type=int, help="no size above")
    parser.add_argument("--results", default=RESULTS, type=Path)
    options = parser.parse_args()
    rows = list(_rows(options.only.split(","), options.rounds, options.most))
    report = "\n".join(
        [
            "# How a lock grows",
            "",
            (
                f"{datetime.now(tz=timezone.utc):%Y-%m-%d %H:%M} UTC, by `benchmarks/growth.py`: `minreq lock root`, "
                f"empty cache, an index on loopback; medians of {options.rounds}."
            ),
            "",
            *machine(),
            "",
            "| what | size | seconds | processor seconds | peak memory of minreq, MB | requests | grows by power |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )
    print(report)
    options.results.mkdir(parents=True, exist_ok=True)
    name = f"growth-{datetime.now(tz=timezone.utc):%Y-%m-%d}.md"
    (options.results / name).write_text(f"{report}\n", encoding="utf-8")


def _rows(chosen: Sequence[str], rounds: int, most: int) -> Iterator[str]:
    for name in chosen:
        what, make, sizes = GROWING[name]
        before: tuple[int, float] | None = None
        for size in filter(lambda each: each <= most, sizes):
            found = _time_locks(make(size), rounds)
            wall = statistics.median(each.wall for each in found)
            processor = statistics.median(each.processor for each in found)
            facts = [each.facts for each in found if each.facts]
            memory = max(each.memory for each in facts) / 1e6
            power = math.log(wall / before[1]) / math.log(size / before[0]) if before else None
            verdict = "" if power is None else f"{power:.2f}" + ("" if power <= _LINEAR else ", worse than linear")
            before = size, wall
            requests = max(each.requests for each in facts)
            row = f"| {what} | {size:,} | {wall:.2f} | {processor:.2f} | {memory:.0f} | {requests} | {verdict} |"
            print(row, file=sys.stderr)
            yield row


def _time_locks(scenario: Scenario, rounds: int) -> list[TimedRun]:
    with tempfile.TemporaryDirectory(prefix="minreq-growth-") as scratch:
        house = write(scenario, Path(scratch, "house"))
        with serve(house, ServerFeatures(metadata=True)) as server:
            return [_lock(server.url, house.program, Path(scratch, f"round-{number}")) for number in range(rounds)]


def _lock(index: str, program: Path, folder: Path) -> TimedRun:
    folder.mkdir()
    arguments = ["lock", "root", "--smoke", str(program), "--index-url", index, "--quiet", "--timeout", "600"]
    return minreq(arguments, folder, folder / "store")


def _scenario(explanation: str, found: Sequence[Release], program: str = "import root\n") -> Scenario:
    return Scenario(
        explanation=explanation, root="root", requirements=("root",), program=program, releases=tuple(found)
    )


if __name__ == "__main__":
    main()
