"""Functions in processes of minreq's own interpreter, which imports nothing of the working folder."""

from __future__ import annotations

import operator
import os
from pathlib import Path

import pytest

from minreq.system.workers import WorkerEnded, call_in_processes


def test_results_come_with_their_numbers() -> None:
    assert dict(call_in_processes(str.upper, [*"abcdefg"], 3)) == dict(enumerate("ABCDEFG"))
    assert dict(call_in_processes(str.upper, [], 3)) == {}


def test_an_error_is_raised_here() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(call_in_processes(int, ["1", "x", "2"], 2))


def test_a_process_that_ends_is_an_error() -> None:
    with pytest.raises(WorkerEnded):
        list(call_in_processes(os._exit, [1, 2, 3], 2))


def test_the_working_folder_and_variables_reach_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are named like modules that every interpreter imports early."""
    for name in ("runpy", "pickle", "queue", "signal", "socket", "struct", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'a').write({name!r})\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONSTARTUP", str(tmp_path / "runpy.py"))
    assert [*call_in_processes(operator.neg, [1], 1)] == [(0, -1)]
    assert not (tmp_path / "ran").exists()
