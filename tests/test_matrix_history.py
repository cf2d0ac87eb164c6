"""The page about the releases of litellm, from rows of a matrix."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

from litellm_history import draw, write_page


def row(version: str, providers: str, kept: int | None, added: str = "") -> dict[str, Any]:
    done = kept is not None
    return {
        "version": version,
        "providers": providers,
        "status": "done" if done else "failed",
        "reason": "" if done else "baseline",
        "sentence": "" if done else "the smoke fails | here",
        "kept": 3 if done else None,
        "kept_bytes": kept,
        "added": added,
        "dropped": "",
        "ran_on": "Python 3.12.1" if done else "",
    }


ROWS = [
    row("1.78", "openai", 50_000_000),
    row("1.78", "bedrock", 70_000_000),
    row("1.79", "openai", None),
    row("1.79", "bedrock", 70_500_000),
    row("1.80", "openai", 60_000_000, "a,b"),
    row("1.80", "bedrock", 69_000_000),
]


def test_the_page_answers_its_questions() -> None:
    page = write_page(ROWS)
    assert "| openai | 1.78 | 3 | 50,000,000 | 1.80 | 60,000,000 |" in page
    assert "| bedrock | 1.80 | 3 | 69,000,000 | 1.80 | 69,000,000 |" in page
    steps = page.partition("## When")[2].partition("## Releases")[0]
    assert "| openai | 1.80 | 1.78 | 60,000,000 | +10,000,000 | a, b |  |" in steps
    assert "bedrock" not in steps
    assert "| 1.79 | openai | `baseline` | the smoke fails \\| here |" in page
    assert "| 1.79 | failed | 3, 70.5 MB |" in page


def test_a_release_that_breaks_is_a_gap_in_its_line() -> None:
    picture = ET.fromstring(draw(ROWS))  # noqa: S314 # Our own.
    svg = "{http://www.w3.org/2000/svg}"
    paths = [re.sub(r"[\d. ]", "", str(each.get("d"))) for each in picture.iter(f"{svg}path") if each.get("fill")]
    assert paths == ["MM", "MLL"]
    assert len([*picture.iter(f"{svg}circle")]) == 5
