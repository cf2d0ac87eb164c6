"""Compiles sources and runs none: one request a line of JSON on stdin, one answer a line on stdout.

A script of its own, run by the interpreter of a smoke. ``[PATH, OPTIMIZE]`` is answered with the path of the compiled
file and its SHA-256, or with ``null``.
"""

from __future__ import annotations

import hashlib
import json
import py_compile
import sys
import warnings
from pathlib import Path


def main() -> None:
    """Answer until stdin ends."""
    warnings.simplefilter("ignore")  # What a source deserves to be warned of is told where it is run.
    for line in sys.stdin:
        path, optimize = json.loads(line)
        try:
            # With the time and size of the source in it, as the import system does.
            mode = py_compile.PycInvalidationMode.TIMESTAMP
            made = py_compile.compile(path, doraise=True, optimize=optimize, invalidation_mode=mode)
            answer = [made, hashlib.sha256(Path(str(made)).read_bytes()).hexdigest()]
        except Exception:  # noqa: BLE001 - Whoever asked compiles for itself, and sees why that fails.
            answer = None
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
