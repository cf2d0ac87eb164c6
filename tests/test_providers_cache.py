"""Measurements are cached under the hash of all that decides them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from minreq.providers import cache as cache_module
from minreq.providers.cache import BaseRecord, MeasurementCache, ProviderRecord
from minreq.providers.needs import NeededDistribution

DISTRIBUTION = NeededDistribution(
    name=canonicalize_name("b"), version=Version("1.0"), bytes=7, why="far/chat fails without it: gone"
)
RECORD = ProviderRecord(provider="far", parts=(DISTRIBUTION,), features=("chat",))
BASE = BaseRecord(parts=(DISTRIBUTION,), declined=frozenset({canonicalize_name("c")}), extras=("a[b]",))


@pytest.fixture
def cache(tmp_path: Path) -> MeasurementCache:
    inputs = {"environment": "0", "far/chat": "1", "near/chat": "2"}
    return MeasurementCache(
        folder=tmp_path, common={"pins": {}}, inputs=inputs, stages=frozenset({"far/chat", "near/chat"})
    )


def test_a_written_record_is_read(cache: MeasurementCache) -> None:
    assert cache.read_provider("far") is None
    assert cache.read_base() is None
    cache.write(RECORD)
    cache.write(BASE)
    assert cache.read_provider("far") == RECORD
    assert cache.read_base() == BASE
    assert cache.read_provider("near") is None


def test_inputs_are_part_of_the_key(cache: MeasurementCache) -> None:
    """The distributions, the scripts of that provider and what all share are part of it; other scripts are not."""
    cache.write(RECORD)
    assert replace(cache, common={"pins": {"b": "2"}}).read_provider("far") is None
    assert replace(cache, inputs={**cache.inputs, "far/chat": "9"}).read_provider("far") is None
    assert replace(cache, inputs={**cache.inputs, "environment": "9"}).read_provider("far") is None
    assert replace(cache, inputs={**cache.inputs, "near/chat": "9"}).read_provider("far") == RECORD


def test_minreq_is_part_of_the_key(cache: MeasurementCache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another minreq, perhaps with another emulator, measures again."""
    cache.write(RECORD)
    monkeypatch.setattr(cache_module, "own_digest", lambda: "another")
    assert cache.read_provider("far") is None


def test_a_damaged_record_is_ignored(cache: MeasurementCache) -> None:
    cache.write(RECORD)
    (file,) = cache.folder.iterdir()
    file.write_text('{"provider": 3}', encoding="utf-8")
    assert cache.read_provider("far") is None
