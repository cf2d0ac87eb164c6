"""Fuzz a parser of bytes from outside: ``python tests/fuzzing.py TARGET [-runs=N | -max_total_time=SECONDS] [CORPUS]``.

The targets are those of `outside`. atheris (`requirements/fuzz.txt`) follows the branches that the bytes reach, and
stops at the first exception that is none of minreq's.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Fuzz the target that the command line names."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["minreq", "packaging", "installer"]):
        outside = import_module("outside")
        error = import_module("minreq.errors").MinreqError
    name = sys.argv.pop(1)
    target = outside.TARGETS[name]

    def call(data: bytes) -> None:
        with contextlib.suppress(error):
            target(data)

    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "seed").write_bytes(outside.SEEDS[name])
        atheris.Setup([*sys.argv, corpus], call)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
