"""Requests of a child that are interrupted: each answer belongs to its question, whatever happens in between."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest
import scenariorun
from scenariorun import FileDownloader, run_scenario
from test_smoke_child import (
    Message,
    Start,
    authority,  # noqa: F401 - A fixture, as the next two.
    distribution,
    python,  # noqa: F401
    start,  # noqa: F401
)
from wheelhouse import parse, write

from minreq.model import Sdist, Wheel
from minreq.smoke import run


class Echo(Mapping[str, Message]):
    """Answers each question with the name in question."""

    def __getitem__(self, name: str) -> Message:
        return {"answer": "no", "distribution": name}

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 1


#: Asks directly, as many threads and handlers as a test has may do.
ASK = """
from _minreq_child import LINK

def ask(name):
    question = {"ask": "import", "name": name, "frames": [], "stage": "start", "order": 1, "quiet": False}
    return LINK.request(question)["distribution"]
"""

RAISING_HANDLER = """
import signal

class Stop(Exception):
    pass

def stop(*_):
    raise Stop

signal.signal(signal.SIGALRM, stop)
"""


def test_a_handler_raises_while_minreq_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The import is given up; what the program imports after it is kept."""

    class SlowDownloader(FileDownloader):
        def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
            if wheel.filename.startswith("slow"):
                time.sleep(3)
            super().download(wheel, to)

    monkeypatch.setattr(scenariorun, "FileDownloader", SlowDownloader)
    text = """
explanation = "An alarm rings in the middle of an import that takes three seconds."
requirements = ["app"]
program = "import app"
kept = ["app", "quick", "third"]
[wheels.app."1.0"]
requires = ["slow", "quick", "third"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
import signal
def stop(*_): raise TimeoutError
signal.signal(signal.SIGALRM, stop)
signal.setitimer(signal.ITIMER_REAL, 1.0)
try:
    import slow
except TimeoutError:
    pass
signal.setitimer(signal.ITIMER_REAL, 0)
import quick
import third
'''
[wheels]
slow."1.0" = {}
quick."1.0" = {}
third."1.0" = {}
"""
    assert {"quick", "third"} <= set(run_scenario(write(parse(text), tmp_path / "house")).kept)


@pytest.mark.parametrize(
    "error", ["Stop", "TimeoutError", "BrokenPipeError(32, 'a pipe of the program')", "SystemExit"]
)
def test_a_handler_raises_while_the_answer_is_late(start: Start, tmp_path: Path, error: str) -> None:  # noqa: F811
    """The import is given up. The next ones get their own answers, the late one is dropped."""
    names = ("slow", "quick", "third")
    with start({name: distribution(tmp_path, name, **{name: f"NAME = {name!r}"}) for name in names}) as child:
        child.parent.delays["slow"] = 1.0
        printed = child.run(
            RAISING_HANDLER.replace("raise Stop", f"raise {error}")
            + """
signal.setitimer(signal.ITIMER_REAL, 0.3)
try:
    import slow
except BaseException:
    print("stopped")
import quick
import third
import slow
print(quick.NAME, third.NAME, slow.NAME)
"""
        )
        assert child.parent.refusals == []
    assert printed == "stopped\nquick third slow\n"


@pytest.mark.parametrize("size", [1, 500_000], ids=["short", "longer than what the socket takes at once"])
def test_handlers_raise_at_any_moment(start: Start, size: int) -> None:  # noqa: F811
    """Also in the middle of a line."""
    with start(Echo()) as child:
        printed = child.run(
            RAISING_HANDLER
            + ASK
            + f"""
import random
answered, stopped = 0, 0
for number in range(1500 if {size} == 1 else 150):
    name = str(number) + "x" * {size}
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(0.00001, 0.0005 if {size} == 1 else 0.1))
        answer = ask(name)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop:
        stopped += 1
    else:
        assert answer == name, (answer[:10], name[:10])
        answered += 1
print(answered > 0, stopped > 0, ask("last"))
"""
        )
        assert child.parent.refusals == []
        assert [own for _, own in child.parent.connected] == [True]
    assert printed == "True True last\n"


def test_another_thread_raises_at_any_moment(start: Start) -> None:  # noqa: F811
    """By ``PyThreadState_SetAsyncExc``, as programs with timeouts do."""
    with start(Echo()) as child:
        printed = child.run(
            ASK
            + """
import ctypes, random, threading, time

class Stop(TimeoutError):
    pass

def raise_in(thread, done):
    while not done.wait(random.uniform(0.0001, 0.002)):
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(Stop))

wrong, answered, stopped = [], 0, 0

def work(done):
    global answered, stopped
    number = 0
    while not done.is_set():
        try:
            while not done.is_set():
                number += 1
                name = f"{threading.get_ident()}-{number}" + "x" * (number % 5 * 1000)
                answer = ask(name)
                if answer != name:
                    wrong.append((answer, name))
                answered += 1
        except Stop:
            stopped += 1

def work_until(done):
    while not done.is_set():
        try:
            work(done)
        except Stop:
            pass

done = threading.Event()
workers = [threading.Thread(target=work_until, args=(done,), daemon=True) for _ in range(2)]
for worker in workers:
    worker.start()
raisers = [threading.Thread(target=raise_in, args=(worker.ident, done)) for worker in workers]
for raiser in raisers:
    raiser.start()
time.sleep(3)
done.set()
for raiser in raisers:
    raiser.join()
print(wrong, answered > 100, stopped > 10, ask("last"))
"""
        )
        assert child.parent.refusals == []
    assert printed == "[] True True last\n"


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param("signal.signal(signal.SIGALRM, lambda *_: seen.append(ask('inner')))", id="handler"),
        pytest.param(
            "signal.signal(signal.SIGALRM, lambda *_: (seen.append(ask('inner')), 1 / 0))", id="handler-that-raises"
        ),
        pytest.param(
            "class Asks:\n    def __del__(self): seen.append(ask('inner'))\n"
            "def collect(*_):\n    circle = Asks()\n    circle.self = circle\n    del circle\n    gc.collect()\n"
            "signal.signal(signal.SIGALRM, collect)",
            id="finalizer",
        ),
    ],
)
def test_code_in_the_middle_of_a_request_asks_too(start: Start, begin: str) -> None:  # noqa: F811
    """One thread cannot wait for its own lock."""
    with start(Echo()) as child:
        child.parent.delays["outer"] = 1.0
        printed = child.run(
            ASK
            + f"""
import gc, signal
seen = []
{begin}
signal.setitimer(signal.ITIMER_REAL, 0.2)
try:
    seen.append(ask("outer"))
except ZeroDivisionError:
    pass
print(*seen, ask("last"))
"""
        )
        assert child.parent.refusals == []
    assert printed in {"inner outer last\n", "inner last\n"}


