"""Kill locks at random moments, and check after each what is left: ``python tests/lockkiller.py 100``."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from commanding import Project, project

from minreq.system.regularfile import sha256
from minreq.wheels import storedtree
from minreq.wheels.storedtree import TreeDamaged, TreeIndex
from minreq.wheels.unpacking import hash_files

SCENARIO = """
explanation = "One is needed, one is not."
requirements = ["app"]
program = "import app"
[wheels]
app."1.0" = { requires = ["needed", "unused"], files = { "app/__init__.py" = "import needed" } }
needed."1.0" = {}
unused."1.0" = {}
"""
ARGUMENTS = ("lock", "app", "--smoke", "smoke.py", "-q", "-j", "2")


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledLock:
    """What a killed lock left."""

    #: Seconds after the start at which it was killed; ``None`` if it ended before.
    moment: float | None
    #: Which lock was there, complete: ``old`` or ``new``.
    lock: str
    #: The number of folders that it left in the temporary folder until the next lock began.
    left: int


def lock_files(made: Project) -> tuple[bytes, bytes]:
    """Return the text of the lock and of its evidence."""
    return made.lock.read_bytes(), made.evidence.read_bytes()


def find_processes(folder: Path | str) -> list[str]:
    """Return the command lines of processes that name *folder*."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            found.append(command)
    return found


def find_leftovers(made: Project, temporary: Path) -> list[str]:
    """Return the temporary files and folders in every place where a lock makes any."""
    return sorted(
        str(path)
        for path in (
            *temporary.iterdir(),
            *made.folder.glob(".*"),
            *made.store.glob("unfinished/*"),
            *made.cache.glob("index/**/*.tmp"),
            *made.store.glob("unpacked/**/*.pyc.[0-9]*"),
        )
    )


def find_damage(store: Path) -> list[str]:
    """Return the files in the *store* that do not match their hash or record; an empty list means that all do."""
    wrong = [str(each) for each in store.glob("wheels/*/*/*.whl") if sha256(each) != each.parent.name]
    for tree in store.glob("unpacked/*"):
        before = sorted(tree.rglob("*.pyc"))
        (archive,) = store.glob(f"wheels/*/{tree.name}/*.whl")
        try:
            storedtree.check_tree(tree, TreeIndex(hashes=hash_files(archive)))
        except TreeDamaged as error:
            wrong.append(f"{tree}: {error}")
        wrong += [str(each) for each in before if not each.exists()]
    return wrong


def kill_locks(folder: Path, number: int, *, seed: int = 7) -> Iterator[KilledLock]:
    """Kill *number* cold locks that would replace an older one; raise ``AssertionError`` for anything lost."""
    made = project(SCENARIO, folder)
    assert made.minreq(*ARGUMENTS, "--no-annotate").status == 0
    old = lock_files(made)
    shutil.rmtree(made.cache)
    began = time.monotonic()
    assert made.minreq(*ARGUMENTS).status == 0
    seconds = time.monotonic() - began
    new = lock_files(made)
    assert new[0] != old[0]
    moments = random.Random(seed)  # noqa: S311 - Any moments will do.
    for count in range(number):
        # A short name, since the address of a socket has to fit.
        with tempfile.TemporaryDirectory(prefix="mr") as name:
            temporary = Path(name)
            victim = replace(made, folder=folder / f"w{count}", cache=folder / f"c{count}", temporary=temporary)
            victim.folder.mkdir()
            shutil.copy(made.folder / "smoke.py", victim.folder)
            victim.lock.write_bytes(old[0])
            victim.evidence.write_bytes(old[1])
            yield _kill_lock(victim, old, new, moments.uniform(0, seconds))
            shutil.rmtree(victim.cache)


def _kill_lock(victim: Project, old: tuple[bytes, bytes], new: tuple[bytes, bytes], moment: float) -> KilledLock:
    assert victim.temporary is not None
    command = victim.command(*ARGUMENTS)
    at: float | None = None
    with subprocess.Popen(command, cwd=victim.folder, env=victim.environment(), stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            at = moment
    found = victim.lock.read_bytes()
    assert found in {old[0], new[0]}, "the lock is neither the old one nor the new one"
    deadline = time.monotonic() + 30
    while (left := find_processes(victim.cache) + find_processes(victim.temporary)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == [], "processes are left"
    remained = len(list(victim.temporary.iterdir()))
    done = victim.minreq(*ARGUMENTS)
    assert (done.status, done.err) == (0, ""), "the next lock"
    assert lock_files(victim) == new, "the next lock is another"
    assert find_leftovers(victim, victim.temporary) == []
    assert find_damage(victim.store) == []
    return KilledLock(moment=at, lock="old" if found == old[0] else "new", left=remained)


def main() -> None:
    """Kill as many locks as the command line says, and print the counts."""
    with tempfile.TemporaryDirectory() as folder:
        counts: Counter[str] = Counter()
        for each in kill_locks(Path(folder), int(sys.argv[1])):
            counts["killed" if each.moment is not None else "ended before"] += 1
            counts[f"{each.lock} lock"] += 1
            counts["left temporary folders until the next lock"] += each.left > 0
            print(each, flush=True)  # noqa: T201 - A script's result.
        print(dict(counts))  # noqa: T201


if __name__ == "__main__":
    main()
