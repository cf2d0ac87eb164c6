"""What a cold tree comes to beside the whole one: bytes, the zip, and the modules that import as from the whole lock.

The table is the one of ``docs/measured.md``. Needs the package index.

    tox run -e cold                                   # all roots of the page: an hour on two processors
    tox run -e cold -- litellm==1.110.2 --packers     # one root, and how other packers would do
"""

from __future__ import annotations

import argparse
import json
import lzma
import statistics
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import machine, run
from packaging.requirements import Requirement

SMOKES = Path(__file__).resolve().parents[1] / "docs" / "smokes"
ROOTS = ["litellm==1.78.7", "litellm==1.106.2", "litellm==1.110.2", "langchain-openai==1.7.4", "mlflow-skinny==3.17.2"]
_MINREQ = [sys.executable, "-m", "minreq"]
_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 9}]
#: The most files of each kind that are unpacked to measure the time.
_SAMPLE = 300
_Packer = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]


def main() -> None:
    """Build and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("roots", nargs="*", default=ROOTS)
    parser.add_argument("--packers", action="store_true", help="compare packers on the cold files of each root")
    options = parser.parse_args()
    print("\n".join(machine()))
    print("\n| root | modules | no compiled files | part | its zip | part | compiled files | part | its zip | part |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for root in map(Requirement, options.roots):
        with tempfile.TemporaryDirectory() as scratch:
            print(row(root, Path(scratch)), flush=True)
            if options.packers:
                print("\n".join(packer_table(Path(scratch) / "cold-none.zip")), flush=True)


def row(root: Requirement, folder: Path) -> str:
    """Lock *root* in *folder*, build it whole and cold, and return the row of the table."""
    smoke = SMOKES / f"smoke_{root.name.replace('-', '_')}.py"
    chosen = ["--smoke", str(smoke)] if smoke.exists() else ["--providers", "openai,bedrock"]
    run([*_MINREQ, "lock", str(root), *chosen, "--quiet"], folder=folder)
    cells = [str(root).replace("==", " ")]
    for bytecode in ("none", "add"):
        # The sources are the same: once is enough.
        proof = "all" if bytecode == "none" else "none"
        options = ["--prove-modules", proof, *(["--smoke", str(smoke)] if smoke.exists() else [])]
        whole, cold = (build(folder, level, bytecode, *options) for level in ("none", "cold"))
        if bytecode == "none":
            cells.append(f"{cold['modules']:,}")
        for size in ("bytes", "zip_bytes"):
            cells += [f"{cold[size]:,}", f"{cold[size] / whole[size]:.2f}"]
    return f"| {' | '.join(cells)} |"


def build(folder: Path, level: str, bytecode: str, *options: str) -> Mapping[str, Any]:
    """Build the lock in *folder*, and return the JSON document of the command."""
    name = f"{level}-{bytecode}.zip"
    command = [*_MINREQ, "build", "-o", name, "--slim", level, "--bytecode", bytecode, "--json", "--quiet", *options]
    found: dict[str, Any] = json.loads(run(command, folder=folder))
    return found


def packer_table(layer: Path) -> Iterator[str]:
    """Yield a table: the bytes of the cold files of *layer* by each packer, and the milliseconds to unpack one."""
    packers = find_packers()
    yield f"\n| cold files | number | bytes | {' | '.join(f'{name} | ms' for name in packers)} |"
    yield f"| --- | ---: | ---: |{' ---: | ---: |' * len(packers)}"
    for kind, files in read_cold_files(layer).items():
        cells = [kind, f"{len(files):,}", f"{sum(map(len, files)):,}"]
        for pack, unpack in packers.values():
            packed = [*map(pack, files)]
            sample = packed[:: len(packed) // _SAMPLE + 1]
            cells += [f"{sum(map(len, packed)):,}", f"{statistics.median(seconds(unpack, sample)) * 1000:.3f}"]
        yield f"| {' | '.join(cells)} |"
    yield ""


def seconds(unpack: Callable[[bytes], bytes], packed: Sequence[bytes]) -> Iterator[float]:
    """Yield the seconds of the processor that each of *packed* takes."""
    for each in packed:
        start = time.process_time()
        unpack(each)
        yield time.process_time() - start


def find_packers() -> Mapping[str, _Packer]:
    """Return the packers that this interpreter has: Zstandard since Python 3.14."""
    found: dict[str, _Packer] = {
        "deflate": (lambda content: zlib.compress(content, 9), zlib.decompress),
        "LZMA": (
            lambda content: lzma.compress(content, lzma.FORMAT_RAW, filters=_FILTERS),
            lambda packed: lzma.decompress(packed, lzma.FORMAT_RAW, filters=_FILTERS),
        ),
    }
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
    except ImportError:
        return found
    return {**found, "Zstandard 19": (lambda content: zstd.compress(content, 19), zstd.decompress)}


def read_cold_files(layer: Path) -> Mapping[str, Sequence[bytes]]:
    """Return the contents of the cold files in the archives of *layer*, by kind."""
    found: dict[str, list[bytes]] = {"sources": [], "extension modules": [], "data": []}
    with zipfile.ZipFile(layer) as outer:
        for name in sorted(outer.namelist()):
            if not name.startswith("python/_minreq_cold/") or not name.endswith(".zip"):
                continue
            with outer.open(name) as file, zipfile.ZipFile(file) as inner:
                for path in inner.namelist():
                    kind = "sources" if path.endswith(".py") else "extension modules" if ".so" in path else "data"
                    if path != "minreq-cold.json":
                        found[kind].append(inner.read(path))
    return {kind: files for kind, files in found.items() if files}


if __name__ == "__main__":
    main()
