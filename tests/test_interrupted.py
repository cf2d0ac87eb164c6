"""Interrupt `minreq lock` at work: it leaves no process and no temporary file, and the old lock is intact."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from commanding import Project, project
from lockkiller import find_processes

pytestmark = pytest.mark.one_python

SCENARIO = """
explanation = "A smoke that shows when it runs and then waits for ever."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
"""
WAITING = """
import app, subprocess, sys
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)", {marker!r}])
"""


@pytest.fixture
def temporary() -> Iterator[Path]:
    """The temporary folder of the process; short, as a socket's address has to be."""
    folder = Path(tempfile.mkdtemp(prefix="mr"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def locked(tmp_path: Path) -> Project:
    made = project(SCENARIO, tmp_path)
    made.make_lock()
    return made


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_a_run_leaves_nothing(
    locked: Project, temporary: Path, number: signal.Signals
) -> None:
    before = {path: path.read_bytes() for path in (locked.lock, locked.evidence)}
    marker = str(locked.folder / "running")
    (locked.folder / "smoke.py").write_text(WAITING.format(marker=marker))
    command = locked.command("lock", "app", "--smoke", "smoke.py", "-q")
    with subprocess.Popen(
        command,
        cwd=locked.folder,
        env={**locked.environment(), "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not find_processes(marker):
                assert process.poll() is None
                time.sleep(0.02)
            assert find_processes(temporary), "the child and the emulator"
            process.send_signal(number)
            # Whatever hangs would hang for ten minutes.
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (130, "error: interrupted\n")
    assert find_processes(temporary) == []
    assert list(temporary.iterdir()) == []
    assert list((locked.store / "unfinished").iterdir()) == []
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in locked.folder.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("blocks", "why"),
    [(0, "No usable temporary directory"), (8, "File too large")],
    ids=["nothing can be written", "small files can"],
)
def test_a_full_disk_is_a_sentence_and_the_old_lock_whole(
    locked: Project, temporary: Path, blocks: int, why: str
) -> None:
    before = {path: path.read_bytes() for path in (locked.lock, locked.evidence)}
    (locked.folder / "smoke.py").write_text("import app, needed")
    done = subprocess.run(
        # A limit on the size of files (POSIX, blocks of 512 bytes) fails where a full disk does.
        [
            "/bin/sh",
            "-c",
            f'ulimit -f {blocks}; exec "$@"',
            "sh",
            *locked.command("lock", "app", "--smoke", "smoke.py"),
        ],
        cwd=locked.folder,
        # Coverage could not write either, and would say so.
        env={**{k: v for k, v in locked.environment().items() if "COVERAGE" not in k}, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert f"error: cannot continue: {why}" in done.stderr
    assert done.returncode in {1, 2}
    assert {path: path.read_bytes() for path in before} == before
    assert list(temporary.iterdir()) == []
