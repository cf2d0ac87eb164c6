"""The scripts that start a process in isolation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import minreq.smoke
from minreq.smoke import isolation
from minreq.smoke.isolation import SANDBOX_VARIABLE, choose_isolation
from minreq.smoke.pythonrun import IsolatedPython, run_python
from minreq.smoke.start import Access

#: A folder of scripts, which is on the path of their interpreter alone.
LAUNCHER = Path(minreq.smoke.__file__).parent / "launcher"
sys.path.append(str(LAUNCHER))
import callfilter  # noqa: E402

sys.path.remove(str(LAUNCHER))


def launch(configuration: Mapping[str, Any], script: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-I", "-S", "-c", script, *arguments]
    return [sys.executable, "-I", "-S", "-c", isolation._START, str(LAUNCHER), repr(configuration), *command]


def test_it_loads_little() -> None:
    """It starts with each run; what these need takes longer to load than all that it does."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import launch; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", script, str(LAUNCHER)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "launch" in loaded
    assert {"contextlib", "enum", "json", "platform", "re", "runpy", "signal", "socket"}.isdisjoint(loaded)


#: Leaves a process in a session of its own.
DAEMON = """
import os, sys, time
print("ready", flush=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.closerange(0, 3)
        time.sleep(600)
    os._exit(0)
os.wait()
"""


@pytest.mark.parametrize("ending", ["exit", "signal", "SIGTERM", "parent"])
def test_what_is_left_running_ends_without_namespaces(ending: str, tmp_path: Path) -> None:
    """The launcher adopts it, also where the process, the launcher or the parent of both is killed."""
    mark = f"daemon-{tmp_path.name}-{ending}"
    ends = {"exit": "sys.exit(3)", "signal": "os.kill(os.getpid(), 11)"}.get(ending, "time.sleep(600)")
    command = launch({}, DAEMON + ends, mark)
    if ending == "parent":
        script = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
        command = [sys.executable, "-c", script, *command]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)
        if ending in {"SIGTERM", "parent"}:
            process.send_signal(signal.SIGTERM if ending == "SIGTERM" else signal.SIGKILL)
        expected = {"exit": 3, "signal": -11, "SIGTERM": 128 + 15, "parent": -9}
        assert process.wait(30) == expected[ending]
    stop = time.monotonic() + 20
    while is_running(mark):
        assert time.monotonic() < stop, "it still runs"
        time.sleep(0.05)


def is_running(mark: str) -> bool:
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in file.read_bytes().split(b"\0"):
                return True
        except OSError:  # noqa: PERF203 - It ended.
            continue
    return False


def test_what_is_left_running_ends_with_a_run_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without namespaces too, where only the launcher knows the processes that have left its session."""
    monkeypatch.setenv(SANDBOX_VARIABLE, "hooks")
    setup = IsolatedPython(executable=Path(sys.executable), isolation=choose_isolation(tmp_path / "unpacked"))
    mark = f"daemon-{tmp_path.name}"
    (tmp_path / "own").mkdir()
    code = f"{DAEMON}time.sleep(600)"
    access = Access(writable=tmp_path / "own", readable=())
    assert run_python(setup, code, [mark], access, environment={}, seconds=1.5) is None
    assert not is_running(mark)


@pytest.mark.parametrize(
    "configuration",
    [
        {"landlock": {"readable": [], "listed": [], "changeable": [], "writable": []}},
        {"limits": {"NOFILE": -5}},
        {"network": "new", "files": {"writable": ["/nonexistent"]}},
    ],
    ids=["landlock", "limits", "files"],
)
def test_a_step_that_fails_starts_nothing(configuration: Mapping[str, Any]) -> None:
    """The command that cannot be executed is a refusal too."""
    done = subprocess.run(
        launch(configuration, "print('started')"), capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode != 0
    assert "started" not in done.stdout


ALLOWED = 0x7FFF0000


def error(number: int) -> int:
    return 0x00050000 | number


def run_filter(machine: str, call: int, *arguments: int, audit: int | None = None) -> int:
    """Run the filter as the kernel does (``Documentation/networking/filter.rst``); return what it answers."""
    numbers = callfilter._NUMBERS[machine]
    words = [call, numbers["machine"] if audit is None else audit, 0, 0]
    words += [word for value in (*arguments, 0, 0, 0, 0, 0, 0)[:6] for word in (value & 0xFFFFFFFF, value >> 32)]
    program, position, register = callfilter._make_program(numbers), 0, 0
    while True:
        code, yes, no, value = program[position]
        position += 1
        if code == callfilter._LOAD:
            register = words[value // 4]
        elif code == callfilter._RETURN:
            return value
        else:
            tests = {
                callfilter._IF_EQUAL: register == value,
                callfilter._IF_AT_LEAST: register >= value,
                callfilter._IF_ANY_BIT: bool(register & value),
            }
            position += yes if tests[code] else no


def calls(machine: str) -> Iterator[tuple[str, int, tuple[int, ...], int]]:
    numbers = callfilter._NUMBERS[machine]
    for name in ("unshare", "setns", "bpf", "perf_event_open"):
        yield name, numbers[name], (), error(1)
    for name in ("keyctl", "add_key", "request_key", "userfaultfd"):
        yield name, numbers[name], (), error(38)
    for number in (425, 426, 427, 435):
        yield str(number), number, (), error(38)
    yield "fork", numbers["clone"], (signal.SIGCHLD,), ALLOWED
    yield "thread", numbers["clone"], (0x3D0F00,), ALLOWED
    yield "clone with users", numbers["clone"], (0x10000000 | signal.SIGCHLD,), error(1)
    yield "clone with files", numbers["clone"], (0x20000,), error(1)
    for family, answer in ((1, ALLOWED), (2, ALLOWED), (10, ALLOWED), (16, ALLOWED), (40, error(97)), (17, error(97))):
        yield f"socket {family}", numbers["socket"], (family, 1), answer
    for request, answer in ((0x5412, error(1)), (0x541C, error(1)), (0x5401, ALLOWED), (0x1_0000_5412, error(1))):
        yield f"ioctl {request:x}", numbers["ioctl"], (0, request), answer
    yield "read", {"x86_64": 0, "aarch64": 63}[machine], (), ALLOWED


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_filter(machine: str) -> None:
    """The numbers of both machines, whichever this one is."""
    found = {name: run_filter(machine, number, *arguments) for name, number, arguments, _ in calls(machine)}
    assert found == {name: answer for name, _, _, answer in calls(machine)}
    assert run_filter(machine, 0, audit=0x40000003) == error(38), "the calls of 32 bits have other numbers"


def test_filter_of_short_pointers() -> None:
    assert run_filter("x86_64", 0x40000000 | 41, 40) == error(38)


@pytest.mark.skipif(os.uname().machine not in callfilter._NUMBERS, reason="the filter does not know this machine")
def test_filter_in_the_kernel() -> None:
    """Programs start threads and processes all the same."""
    script = """
import ctypes, os, socket, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
assert libc.unshare(0x10000000) == -1 and ctypes.get_errno() == 1
thread = threading.Thread(target=lambda: subprocess.run(["/bin/true"], check=True))
thread.start()
thread.join()
socket.socketpair()
try:
    socket.socket(40, socket.SOCK_STREAM)
except OSError as error:
    print(error.errno)
"""
    done = subprocess.run(launch({"filter": True}, script), capture_output=True, text=True, check=True)
    assert done.stdout == "97\n"
