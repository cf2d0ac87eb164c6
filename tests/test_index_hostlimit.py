"""The limit of requests to one host, over all processes of a machine."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cannedserver import CannedResponse, ReceivedRequest, serve_responses
from packaging.utils import canonicalize_name

from minreq.errors import ProjectNotFound
from minreq.index.client import IndexClient
from minreq.index.hostlimit import SLOTS, HostLimit
from minreq.index.settings import IndexSettings


def fail(seconds: float) -> None:
    raise AssertionError(f"it waited {seconds} seconds")


def test_no_more_than_the_slots(tmp_path: Path) -> None:
    """Two limits, as two processes have them."""
    limits = [HostLimit(tmp_path, time.sleep, slots=2) for _ in range(2)]
    running, most, lock = 0, 0, threading.Lock()

    def request(number: int) -> None:
        nonlocal running, most
        slot = limits[number % 2].acquire("a.example")
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        slot.release()
        slot.release()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(request, range(16)))
    assert most == 2
    # Another host has slots of its own; a slot that is forgotten is free again.
    for _ in range(5):
        HostLimit(tmp_path, fail, slots=2).acquire("b.example")


def test_a_killed_process_holds_no_slot(tmp_path: Path) -> None:
    held = HostLimit(tmp_path, time.sleep, slots=1).acquire("a.example")
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        held.release()

    HostLimit(tmp_path, pause, slots=1).acquire("a.example")
    assert len(waits) == 1


def test_all_hear_that_a_host_wants_fewer_requests(tmp_path: Path) -> None:
    waits: list[float] = []
    one, other = (HostLimit(tmp_path, waits.append) for _ in range(2))
    one.hold_back("a.example", 20)
    # Who was told has waited by itself.
    one.acquire("a.example")
    assert waits == []
    other.acquire("b.example")
    assert waits == []
    other.acquire("a.example")
    assert waits == [pytest.approx(20, abs=1)]
    one.hold_back("a.example", 0)
    other.acquire("a.example")
    assert len(waits) == 1


def test_without_locks_there_is_no_limit(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    HostLimit(tmp_path / "file", fail, slots=1).acquire("a.example")


def test_clients_of_one_cache_share_the_limit(tmp_path: Path) -> None:
    """Two clients with sixteen threads each never send more than the slots at a time; a 429 is heard by both."""
    running, most, lock, waits = 0, 0, threading.Lock(), list[float]()
    told = threading.Event()

    def answer(request: ReceivedRequest) -> CannedResponse:
        nonlocal running, most
        if request.path == "/busy/" and not told.is_set():
            told.set()
            return CannedResponse(status=429, headers={"Retry-After": "20"})
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return CannedResponse(status=404)

    with serve_responses(answer) as server:
        settings = IndexSettings(index_url=server.origin)
        clients = [IndexClient(settings, tmp_path / "cache", pause=waits.append) for _ in range(2)]
        names = [canonicalize_name(f"a{number}") for number in range(40)]
        for client in clients:
            client.prefetch(names)
        for client in clients:
            for name in names:
                with pytest.raises(ProjectNotFound):
                    client.releases(name)
        assert most <= SLOTS
        waits.clear()
        for client, last in zip(clients, ("busy", "other"), strict=True):
            with pytest.raises(ProjectNotFound):
                client.releases(canonicalize_name(last))
        # The first one waits before it asks again, the second one before it asks at all.
        assert [round(each) for each in waits if each >= 1] == [20, 20]
        for client in clients:
            client.close()
