"""What was measured is kept by all that it came from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.providers import needs
from minreq.providers.needs import Base, Measured, Part, Records

PART = Part(name=canonicalize_name("b"), version=Version("1.0"), bytes=7, why="far/chat fails without it: gone")
FOUND = Measured(provider="far", parts=(PART,), features=("chat",))
BASE = Base(parts=(PART,), declined=frozenset({canonicalize_name("c")}), extras=("a[b]",))


@pytest.fixture
def records(tmp_path: Path) -> Records:
    inputs = {"environment": "0", "far/chat": "1", "near/chat": "2"}
    return Records(folder=tmp_path, common={"pins": {}}, inputs=inputs, stages=frozenset({"far/chat", "near/chat"}))


def test_what_is_kept_is_there(records: Records) -> None:
    assert records.provider("far") is None
    assert records.base() is None
    records.keep(FOUND)
    records.keep(BASE)
    assert records.provider("far") == FOUND
    assert records.base() == BASE
    assert records.provider("near") is None


def test_what_it_came_from_counts(records: Records) -> None:
    """The distributions, the scripts of that provider and what all share; the scripts of others do not."""
    records.keep(FOUND)
    assert replace(records, common={"pins": {"b": "2"}}).provider("far") is None
    assert replace(records, inputs={**records.inputs, "far/chat": "9"}).provider("far") is None
    assert replace(records, inputs={**records.inputs, "environment": "9"}).provider("far") is None
    assert replace(records, inputs={**records.inputs, "near/chat": "9"}).provider("far") == FOUND


def test_what_measured_it_counts(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another minreq, with another emulator perhaps, measures anew."""
    records.keep(FOUND)
    monkeypatch.setattr(needs, "_own_digest", lambda: "another")
    assert records.provider("far") is None


def test_a_record_that_is_damaged_is_none(records: Records) -> None:
    records.keep(FOUND)
    (file,) = records.folder.iterdir()
    file.write_text('{"provider": 3}', encoding="utf-8")
    assert records.provider("far") is None
