"""Faults: killed at any moment, two at once, a damaged cache; after each the next lock is the undisturbed one."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commanding import Project, project

SCENARIO = """
explanation = "One is needed, one is not."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed", "unused"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
unused."1.0" = {}
"""
#: How often a lock is killed; the moments are the same each time, what happens then is not.
KILLS = 6
ARGUMENTS = ("lock", "app", "--smoke", "smoke.py", "-q", "-j", "2")


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def files(made: Project) -> tuple[bytes, bytes]:
    return made.lock.read_bytes(), made.evidence.read_bytes()


def start(made: Project) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        made.command(*ARGUMENTS), cwd=made.folder, env=made.environment(), stderr=subprocess.DEVNULL
    )


def named(folder: Path) -> list[str]:
    """Processes that name *folder*."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for processes in /proc")
def test_killed_at_any_moment_of_a_cold_lock(made: Project, tmp_path: Path) -> None:
    """The file is whole, no process stays behind, and the store it leaves makes the same lock."""
    began = time.monotonic()
    assert made.minreq(*ARGUMENTS).status == 0
    seconds = time.monotonic() - began
    expected = files(made)
    moments = random.Random(7)  # noqa: S311 - Any moments will do.
    for number in range(KILLS):
        victim = Project(wheelhouse=made.wheelhouse, folder=tmp_path / f"work-{number}", cache=tmp_path / f"c{number}")
        victim.folder.mkdir()
        (victim.folder / "smoke.py").write_text(made.wheelhouse.scenario.program)
        with start(victim) as process:
            try:
                process.wait(moments.uniform(0, seconds))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        assert not victim.lock.exists() or victim.lock.read_bytes() == expected[0]
        deadline = time.monotonic() + 30
        while named(victim.cache) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert named(victim.cache) == []
        assert victim.minreq(*ARGUMENTS).status == 0
        assert files(victim) == expected


def test_two_at_once_on_one_store_and_one_output(made: Project) -> None:
    with start(made) as one, start(made) as another:
        assert (one.wait(), another.wait()) == (0, 0)
    found = files(made)
    made.lock.unlink()
    made.evidence.unlink()
    assert made.minreq(*ARGUMENTS).status == 0
    assert files(made) == found


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied"])
def test_a_damaged_cache_makes_the_same_lock(made: Project, damage: str) -> None:
    """Every file of it at once, but for sources that are as long as before, which are not hashed again."""
    assert made.minreq(*ARGUMENTS).status == 0
    expected = files(made)
    number = 0
    for file in sorted(made.cache.rglob("*")):
        inside = "unpacked" in file.parts
        if not file.is_file() or "locks" in file.parts or (inside and (damage == "flipped" or file.suffix == ".pyc")):
            continue
        data = file.read_bytes()
        number += 1
        changed = {
            "cut": data[: len(data) // 2],
            "flipped": data[: len(data) // 2] + bytes(255 - each for each in data[len(data) // 2 :]),
            "emptied": b"",
        }
        file.write_bytes(changed[damage])
    assert number > 3
    made.lock.unlink()
    made.evidence.unlink()
    done = made.minreq(*ARGUMENTS)
    assert (done.status, done.err) == (0, "")
    assert files(made) == expected
    assert not list((made.store / "unfinished").iterdir())


CHILDREN = {
    "segfaults": "import app, ctypes; ctypes.string_at(0)",
    "fills its memory": "import app; x = [bytearray(1 << 42)]",
    "floods stdout": "import app, os\nwhile True: os.write(1, b'x' * 1000000)",
    "closes its pipe": "import app, os; os.closerange(3, 64); import needed",
    "writes for ever": "import app\nwith open('large', 'wb') as file:\n    file.truncate(1 << 40)",
    "forks": "import app, os\nfor _ in range(3): os.fork()\nraise SystemExit(3)",
}


@pytest.mark.parametrize("child", CHILDREN)
def test_a_child_that_misbehaves_is_a_sentence(made: Project, child: str) -> None:
    (made.folder / "smoke.py").write_text(CHILDREN[child])
    done = made.minreq("lock", "app", "--smoke", "smoke.py", "-q", "--timeout", "10")
    assert 'Traceback (most recent call last):\n  File "/' not in done.err.partition("smoke fails")[0]
    if child != "closes its pipe":
        assert done.status == 3
        assert not made.lock.exists()
    assert named(made.cache) == []
    assert not list((made.store / "unfinished").iterdir())
