"""How a process died, in words."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from minreq.smoke import endings


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
        (0, "its process died: it left with status 0 before the end, as os._exit does"),
        (3, "its process died: it left with status 3 before the end, as os._exit does"),
        (70, "its process died: its connection to minreq was closed, as by code that closes every descriptor"),
    ],
)
def test_each_end_has_its_words(status: int | None, expected: str) -> None:
    assert endings.sentence(status) == expected


def test_the_line_of_a_process_is_found(tmp_path: Path) -> None:
    (tmp_path / endings.FILENAME).write_text("7 0\n17 -11\nnonsense\n8 forged\n9 ")
    assert endings.status_of(tmp_path, 17) == -signal.SIGSEGV
    assert endings.status_of(tmp_path, 7) == 0


@pytest.mark.parametrize("text", [None, "", "17 ", "17 forged\n"])
def test_an_end_that_is_not_told_is_unknown(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file lies where the smoke may write: what stands in it is believed only where it can be meant."""
    monkeypatch.setattr(endings, "PATIENCE", 0.05)
    if text is not None:
        (tmp_path / endings.FILENAME).write_text(text)
    assert endings.status_of(tmp_path, 17) is None
