"""Completion in shells, and the suggestion for a mistyped command."""

from __future__ import annotations

import json

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
        ("minreq doctor --verb", "2", "plain,--verbose\n"),
        ("minreq --qu", "1", "plain,--quiet\n"),
        ("minreq build --slim tr", "3", "plain,traced\n"),
        ("minreq lock --settle ru", "3", "plain,runs\n"),
        ("minreq matrix --one-per mi", "3", "plain,minor\n"),
        ("minreq versions --index-strategy f", "3", "plain,first-index\n"),
        ("minreq lock --platform lambda-python3.13-a", "3", "plain,lambda-python3.13-arm64\n"),
        ("minreq lock --runtime lambda-python3.13", "3", "plain,lambda-python3.13\n"),
        ("minreq lock litellm==1.78.7 --providers bedr", "4", "plain,bedrock\n"),
        ("minreq providers --features chat,stre", "3", "plain,chat,streaming\n"),
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


@pytest.mark.parametrize(
    "words", ["lock nobody --providers o", "lock ./here --providers o", "lock litellm --profiles nowhere --features c"]
)
def test_without_a_profile_nothing_is_completed(
    words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMPLETION_VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", f"minreq {words}")
    monkeypatch.setenv("COMP_CWORD", str(len(words.split())))
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert (out.strip(), err) == ("", "")


def test_the_script_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert main(["completion", "bash", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"schema": 1, "shell": "bash", "script": script}


def test_mistyped_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lokc"]) == 2
    assert "no such command 'lokc' (did you mean lock?)" in capsys.readouterr().err
