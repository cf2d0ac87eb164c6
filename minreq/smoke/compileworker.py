"""Compile sources and run none of them: a request is a line of JSON on stdin, an answer a line on stdout.

This script is run by the interpreter of a smoke. The answer to ``[PATH, OPTIMIZE]`` is the path of the compiled file,
its SHA-256 and that of the source, or ``null``.
"""

from __future__ import annotations

import hashlib
import json
import py_compile
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Answer requests until stdin ends."""
    warnings.simplefilter("ignore")  # The run that imports the source shows its warnings.
    for line in sys.stdin:
        path, optimize = json.loads(line)
        try:
            source = _hash(path)
            # The compiled file holds the time and size of the source, as the import system writes it.
            mode = py_compile.PycInvalidationMode.TIMESTAMP
            compiled_file = py_compile.compile(path, doraise=True, optimize=optimize, invalidation_mode=mode)
            answer = [compiled_file, _hash(str(compiled_file)), source] if _hash(path) == source else None
        except Exception:  # noqa: BLE001 - The child then compiles for itself, and shows why that fails.
            answer = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _hash(file: str) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
