"""Reading misses from logs, and including their distributions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from samplelock import LOCK

from minreq.config import Settings
from minreq.errors import InvalidOptions, LockMissing
from minreq.guard.misses import include_misses, read_misses
from minreq.lockfile import evidence


def line(distribution: str, file: str = "a/b.py", number: int = 3) -> str:
    return "minreq-miss " + json.dumps({"distribution": distribution, "module": "m", "file": file, "line": number})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    output = tmp_path / "requirements-minimal.txt"
    evidence.evidence_path(output).write_text(evidence.dump(LOCK))
    return Settings(providers=("openai",), output=output, cache_dir=tmp_path)


def test_lines_of_any_collector_are_read() -> None:
    """With a time before it, text after it, or in a string of JSON."""
    text = "\n".join(
        [
            f"2026-11-01T00:00:00Z req-1 {line('tokenizers')}  ",
            "nothing",
            json.dumps({"level": "ERROR", "message": line("Tokenizers", "c.py")}),
            json.dumps({"log": json.dumps({"m": "x"}), "message": line("hf_xet", 'say "x".py')}),
            "minreq-miss {broken",
            "minreq-miss {}",
            line("no project!"),
        ]
    )
    assert [(miss.distribution, miss.count, miss.place) for miss in read_misses(text)] == [
        ("hf-xet", 1, 'say "x".py:3'),
        ("tokenizers", 2, "a/b.py:3"),
    ]


def test_missed_distributions_are_included(settings: Settings) -> None:
    requires = {
        canonicalize_name("tokenizers"): frozenset({canonicalize_name("hf-xet"), canonicalize_name("requests")})
    }
    lock = replace(LOCK, resolution=replace(LOCK.resolution, requires=requires))
    evidence.evidence_path(settings.output).write_text(evidence.dump(lock))
    before = replace(settings, include=(canonicalize_name("zipp"),))
    told, sentences = include_misses(before, f"{line('tokenizers')}\n{line('tokenizers')}")
    assert told == replace(settings, include=(canonicalize_name("tokenizers"), canonicalize_name("zipp")))
    missed = "tokenizers was missed 2 times, first at a/b.py:3, and is kept"
    assert sentences == (
        f"{missed}; it declares hf-xet, still left out (--whole tokenizers keeps all)",
        "to keep it in later locks too, use --include tokenizers, or set include in [tool.minreq]",
    )


@pytest.mark.parametrize("name", ["evil", "requests", "botocore"])
def test_other_distributions_in_a_log_are_not_included(name: str, settings: Settings) -> None:
    """Anyone may write into a log: only left-out distributions are included."""
    told, (sentence,) = include_misses(settings, line(name))
    assert told == settings
    assert "so the log line is ignored" in sentence


def test_a_log_without_misses(settings: Settings) -> None:
    assert include_misses(settings, "") == (settings, ("the log reports no miss",))


def test_an_excluded_distribution_cannot_be_included(settings: Settings) -> None:
    with pytest.raises(InvalidOptions, match="--exclude tokenizers: it was missed"):
        include_misses(replace(settings, exclude=(canonicalize_name("tokenizers"),)), line("tokenizers"))


def test_a_log_without_a_lock_is_an_error(settings: Settings) -> None:
    with pytest.raises(LockMissing):
        include_misses(replace(settings, output=Path("nowhere.txt")), line("tokenizers"))
