"""Compile sources and run none of them: a request is a line of JSON on stdin, an answer a line on stdout.

This script is run by the interpreter of a smoke. The answer to ``[PATH, OPTIMIZE]`` is the path of the compiled file,
its SHA-256 and that of the source, or ``null``. The answer to ``[PATH, OPTIMIZE, SHOWN]`` is the number of bytes that a
compiled file would have whose code names its source SHOWN; nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import marshal
import py_compile
import sys
import warnings
from pathlib import Path
from typing import Any

#: Bytes before the code in a compiled file (PEP 552).
_HEADER = 16


def main() -> None:
    """Answer requests until stdin ends."""
    warnings.simplefilter("ignore")  # The run that imports the source shows its warnings.
    for line in sys.stdin:
        path, optimize, *shown = json.loads(line)
        try:
            answer: Any = _measure(path, optimize, *shown) if shown else _compile(path, optimize)
        except Exception:  # noqa: BLE001 - The child then compiles for itself, and shows why that fails.
            answer = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _compile(path: str, optimize: int) -> list[str | None] | None:
    source = _hash(path)
    # The compiled file holds the time and size of the source, as the import system writes it.
    mode = py_compile.PycInvalidationMode.TIMESTAMP
    compiled_file = py_compile.compile(path, doraise=True, optimize=optimize, invalidation_mode=mode)
    return [compiled_file, _hash(str(compiled_file)), source] if _hash(path) == source else None


def _measure(path: str, optimize: int, shown: str) -> int:
    source = Path(path).read_bytes()
    return _HEADER + len(marshal.dumps(compile(source, shown, "exec", dont_inherit=True, optimize=optimize)))


def _hash(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
