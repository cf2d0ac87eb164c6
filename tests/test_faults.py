"""Faults: killed at any moment, two at once, a damaged cache; after each the next lock is the undisturbed one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from commanding import Project, project
from killing import ARGUMENTS, SCENARIO, files, killed, processes as named

#: How often a lock is killed; the moments are the same each time, what happens then is not.
KILLS = 6


@pytest.fixture
def made(tmp_path: Path) -> Project:
    return project(SCENARIO, tmp_path)


def start(made: Project) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        made.command(*ARGUMENTS), cwd=made.folder, env=made.environment(), stderr=subprocess.DEVNULL
    )


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for processes in /proc")
def test_killed_at_any_moment_of_a_cold_lock(tmp_path: Path) -> None:
    """The lock is the old one or the new one, whole; no process stays; the next lock is the undisturbed one.

    It also removes what the killed one left, and the store is verified. `python tests/killing.py 100` kills more.
    """
    assert len(list(killed(tmp_path, KILLS))) == KILLS


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
