"""With glibc, freed memory goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from minreq.cli.engine import Engine

#: Frees a large block, which teaches glibc to keep smaller ones; then 64 MB between small blocks that stay.
_PROGRAM = """
import sys
if sys.argv[1] == "small":
    from minreq.system import heap
    heap.limit_fragmentation()
large = bytearray(16 << 20)
del large
pieces, between = [], []
for _ in range(64):
    pieces.append(bytearray(1 << 20))
    pieces[-1][::4096] = b"x" * 256
    between.append(bytearray(2000))
del pieces
pages = int(open("/proc/self/statm").read().split()[1])
print(pages * 4096)
"""


def resident(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", _PROGRAM, how], capture_output=True, check=True, text=True).stdout)


@pytest.mark.parametrize(
    ("command", "work"),
    [
        ("lock", "lock.lock.lock"),
        ("verify", "verify.verify.verify"),
        ("build", "build.build.build"),
        ("providers", "providers.measure.measure"),
        ("versions", "versions.survey"),
    ],
)
def test_commands_that_read_pages_limit_fragmentation_first(
    command: str, work: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr("minreq.system.heap.limit_fragmentation", lambda: done.append("small"))
    monkeypatch.setattr(f"minreq.{work}", lambda *_: done.append(work))
    getattr(Engine(), command)(None, None)
    assert done == ["small", work]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this C library keeps nothing back")
def test_freed_memory_goes_back_to_the_system() -> None:
    assert resident("small") < resident("as it is") - (32 << 20)
