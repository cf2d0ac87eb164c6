"""Locks on a disk that gets full, and what is looked at after each: ``python tests/filling.py 40``.

Store, output and temporary folder lie on a file system of some kilobytes, in a mount namespace of its own: what does
not fit fails with the system's own error, at whatever write it happens to be.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from commanding import Project, project
from killing import ARGUMENTS, SCENARIO, files

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
mount -o "remount,size=64m" "$room" || exit 97
"$@" 2>"$out/words-2"; echo $? >"$out/status-2"
mkdir "$out/2"; cp "$room/work/"requirements-* "$out/2"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """How a lock on a small disk ended."""

    status: int
    words: str


def possible() -> bool:
    """Whether this user may mount something of its own."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def locks(folder: Path) -> tuple[Project, tuple[bytes, bytes], tuple[bytes, bytes]]:
    """A project below *folder*, an older lock of it with its evidence, and the undisturbed one."""
    made = project(SCENARIO, folder)
    assert made.minreq(*ARGUMENTS, "--no-annotate").status == 0
    old = files(made)
    assert made.minreq(*ARGUMENTS).status == 0
    return made, old, files(made)


def filled(made: Project, old: tuple[bytes, bytes], new: tuple[bytes, bytes], size: int, out: Path) -> Filled:
    """Lock with *size* KiB of disk, then with plenty; raise ``AssertionError`` for what is lost."""
    # A short name, since the address of a socket has to fit.
    with tempfile.TemporaryDirectory(prefix="mr") as name:
        room = Path(name)
        out.mkdir()
        (out / "smoke.py").write_bytes((made.folder / "smoke.py").read_bytes())
        (out / "requirements-minimal.txt").write_bytes(old[0])
        (out / "requirements-minimal.evidence.json").write_bytes(old[1])
        there = replace(made, folder=room / "work", cache=room / "cache", temporary=room / "temporary")
        environment = {key: value for key, value in there.environment().items() if "COVERAGE" not in key}
        command = ["unshare", "-rm", "/bin/sh", "-c", _SCRIPT, "sh", str(room), str(size), str(out)]
        done = subprocess.run(
            [*command, *there.command(*ARGUMENTS)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    first, words = int((out / "status-1").read_text()), (out / "words-1").read_text()
    found = tuple((out / "1" / each).read_bytes() for each in (made.lock.name, made.evidence.name))
    assert found == (new if first == 0 else old), f"the lock after {size} KiB: {words}"
    assert first in {0, 1, 2, 3}, words
    assert (words == "") == (first == 0), words
    assert 'Traceback (most recent call last):\n  File "/' not in words
    assert (out / "left").read_text() == ""
    assert (out / "status-2").read_text().strip() == "0", (out / "words-2").read_text()
    again = tuple((out / "2" / each).read_bytes() for each in (made.lock.name, made.evidence.name))
    assert again == new, "the next lock is another"
    return Filled(status=first, words=words.strip())


def main() -> None:
    """Try as many sizes as the command line says, and count."""
    number = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made, old, new = locks(folder)
        counts: Counter[str] = Counter()
        for count in range(number):
            size = 24 + count * (ENOUGH - 24) // number
            found = filled(made, old, new, size, folder / f"out-{count}")
            counts[f"exit {found.status}"] += 1
            print(size, found, flush=True)  # noqa: T201 - A script's result.
        print(dict(counts))  # noqa: T201


if __name__ == "__main__":
    main()
