"""Debug symbols taken out of shared objects, by ``strip`` of the system."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def strip_program() -> Path | None:
    """Return the program, ``None`` where there is none."""
    found = shutil.which("strip")
    return Path(found) if found else None


def strip(program: Path, files: Iterable[Path], *, jobs: int) -> dict[Path, int]:
    """Strip *files* of what only debuggers and linkers read; return the bytes that went, where any did.

    A file that *program* cannot read, one for another machine, stays as it is.
    """
    ordered = sorted(files)
    with ThreadPoolExecutor(jobs) as pool:
        saved = pool.map(lambda file: _strip(program, file), ordered)
        return {file: count for file, count in zip(ordered, saved, strict=True) if count}


def _strip(program: Path, file: Path) -> int:
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
