"""The rows of the table of features."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from features import FeatureLock, make_lock, row


def test_rows() -> None:
    base = FeatureLock(kept={"a": 5}, seconds=1.2)
    more = FeatureLock(kept={"a": 5, "b": 1000, "c": 7}, seconds=2.0, skipped="near/more: old")
    assert row("near", "default", base, {}) == "| near | default | 1 distributions | 5 | 1 |"
    assert row("near", "more", more, base.kept) == "| near | more | b, c; near/more: old | 1,007 | 2 |"
    assert row("near", "more", more, base.kept, {"b", "d"}).endswith(
        "b, c; near/more: old; without d, which the profile names | 1,007 | 2 |"
    )
    assert row("near", "same", base, base.kept) == "| near | same | nothing | 0 | 1 |"


def test_a_lock_that_fails_has_its_sentence() -> None:
    found = make_lock(Requirement("litellm"), "openai", "no-such-feature", ["--no-index"])
    assert found.kept == {}
    assert found.error.startswith("error: no feature 'no-such-feature' of openai")
    assert "no-such-feature" in row("openai", "x", found, {"a": 1})
