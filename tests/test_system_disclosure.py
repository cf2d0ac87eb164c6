"""What other processes see of minreq."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import unprivileged

URLS = ["--index-url=https://user:secret@host.example/simple", "--proxy", "http://token@proxy.example:80/", "a@b"]


def read_after(statements: str, file: str, *arguments: str) -> bytes:
    """Return *file* of the folder in ``/proc`` of a process that has run *statements*, as another process reads it."""
    code = f"{statements}\nimport sys; print(sys.argv[1:], flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        # The program itself still has its arguments.
        assert process.stdout.readline().decode().strip() == str([*arguments])
        return Path(f"/proc/{process.pid}/{file}").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_credentials_are_not_in_the_arguments() -> None:
    seen = read_after("from minreq.system.disclosure import hide_credentials; hide_credentials()", "cmdline", *URLS)
    arguments = seen.rstrip(b"\0").split(b"\0")[3:]
    assert arguments == [
        b"--index-url=https://***********@host.example/simple",
        b"--proxy",
        b"http://*****@proxy.example:80/",
        b"a@b",
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_the_process_is_closed() -> None:
    """Its files in ``/proc`` belong to root; the environment is read with capabilities only."""
    script = """
import os, sys
from minreq.system.disclosure import close_process
close_process()
print(os.stat("/proc/self/environ").st_uid, os.stat("/proc/self/mem").st_uid)
"""
    command = unprivileged.command(sys.executable, "-c", script)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["0", "0"]
