"""The time limit of a stage: minreq's own work does not count."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest
import scenariorun
from scenariorun import FileDownloader, open_scenario, run_scenario
from wheelhouse import parse, write

from minreq.errors import SmokeTimedOut
from minreq.minimize.observe import observe_trace
from minreq.minimize.trace import TraceQuestionHandler
from minreq.model import Sdist, Wheel
from minreq.smoke import processes, runfolder
from minreq.smoke.clock import Clock

#: Prints how much minreq's own clock and the others go on in a tenth of a second.
READINGS = """
import _minreq_clock, time
_minreq_clock.advance_clocks()
clocks = [time.time, time.monotonic, time.perf_counter, time.time_ns, time.monotonic_ns, time.perf_counter_ns]
began, own = [read() for read in clocks], _minreq_clock.monotonic()
time.sleep(0.1)
print(_minreq_clock.monotonic() - own, *[read() - before for read, before in zip(clocks, began)])
print(abs(time.process_time() - time.process_time()))
"""
#: Prints by how many seconds each view of the wall clock is ahead.
CALENDAR = """
import _minreq_clock, calendar, time
true = int(time.time())
_minreq_clock.advance_clocks()
form = "%Y-%m-%d %H:%M:%S"
texts = [time.strftime(form), time.strftime(form, time.localtime())]
texts += [time.strftime(form, time.strptime(each)) for each in (time.ctime(), time.asctime())]
print(*[int(time.mktime(time.strptime(each, form))) - true for each in texts])
print(calendar.timegm(time.gmtime()) - true, time.gmtime(0).tm_year, time.strftime("%Y", (1999, *[1] * 8)))
"""


class Now:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_stage_has_its_limit() -> None:
    now = Now()
    clock = Clock(now)
    now.seconds += 50
    clock.begin(10)
    now.seconds += 4
    assert (clock.seconds_left(), clock.paused_seconds()) == (6, 0)
    now.seconds += 7
    assert clock.seconds_left() == -1


def test_pauses_do_not_count_and_overlapping_ones_are_one() -> None:
    now = Now()
    clock = Clock(now)
    clock.begin(10)
    now.seconds += 1
    with clock.stop_clock():
        now.seconds += 20
        with clock.stop_clock():
            now.seconds += 20
            assert (clock.seconds_left(), clock.paused_seconds()) == (9, 40)
        now.seconds += 20
    now.seconds += 1
    assert (clock.seconds_left(), clock.paused_seconds()) == (8, 60)
    with suppress(KeyError), clock.stop_clock():
        now.seconds += 5
        raise KeyError
    assert (clock.seconds_left(), clock.paused_seconds()) == (8, 65)


def test_a_stage_may_begin_in_a_pause() -> None:
    """A subprocess of the stage before it still waits."""
    now = Now()
    clock = Clock(now)
    with clock.stop_clock():
        now.seconds += 20
        clock.begin(10)
        now.seconds += 20
        assert (clock.seconds_left(), clock.paused_seconds()) == (10, 20)
    now.seconds += 3
    assert (clock.seconds_left(), clock.paused_seconds()) == (7, 20)


@pytest.fixture
def slow_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives of projects whose names begin with "slow" take three seconds."""

    class SlowDownloader(FileDownloader):
        def download(self, wheel: Wheel | Sdist, to: BinaryIO) -> None:
            if wheel.filename.startswith("slow"):
                time.sleep(3)
            super().download(wheel, to)

    monkeypatch.setattr(scenariorun, "FileDownloader", SlowDownloader)


SLOW = """
explanation = "A stage may take 1.5 seconds; the wheel that it asks for takes three."
requirements = ["app"]
lock = { limit = 1.5 }
kept = ["app", "slow"]
program = '''
import app
'''
[wheels]
app."1.0" = { requires = ["slow"], files = { "app/__init__.py" = "import slow" } }
slow."1.0" = {}
"""


@pytest.mark.parametrize("settle", ["auto", pytest.param("runs", marks=pytest.mark.one_python)])
@pytest.mark.usefixtures("slow_downloads")
def test_the_work_of_minreq_is_not_the_time_of_the_smoke(tmp_path: Path, settle: str) -> None:
    assert run_scenario(write(parse(SLOW), tmp_path / "house"), settle).kept == ("app", "slow")  # type: ignore[arg-type]


@pytest.mark.usefixtures("slow_downloads")
def test_the_work_for_a_subprocess_is_not_the_time_of_the_smoke(tmp_path: Path) -> None:
    program = "import subprocess, sys, app\nsubprocess.run([sys.executable, '-c', 'import slow'], check=True)"
    text = SLOW.replace("import app\n", program + "\n").replace('"import slow"', '""')
    assert run_scenario(write(parse(text), tmp_path / "house")).kept == ("app", "slow")


@pytest.mark.usefixtures("slow_downloads")
def test_the_time_of_the_smoke_is(tmp_path: Path) -> None:
    """Before and after the work of minreq."""
    text = SLOW.replace("import app\n", "import app, time\ntime.sleep(60)\n")
    began = time.monotonic()
    with pytest.raises(SmokeTimedOut):
        run_scenario(write(parse(text), tmp_path / "house"))
    assert time.monotonic() - began < 30


@pytest.mark.usefixtures("slow_downloads")
def test_work_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that keeps minreq busy would live for ever."""
    monkeypatch.setattr(processes, "MAX_PAUSE", 0.6)
    with open_scenario(write(parse(SLOW), tmp_path / "house")) as scenario:
        handler = TraceQuestionHandler(scenario.runner.closure, {}, accept_all=True)
        failure = observe_trace(scenario.runner, handler, "trace").failure
    assert failure is not None
    assert failure.behaviour.status == "minreq ended its process: it asked minreq for more than 0.01 minutes of work"


def test_clocks_that_go_faster() -> None:
    """A short duration is another one when it is printed with one digit; minreq's own clock is right."""
    child = Path(runfolder.__file__).parent / "child"
    done = subprocess.run(
        [sys.executable, "-c", READINGS], env={"PYTHONPATH": str(child)}, capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    own, *readings = map(float, first.split())
    seconds = [each / 1e9 if each > 1e6 else each for each in readings]
    assert own >= 0.1
    assert all(each > 0.7 for each in seconds)
    assert float(second) > 0.1
    done = subprocess.run(
        [sys.executable, "-c", CALENDAR], env={"PYTHONPATH": str(child)}, capture_output=True, text=True, check=True
    )
    views, given = done.stdout.splitlines()
    ahead, *fixed = given.split()
    assert all(60 <= int(each) < 120 for each in (*views.split(), ahead)), "another minute, whenever it starts"
    assert fixed == ["1970", "1999"], "a given time stays"
