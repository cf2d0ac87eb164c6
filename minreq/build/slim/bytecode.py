"""Compile sources for a read-only tree: the compiled files are valid whatever the time of their source."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minreq.errors import PythonUnusable

#: The number of parts does not depend on the machine, so that the bytes do not either.
_PARTS = 4

#: The target interpreter runs this. It reads lines from stdin: the path of the source, of the compiled file, and the
#: path to show. It prints the paths that it cannot compile. On load Python does not check the source hash (PEP 552).
_SCRIPT = """
import py_compile, sys
for line in sys.stdin.read().splitlines():
    source, compiled, shown = line.split("\\t")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    try:
        py_compile.compile(source, compiled, shown, doraise=True, invalidation_mode=mode)
    except (py_compile.PyCompileError, UnicodeError, ValueError):
        print(shown)
"""


def compile_sources(
    python: Path, tag: str, folder: Path, paths: Sequence[str], *, beside: bool, jobs: int
) -> tuple[str, ...]:
    """Compile the sources *paths* of *folder* with *python*; return those that are no valid Python, such as templates.

    With *beside* the compiled file lies beside its source, and Python can load it without the source. Otherwise it lies
    in ``__pycache__`` under the *tag* of the interpreter (``cpython-312``). Equal sources give equal bytes.
    """
    lines = [f"{folder / path}\t{folder / compiled_path(path, tag, beside=beside)}\t{path}" for path in sorted(paths)]
    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(lambda number: _compile(python, lines[number::_PARTS]), range(_PARTS))
        return tuple(sorted(path for part in parts for path in part))


def compiled_path(path: str, tag: str, *, beside: bool) -> str:
    """Return the path of the compiled file of the source *path*."""
    stem = path.removesuffix(".py")
    if beside:
        return f"{stem}.pyc"
    folder, slash, name = stem.rpartition("/")
    return f"{folder}{slash}__pycache__/{name}.{tag}.pyc"


def _compile(python: Path, lines: Sequence[str]) -> list[str]:
    try:
        done = subprocess.run(
            [python, "-S", "-s", "-B", "-W", "ignore", "-c", _SCRIPT],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            encoding="utf-8",
            # A set constant is written in the order of its hashes.
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PythonUnusable(str(python), f"it does not compile ({error})") from error
    return done.stdout.splitlines()