@pytest.mark.parametrize("who", ["handler", "thread"])
def test_a_fork_in_the_middle_of_a_request(start: Start, who: str) -> None:  # noqa: F811
    """Both processes get their answers, each on a connection of its own."""
    fork = {
        "handler": "signal.signal(signal.SIGALRM, lambda *_: pids.append(os.fork()))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2)",
        "thread": """
def fork():
    pid = os.fork()
    if not pid:
        print("child", ask("inner"), ask("last"), flush=True)
        os._exit(0)
    pids.append(pid)
timer = threading.Timer(0.2, fork)
timer.start()""",
    }[who]
    with start(Echo()) as child:
        child.parent.delays["outer"] = 1.0
        printed = child.run(
            ASK
            + f"""
import os, signal, threading, warnings
warnings.simplefilter("ignore")
pids = []
{fork}
answers = [ask("outer"), ask("last")]
if pids[0]:
    os.waitpid(pids[0], 0)
    print("parent", *answers, flush=True)
else:
    print("child", *answers, flush=True)
    os._exit(0)
"""
        )
        assert child.parent.refusals == []
        assert [own for _, own in child.parent.connected] == [True, False]
    inner = "outer" if who == "handler" else "inner"
    assert printed == f"child {inner} last\nparent outer last\n"


def test_the_stack_ends_in_the_middle_of_a_request(start: Start) -> None:  # noqa: F811
    """A program may catch RecursionError."""
    with start(Echo()) as child:
        printed = child.run(
            ASK
            + """
wrong = []
def deeper(number):
    try:
        name = str(number)
        answer = ask(name)
        if answer != name:
            wrong.append((answer, name))
        deeper(number + 1)
    except RecursionError:
        pass
deeper(0)
print(wrong, ask("last"))
"""
        )
        assert child.parent.refusals == []
    assert printed == "[] last\n"


def test_a_default_timeout_of_the_program_is_none_of_ours(start: Start) -> None:  # noqa: F811
    """An answer may take as long as minreq fetches what is asked for."""
    with start(Echo()) as child:
        child.parent.delays["slow"] = 0.5
        assert child.run("import socket\nsocket.setdefaulttimeout(0.1)" + ASK + "print(ask('slow'))") == "slow\n"


def test_what_is_left_of_a_line_is_cancelled(start: Start) -> None:  # noqa: F811
    """Also what is left of an answer, and an answer to nothing."""
    with start(Echo()) as child:
        printed = child.run(
            ASK
            + """
print(ask("first"))
connection = LINK._connection
connection._socket.sendall(b'{"ask": "imp')
print(ask("second"))
late = b'{"answer": "no", "distribution": "x", "id": 1}\\n'
for rest in (late[:20], late[20:], late):
    connection._buffer = rest
    print(ask("third"))
"""
        )
        assert child.parent.refusals == []
    assert printed == "first\nsecond\nthird\nthird\nthird\n"


LATE_HANDLERS = """
explanation = "A signal handler raises while a process waits for the answer that tells it to fork."
requirements = ["app"]
program = '''
import signal, app

class TooLate(Exception):
    pass

def handle(*_):
    raise TooLate

signal.signal(signal.SIGALRM, handle)
for name in ("m1", "m2", "m3", "m4"):
    signal.setitimer(signal.ITIMER_REAL, 0.002)
    while True:
        try:
            app.load(name)
            signal.setitimer(signal.ITIMER_REAL, 0)
            break
        except TooLate:
            pass
    print(app.load(name))
'''
kept = ["app", "m1", "m2", "m3", "m4"]
dropped = ["unused"]
[wheels.app."1.0"]
requires = ["m1", "m2", "m3", "m4", "unused"]
[wheels.app."1.0".files]
"app/__init__.py" = '''
import importlib

def load(name):
    try:
        return importlib.import_module(name).__name__
    except ImportError:
        return "no " + name
'''
[wheels]
m1."1.0" = {}
m2."1.0" = {}
m3."1.0" = {}
m4."1.0" = {}
unused."1.0" = {}
"""


def test_a_fork_that_does_not_start_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock is right all the same: another run settles what the fork would have."""
    monkeypatch.setattr(run, "_FORK_START_TIMEOUT", 1.0)
    began = time.monotonic()
    result = run_scenario(write(parse(LATE_HANDLERS), tmp_path / "house"))
    assert result.kept == ("app", "m1", "m2", "m3", "m4")
    assert time.monotonic() - began < run.FORK_TIMEOUT
