"""Remove debug symbols from shared objects, by the ``strip`` program of the system."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def find_strip_program() -> Path | None:
    """Return the path of ``strip``, ``None`` where this machine has none."""
    found = shutil.which("strip")
    return Path(found) if found else None


def strip_files(program: Path, files: Iterable[Path], *, jobs: int) -> dict[Path, int]:
    """Remove from *files* what only debuggers and linkers read; return the saved bytes of each file that got smaller.

    A file that *program* cannot read, such as one for another machine, is not changed.
    """
    ordered = sorted(files)
    with ThreadPoolExecutor(jobs) as pool:
        saved = pool.map(lambda file: _strip_file(program, file), ordered)
        return {file: count for file, count in zip(ordered, saved, strict=True) if count}


def _strip_file(program: Path, file: Path) -> int:
    stripped = file.with_name(f"{file.name}.stripped")
    done = subprocess.run(
        [program, "--strip-unneeded", "-o", stripped, file],
        capture_output=True,
        check=False,
    )
    before = file.stat().st_size
    after = stripped.stat().st_size if not done.returncode and stripped.is_file() else before
    if after < before:
        shutil.copymode(file, stripped)
        stripped.replace(file)
    stripped.unlink(missing_ok=True)
    return max(before - after, 0)
