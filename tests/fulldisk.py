"""Makes locks on a small disk, and checks what each left: ``python tests/fulldisk.py 40``.

Cache, output and temporary folder lie on a file system of some kilobytes, in a mount namespace of its own: the write
that does not fit fails with the system's own error, wherever it happens.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from commanding import Project, project
from lockkiller import ARGUMENTS, SCENARIO, lock_files

#: More than a lock of the scenario needs, in KiB.
ENOUGH = 640

_SCRIPT = """
set -u
room=$1 size=$2 out=$3; shift 3
mount -t tmpfs -o size=${size}k none "$room" || exit 99
mkdir "$room/cache" "$room/temporary" "$room/work"
cp "$out/smoke.py" "$out/requirements-minimal.txt" "$out/requirements-minimal.evidence.json" "$room/work" || exit 98
cd "$room/work"
"$@" 2>"$out/words-1"; echo $? >"$out/status-1"
mkdir "$out/1"; cp "$room/work/"requirements-* "$out/1"
find "$room/temporary" "$room/work" "$room/cache" -name '*minreq-*.tmp' >"$out/left"
mount -o "remount,size=64m" none "$room" || exit 97
"$@" 2>"$out/words-2"; echo $? >"$out/status-2"
mkdir "$out/2"; cp "$room/work/"requirements-* "$out/2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FullDiskRun:
    """How a lock on a small disk ended."""

    status: int
    words: str


def can_mount() -> bool:
    """Return whether this user may mount a file system."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def make_locks(folder: Path) -> tuple[Project, tuple[bytes, bytes], tuple[bytes, bytes]]:
    """Return a project below *folder*, an older lock of it with its evidence, and the lock of a large disk."""
    disk_project = project(SCENARIO, folder)
    assert disk_project.minreq(*ARGUMENTS, "--no-annotate").status == 0
    old = lock_files(disk_project)
    assert disk_project.minreq(*ARGUMENTS).status == 0
    return disk_project, old, lock_files(disk_project)


def lock_on_small_disk(
    disk_project: Project, old: tuple[bytes, bytes], new: tuple[bytes, bytes], size: int, out: Path
) -> FullDiskRun:
    """Lock with *size* KiB of disk, then with plenty; raise ``AssertionError`` where a lock is damaged."""
    # A short name, since the address of a socket has to fit.
    with tempfile.TemporaryDirectory(prefix="mr") as name:
        room = Path(name)
        out.mkdir()
        (out / "smoke.py").write_bytes((disk_project.folder / "smoke.py").read_bytes())
        (out / "requirements-minimal.txt").write_bytes(old[0])
        (out / "requirements-minimal.evidence.json").write_bytes(old[1])
        there = replace(disk_project, folder=room / "work", cache=room / "cache", temporary=room / "temporary")
        environment = {key: value for key, value in there.environment().items() if "COVERAGE" not in key}
        command = ["unshare", "-rm", "/bin/sh", "-c", _SCRIPT, "sh", str(room), str(size), str(out)]
        done = subprocess.run(
            [*command, *there.command(*ARGUMENTS)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    first, words = int((out / "status-1").read_text()), (out / "words-1").read_text()
    found = tuple((out / "1" / each).read_bytes() for each in (disk_project.lock.name, disk_project.evidence.name))
    assert found == (new if first == 0 else old), f"the lock after {size} KiB, status {first}: {words}"
    assert first in {0, 1, 2, 3}, words
    assert (words == "") == (first == 0), words
    assert 'Traceback (most recent call last):\n  File "/' not in words
    assert (out / "left").read_text() == ""
    assert (out / "status-2").read_text().strip() == "0", (out / "words-2").read_text()
    again = tuple((out / "2" / each).read_bytes() for each in (disk_project.lock.name, disk_project.evidence.name))
    assert again == new, "the next lock is another"
    return FullDiskRun(status=first, words=words.strip())


def main() -> None:
    """Try as many sizes as the argument says, and count the exit statuses."""
    number = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        disk_project, old, new = make_locks(folder)
        counts: Counter[str] = Counter()
        for count in range(number):
            size = 24 + count * (ENOUGH - 24) // number
            found = lock_on_small_disk(disk_project, old, new, size, folder / f"out-{count}")
            counts[f"exit {found.status}"] += 1
            print(size, found, flush=True)  # noqa: T201 - A script's result.
        print(dict(counts))  # noqa: T201


if __name__ == "__main__":
    main()
