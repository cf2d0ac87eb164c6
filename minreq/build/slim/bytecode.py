"""Compiled files that are valid whatever the time of their source: what a file system that cannot be written needs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from minreq.errors import PythonUnusable

#: The work is always cut into as many parts, so that the bytes do not depend on how many run at once.
_PARTS = 4

#: Run by the interpreter that will load the files; reads lines of source, compiled and shown path from stdin, and
#: tells those that it could not compile. The hash of the source is not checked when the file is loaded (PEP 552).
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
    """Compile the sources *paths* of *folder* with *python*; return those that are no Python, as templates are.

    With *beside* the compiled file lies where its source does, to be loaded without one; else in ``__pycache__``,
    under the *tag* of the interpreter (``cpython-312``). Equal sources give equal bytes.
    """
    lines = [f"{folder / path}\t{folder / compiled_path(path, tag, beside=beside)}\t{path}" for path in sorted(paths)]
    with ThreadPoolExecutor(jobs) as pool:
        parts = pool.map(lambda number: _compile(python, lines[number::_PARTS]), range(_PARTS))
        return tuple(sorted(path for part in parts for path in part))


def compiled_path(path: str, tag: str, *, beside: bool) -> str:
    """Return where the compiled file of the source *path* lies."""
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
            # The order of a set of constants is that of their hashes.
            env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
            cwd="/",
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PythonUnusable(str(python), f"it does not compile ({error})") from error
    return done.stdout.splitlines()
