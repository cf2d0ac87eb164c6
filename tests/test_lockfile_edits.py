"""Edits of a lock file, reported line by line."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from samplelock import LOCK

from minreq.lockfile.edits import find_edits
from minreq.lockfile.requirements import render

FILE = render(LOCK)
LINES = FILE.splitlines(keepends=True)


def edit_sentences(text: str) -> list[str]:
    return [edit.sentence for edit in find_edits(LOCK, text, filename="requirements-minimal.txt")]


@pytest.mark.parametrize("text", [FILE, FILE.replace("\n", "\r\n"), FILE.rstrip("\n"), FILE + "\n\n"])
def test_line_ends_are_no_change(text: str) -> None:
    assert edit_sentences(text) == []


@given(st.integers(0, len(LINES) - 1))
def test_every_missing_line_is_reported(index: int) -> None:
    assert edit_sentences("".join(LINES[:index] + LINES[index + 1 :]))


@given(st.integers(0, len(LINES)), st.sampled_from(["x==1\n", "# a comment\n", "--pre\n", "    # via nobody\n"]))
def test_every_added_line_is_reported(index: int, line: str) -> None:
    assert edit_sentences("".join([*LINES[:index], line, *LINES[index:]]))


@given(st.integers(0, len(LINES) - 1))
def test_every_changed_line_is_reported(index: int) -> None:
    assert edit_sentences("".join([*LINES[:index], "#" + LINES[index], *LINES[index + 1 :]]))


def test_a_distribution_is_reported_once() -> None:
    text = FILE[: FILE.index("tiktoken==")]
    (edit,) = find_edits(LOCK, text, filename="requirements-minimal.txt")[:1]
    assert (edit.name, edit.sentence, edit.installs) == ("tiktoken", "tiktoken was removed from the file", True)
    assert sum("tiktoken" in sentence for sentence in edit_sentences(text)) == 1


def test_a_changed_line_is_reported_with_its_new_text() -> None:
    assert edit_sentences(FILE.replace("# root:", "# Root:")) == [
        "line 14, '# root: litellm', was changed by hand to '# Root: litellm'"
    ]


def test_an_option_that_was_added() -> None:
    (sentence,) = edit_sentences(FILE.replace("--require-hashes\n", "--require-hashes\n--pre\n"))
    assert sentence.endswith("'--pre', was added by hand")


def test_moved_by_hand() -> None:
    assert edit_sentences(FILE.replace("litellm==1.106.2 ", "litellm==1.106.3 "))[0] == (
        "litellm was changed from 1.106.2 to 1.106.3 by hand"
    )


def test_a_line_that_swallows_the_next_takes_only_the_line_out() -> None:
    """Without annotations a backslash at the end of one distribution would join the next."""
    text = FILE.replace("    # via requests\n", "")
    assert all("was taken out" in sentence for sentence in edit_sentences(text))


@pytest.mark.parametrize("name", [kept.candidate.name for kept in LOCK.selection.kept])
@pytest.mark.parametrize("rest", [0, 1, 2])
def test_other_distributions_are_not_reported(name: str, rest: int) -> None:
    """A whole block that is gone, and one of which some lines are left: their comments are like those of others."""
    start = next(index for index, line in enumerate(LINES) if line.startswith(f"{name}=="))
    end = next((index for index in range(start + 1, len(LINES)) if "==" in LINES[index]), len(LINES))
    left = [
        line for line in LINES[end - rest : end] if rest and not line.startswith(f"{name}==") and "hash" not in line
    ]
    assert edit_sentences("".join([*LINES[:start], *left, *LINES[end:]])) == [f"{name} was removed from the file"]
