"""What was changed in a lock file, told line by line."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from samplelock import LOCK

from minreq.lockfile.edits import edits
from minreq.lockfile.requirements import render

FILE = render(LOCK)
LINES = FILE.splitlines(keepends=True)


def told(text: str) -> list[str]:
    return [edit.sentence for edit in edits(LOCK, text, filename="requirements-minimal.txt")]


@pytest.mark.parametrize("text", [FILE, FILE.replace("\n", "\r\n"), FILE.rstrip("\n"), FILE + "\n\n"])
def test_line_ends_are_no_change(text: str) -> None:
    assert told(text) == []


@given(st.integers(0, len(LINES) - 1))
def test_every_line_that_is_missing_is_told(index: int) -> None:
    assert told("".join(LINES[:index] + LINES[index + 1 :]))


@given(st.integers(0, len(LINES)), st.sampled_from(["x==1\n", "# a comment\n", "--pre\n", "    # via nobody\n"]))
def test_every_line_that_was_added_is_told(index: int, line: str) -> None:
    assert told("".join([*LINES[:index], line, *LINES[index:]]))


@given(st.integers(0, len(LINES) - 1))
def test_every_line_that_was_changed_is_told(index: int) -> None:
    assert told("".join([*LINES[:index], "#" + LINES[index], *LINES[index + 1 :]]))


def test_a_distribution_is_told_of_once() -> None:
    text = FILE[: FILE.index("tiktoken==")]
    (edit,) = edits(LOCK, text, filename="requirements-minimal.txt")[:1]
    assert (edit.name, edit.sentence, edit.installs) == ("tiktoken", "tiktoken was taken out of the file", True)
    assert sum("tiktoken" in sentence for sentence in told(text)) == 1


def test_what_is_only_changed_is_told_with_what_it_is_now() -> None:
    assert told(FILE.replace("# root:", "# Root:")) == [
        "line 14, '# root: litellm', was changed by hand to '# Root: litellm'"
    ]


def test_an_option_that_was_added() -> None:
    (sentence,) = told(FILE.replace("--require-hashes\n", "--require-hashes\n--pre\n"))
    assert sentence.endswith("'--pre', was added by hand")


def test_moved_by_hand() -> None:
    assert told(FILE.replace("litellm==1.106.2 ", "litellm==1.106.3 "))[0] == (
        "litellm was moved from 1.106.2 to 1.106.3 by hand"
    )


def test_a_line_that_swallows_the_next_takes_only_the_line_out() -> None:
    """Without annotations a backslash at the end of one distribution would join the next."""
    text = FILE.replace("    # via requests\n", "")
    assert all("was taken out" in sentence for sentence in told(text))


@pytest.mark.parametrize("name", [kept.candidate.name for kept in LOCK.selection.kept])
@pytest.mark.parametrize("rest", [0, 1, 2])
def test_of_others_nothing_is_told(name: str, rest: int) -> None:
    """A whole block that is gone, and one of which some lines are left: their comments are like those of others."""
    start = next(index for index, line in enumerate(LINES) if line.startswith(f"{name}=="))
    end = next((index for index in range(start + 1, len(LINES)) if "==" in LINES[index]), len(LINES))
    left = [
        line for line in LINES[end - rest : end] if rest and not line.startswith(f"{name}==") and "hash" not in line
    ]
    assert told("".join([*LINES[:start], *left, *LINES[end:]])) == [f"{name} was taken out of the file"]
