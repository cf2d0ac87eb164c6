"""What a cold module costs over a warm one: the processor time until its code is there, from both trees of a lock.

Build the lock twice, into folders, with `--slim none` and with `--slim cold`; the first one needs compiled files.

    python benchmarks/cold_modules.py whole cold litellm
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from measuring import machine

#: Finds and reads the code of each module whose package is loaded. The second time everything is in memory.
_CODE = """
import importlib.util, json, sys, time
sys.path.insert(0, sys.argv[1])
__import__(sys.argv[2])
found = {}
for name in json.loads(sys.stdin.read()):
    package = name.rpartition(".")[0]
    if name in sys.modules or package not in sys.modules:
        continue
    for _ in range(2):
        start = time.process_time()
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader.get_code(name)
            found[name] = (time.process_time() - start) * 1000
print(json.dumps(found))
"""
_ROUNDS = 3


def main() -> None:
    """Measure in turn, and print a line for each round."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("whole", type=Path)
    parser.add_argument("cold", type=Path)
    parser.add_argument("module", help="what is imported first")
    options = parser.parse_args()
    print("\n".join(machine()))
    names = sorted(list_modules(options.whole) - list_modules(options.cold))
    for _ in range(_ROUNDS):
        whole, cold = (measure(tree, options.module, names) for tree in (options.whole, options.cold))
        more = sorted(cold[name] - whole[name] for name in whole.keys() & cold.keys())
        worst = more[len(more) * 95 // 100]
        print(
            f"{len(more)} of {len(names)} cold modules; median {statistics.median(cold.values()):.2f} ms,",
            f"{statistics.median(more):.2f} ms more than warm ones; 95 of 100 at most {worst:.2f} ms more",
            flush=True,
        )


def list_modules(tree: Path) -> set[str]:
    """Return the names of the modules whose sources lie in *tree*."""
    found = set[str]()
    for path in tree.rglob("*.py"):
        parts = path.relative_to(tree).with_suffix("").parts
        found.add(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def measure(tree: Path, module: str, names: Collection[str]) -> Mapping[str, float]:
    """Return milliseconds by module of *names*, in an interpreter that has imported *module* from *tree*."""
    done = subprocess.run(
        [sys.executable, "-S", "-c", _CODE, str(tree), module],
        input=json.dumps([*names]),
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
