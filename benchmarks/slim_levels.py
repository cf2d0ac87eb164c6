"""What each level of a build comes to: bytes, files, the zip, and how long the first import of the root takes from it.

Every build is proven as always; the imports are timed afterwards, in turns, each in an interpreter of its own that
writes nothing, as in AWS Lambda. Writes a table in Markdown into ``benchmarks/results/``. Needs the package index.

    tox run -e slim                                   # all, on two releases of litellm: some 20 minutes
    tox run -e slim -- litellm==1.78.7 --rounds 5
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lock_times import RESULTS, ROOTS
from measuring import machine, run
from packaging.requirements import Requirement

from minreq.config.levels import BYTECODE, LEVELS, Bytecode, Level

#: Sources are left out at one level alone, to see what that does.
BUILDS = tuple((level, mode) for level in LEVELS for mode in BYTECODE if mode != "only" or level == "unused")
_IMPORT = "import importlib, sys; sys.path.append(sys.argv[1]); importlib.import_module(sys.argv[2])"


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A build of a lock, unpacked."""

    level: Level
    mode: Bytecode
    #: The JSON document of the command.
    facts: dict[str, Any]
    tree: Path


def main() -> None:
    """Build, time, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", default=ROOTS)
    parser.add_argument("--providers", default="openai,bedrock")
    parser.add_argument("--rounds", default=3, type=int, help="imports from each tree")
    parser.add_argument("--results", default=RESULTS, type=Path)
    options = parser.parse_args()
    today = datetime.now(timezone.utc).date()
    for root in map(Requirement, options.roots):
        with tempfile.TemporaryDirectory() as scratch:
            builds = list(built(root, options.providers, Path(scratch)))
            seconds = first_imports(root, builds, options.rounds)
        name = f"{root.name}-{str(root.specifier).removeprefix('==')}"
        lines = [
            f"# Levels of a build of {root}, {options.providers}, {today}",
            "",
            *machine(),
            f"- first import: the median of {options.rounds}, in turns, after one that is not counted",
            "",
            *table(builds, seconds),
        ]
        text = "\n".join(lines) + "\n"
        print(text)
        options.results.mkdir(exist_ok=True)
        (options.results / f"slim-{today}-{name}.md").write_text(text, "utf-8")


def built(root: Requirement, providers: str, folder: Path) -> Iterator[Build]:
    """Lock in *folder* and build every level from that."""
    program = [sys.executable, "-m", "minreq"]
    run([*program, "lock", str(root), "--providers", providers, "--quiet"], folder=folder)
    for level, mode in BUILDS:
        name = f"{level}-{mode}"
        meant = ["--yes-traced"] if level == "traced" else []
        output = run(
            [*program, "build", "-o", f"{name}.zip", "--slim", level, "--bytecode", mode, "--json", "--quiet", *meant],
            folder=folder,
        )
        with zipfile.ZipFile(folder / f"{name}.zip") as archive:
            archive.extractall(folder / name)
        yield Build(level=level, mode=mode, facts=json.loads(output), tree=folder / name / "python")


def first_imports(root: Requirement, builds: Sequence[Build], rounds: int) -> list[float]:
    """Return the seconds of an import of *root* from each of *builds*."""
    module = root.name.removesuffix("-core")  # litellm-core brings litellm.
    for build in builds:
        # What is read for the first time comes from the disk, which is not what is compared.
        imported(module, build.tree)
    found = [[imported(module, build.tree) for build in builds] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*found, strict=True)]


def imported(module: str, tree: Path) -> float:
    """Import *module* from *tree* alone; return the seconds."""
    start = time.monotonic()
    subprocess.run(
        [sys.executable, "-S", "-s", "-B", "-c", _IMPORT, str(tree), module],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        check=True,
    )
    return time.monotonic() - start


def table(builds: Sequence[Build], seconds: Sequence[float]) -> Iterator[str]:
    """Yield the lines of the table."""
    yield "| `--slim` | `--bytecode` | bytes | files | zip | opened | bytes : opened | first import |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for build, each in zip(builds, seconds, strict=True):
        facts = build.facts
        yield (
            f"| `{build.level}` | `{build.mode}` | {facts['bytes']:,} | {facts['files']:,} | {facts['zip_bytes']:,} | "
            f"{facts['opened_bytes']:,} | {facts['bytes'] / facts['opened_bytes']:.2f} | {each:.2f} s |"
        )


if __name__ == "__main__":
    main()
