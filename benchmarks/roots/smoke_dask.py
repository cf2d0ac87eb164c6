"""Bags, delayed calls and graphs are computed by each scheduler; collections that need more are asked for.

Root: dask; has entry points, data files, a program, plug-ins.
"""

import operator
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import dask
import fsspec
from dask import bag, config, delayed, multiprocessing, sizeof, tokenize, utils
from dask.diagnostics import Callback
from fsspec.registry import known_implementations


class Counter(Callback):
    count = 0

    def _posttask(self, *_):
        Counter.count += 1


def main() -> None:
    numbers = bag.from_sequence(range(100), npartitions=4)
    with Counter():
        print(numbers.map(lambda n: n * n).filter(lambda n: n % 3 == 0).sum().compute(scheduler="sync"))
    print("tasks", Counter.count)
    print(numbers.groupby(lambda n: n % 3).map(lambda pair: (pair[0], len(pair[1]))).compute(scheduler="threads"))
    print(numbers.foldby(lambda n: n % 2, operator.add, 0).compute(scheduler="processes", num_workers=2))
    parts = [delayed(operator.add)(n, 1) for n in range(3)]
    print(dask.compute(parts, delayed(sum)(parts), scheduler="threads"))
    print(tokenize.tokenize([1, {"a": (2.5, "x")}], main.__name__), sizeof.sizeof([1, 2, "abc"]) > 100)
    Path("a.txt").write_text("one\ntwo\n", encoding="utf-8")
    print(
        bag.read_text("a.txt").str.upper().str.strip().compute(scheduler="sync"),
        bag.read_text("a.txt", compression="infer").npartitions,
    )
    print(fsspec.filesystem("memory").ls("/"), len(known_implementations) > 20, utils.format_bytes(123456789))
    print(config.get("tokenize.ensure-deterministic"), config.get("temporary-directory"), sorted(config.config)[:6])
    print(numbers.dask.layers.__class__.__name__, multiprocessing.get_context().__class__.__name__)
    for name, call in {
        "array": lambda: __import__("dask.array"),
        "dataframe": lambda: __import__("dask.dataframe"),
        "distributed": lambda: __import__("dask.distributed"),
        "graph": lambda: numbers.visualize("a.png"),
        "frame": lambda: numbers.to_dataframe(),
        "avro": lambda: numbers.to_avro("a"),
        "s3": lambda: fsspec.filesystem("s3"),
        "http": lambda: fsspec.filesystem("http"),
        "plot": lambda: dask.diagnostics.Profiler().visualize(),
        "html": lambda: len(numbers.dask._repr_html_()) > 500,
    }.items():
        try:
            print(name, type(call()).__name__)
        except Exception as error:
            print(name, type(error).__name__, str(error).strip().splitlines()[0][:80])
    for group in ("dask.sizeof", "dask.array.backends", "dask.dataframe.backends", "dask_cli", "fsspec.specs"):
        print(group, sorted(each.name for each in entry_points(group=group)))
    for arguments in (["config", "get", "scheduler"], ["info", "--help"], ["docs", "--help"], ["config", "list"]):
        done = subprocess.run([sys.executable, "-m", "dask", *arguments], capture_output=True, text=True, check=False)
        print(arguments, done.returncode, len(done.stdout.splitlines()), done.stderr[-200:])


if __name__ == "__main__":
    main()
