"""Completion in shells, and the suggestion for a mistyped command."""

from __future__ import annotations

import pytest

from minreq.cli import COMPLETION_VARIABLE, main


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert f"{COMPLETION_VARIABLE}={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "position", "expected"),
    [
        ("minreq exp", "1", "plain,export\n"),
        ("minreq export --form", "2", "plain,--format\n"),
        ("minreq export --format whe", "3", "plain,wheelhouse\n"),
    ],
)
def test_answer(
    words: str, position: str, expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPLETION_VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", position)
    assert main([]) == 0
    # Beside others that begin so.
    assert expected in capsys.readouterr().out


def test_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lokc"]) == 2
    assert "no such command 'lokc' (did you mean lock?)" in capsys.readouterr().err
