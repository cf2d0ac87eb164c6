"""The description of how a process ended."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from minreq.smoke import exitstatus


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, "its process died"),
        (-signal.SIGSEGV, "its process died: a segmentation fault (SIGSEGV)"),
        (-signal.SIGABRT, "its process died: it aborted (SIGABRT)"),
        (-signal.SIGKILL, "its process died: it was killed (SIGKILL), as the kernel does where memory runs out"),
        (-signal.SIGPIPE, "its process died: it wrote into a closed pipe (SIGPIPE)"),
        (-signal.SIGHUP, "its process died: a signal ended it (SIGHUP)"),
        (-250, "its process died: a signal ended it (number 250)"),
        (0, "its process died: it left with status 0 before the end, as os._exit and os.exec do"),
        (3, "its process died: it left with status 3 before the end, as os._exit and os.exec do"),
        (70, "its process died: its connection to minreq was closed, as by code that closes every descriptor"),
    ],
)
def test_each_exit_status_has_a_description(status: int | None, expected: str) -> None:
    assert exitstatus.describe_exit(status) == expected


def test_the_line_of_a_process_is_found(tmp_path: Path) -> None:
    (tmp_path / exitstatus.FILENAME).write_text("7 0\n17 -11\nnonsense\n8 forged\n9 ")
    assert exitstatus.read_exit_status(tmp_path, 17) == -signal.SIGSEGV
    assert exitstatus.read_exit_status(tmp_path, 7) == 0


@pytest.mark.parametrize("text", [None, "", "17 ", "17 forged\n"])
def test_an_unreported_exit_status_is_unknown(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smoke may write into the file, so a line counts only in the right form."""
    monkeypatch.setattr(exitstatus, "LINE_TIMEOUT", 0.05)
    if text is not None:
        (tmp_path / exitstatus.FILENAME).write_text(text)
    assert exitstatus.read_exit_status(tmp_path, 17) is None
