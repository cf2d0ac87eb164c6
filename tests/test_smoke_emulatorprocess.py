"""The process of the emulator, as a run uses it."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from minreq.errors import EmulatorStopped
from minreq.smoke.emulatorprocess import Emulator, _stop


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


def process_id(emulator: Emulator) -> int:
    """Return the number of the process of the emulator."""
    assert emulator._process
    return emulator._process.pid


def fetch(address: str, emulator: Emulator) -> bytes:
    context = ssl.create_default_context(cadata=emulator.authority)
    response = httpx.get(f"{address}/v1/models", headers={"Authorization": "Bearer key"}, verify=context)
    return response.content


def test_both_addresses_answer_and_record_under_the_name(emulator: Emulator) -> None:
    endpoints = emulator.open("run/stage")
    assert fetch(endpoints.http, emulator) == fetch(endpoints.https, emulator)
    first, second = emulator.close("run/stage")
    assert (first.method, first.target, first.body) == ("GET", "/v1/models", "")
    assert dict(first.headers)["host"] == "{http}"
    assert dict(second.headers)["host"] == "{https}"


def test_names_do_not_share_what_they_record(emulator: Emulator) -> None:
    one, two = emulator.open("one"), emulator.open("two")
    fetch(one.http, emulator)
    assert emulator.close("two") == ()
    assert len(emulator.close("one")) == 1
    with pytest.raises(httpx.ConnectError):
        fetch(two.http, emulator)


def test_threads_may_open_and_close_at_once(emulator: Emulator) -> None:
    def stage(number: int) -> int:
        endpoints = emulator.open(f"stage {number}")
        for _ in range(number):
            fetch(endpoints.http, emulator)
        return len(emulator.close(f"stage {number}"))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(stage, range(8))) == list(range(8))


def test_name_is_opened_once_at_a_time(emulator: Emulator) -> None:
    emulator.open("twice")
    with pytest.raises(ValueError, match="'twice' is open already"):
        emulator.open("twice")
    emulator.close("twice")
    with pytest.raises(ValueError, match="'twice' is not open"):
        emulator.close("twice")


def test_process_and_its_key_are_gone_afterwards() -> None:
    with Emulator() as emulator:
        pid, folder = process_id(emulator), emulator._folder
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_death_of_the_process_is_reported() -> None:
    with Emulator() as emulator:
        emulator.open("stage")
        os.kill(process_id(emulator), signal.SIGKILL)
        assert emulator._process
        emulator._process.wait()
        with pytest.raises(EmulatorStopped) as caught:
            emulator.close("stage")
    assert caught.value.status == -signal.SIGKILL
    assert "ended with status -9 and no message" in str(caught.value)


def test_process_that_does_not_end_is_killed() -> None:
    program = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    _stop(process, timeout=0.01)
    assert process.returncode == -signal.SIGKILL


def test_error_output_of_the_process_is_reported() -> None:
    error = EmulatorStopped(1, "Traceback:\nOSError: no ports left\n")
    assert "status 1: OSError: no ports left" in str(error)


def test_emulator_runs_only_in_its_context() -> None:
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="context manager"):
        emulator.open("stage")
