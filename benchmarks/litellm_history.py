"""Writes docs/litellm-history.md, and its picture, from the results of `minreq matrix benchmarks/litellm-history.toml`.

python benchmarks/litellm_history.py [FOLDER]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from minreq.pages.plot import Line, render_lines

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build/litellm-history"
#: Bytes: a smaller step is the growth of code, and no new need.
_STEP = 2_000_000

Row = Mapping[str, Any]


def read_rows(folder: Path) -> list[Row]:
    """Return the rows of the table in *folder*, the oldest release first."""
    return [json.loads(line) for line in (folder / "table.jsonl").read_text("utf-8").splitlines()]


def draw(rows: Sequence[Row]) -> str:
    """Return the picture: a line for each set of providers."""
    versions, columns, found = _index(rows)
    lines = [
        Line(name=column, values=tuple(found.get((version, column), {}).get("kept_bytes") for version in versions))
        for column in columns
    ]
    return render_lines("litellm: unpacked bytes of the lock, by providers", versions, lines)


def write_page(rows: Sequence[Row]) -> str:
    """Return the text of the page."""
    return "\n".join(
        [
            "# litellm, release by release",
            "",
            "One release of each minor version, locked for sets of providers: what does each need, when did it grow,",
            "and which releases break? `minreq matrix benchmarks/litellm-history.toml` filled the cells",
            f"({_describe_runs(rows)}); `benchmarks/litellm_history.py` wrote this page. Sizes are",
            "unpacked bytes without bytecode; MB is 10^6 bytes.",
            "",
            "![Bytes of the lock over the releases, a line for each set of providers](litellm-history.svg)",
            "",
            "## The best release of each set",
            "",
            *_best(rows),
            "",
            "## When a need grew, or shrank",
            "",
            *_steps(rows),
            "",
            "## Releases that break",
            "",
            *_broken(rows),
            "",
            "## All of them",
            "",
            *_table(rows),
            "",
        ]
    )


def _index(rows: Sequence[Row]) -> tuple[list[str], list[str], dict[tuple[str, str], Row]]:
    versions = [*dict.fromkeys(str(row["version"]) for row in rows)]
    columns = [*dict.fromkeys(str(row["providers"]) for row in rows)]
    return versions, columns, {(str(row["version"]), str(row["providers"])): row for row in rows}


def _describe_runs(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(str(row["ran_on"]) for row in rows if row["ran_on"]))


def _best(rows: Sequence[Row]) -> Iterator[str]:
    yield "| providers | smallest | kept | bytes | newest that works | bytes |"
    yield "| --- | --- | ---: | ---: | --- | ---: |"
    for column in _index(rows)[1]:
        done = [row for row in rows if row["providers"] == column and row["status"] == "done"]
        if done:
            best, newest = min(done, key=lambda row: int(row["kept_bytes"])), done[-1]
            yield (
                f"| {column} | {best['version']} | {best['kept']} | {best['kept_bytes']:,} | {newest['version']} "
                f"| {newest['kept_bytes']:,} |"
            )


def _steps(rows: Sequence[Row]) -> Iterator[str]:
    yield "| providers | release | after | bytes | more | kept newly | not any more |"
    yield "| --- | --- | --- | ---: | ---: | --- | --- |"
    for column in _index(rows)[1]:
        before: Row | None = None
        for row in rows:
            if row["providers"] != column or row["status"] != "done":
                continue
            step = 0 if before is None else int(row["kept_bytes"]) - int(before["kept_bytes"])
            if before is not None and (abs(step) >= _STEP or row["added"] or row["dropped"]):
                added, dropped = (str(row[key]).replace(",", ", ") for key in ("added", "dropped"))
                sizes = f"{row['kept_bytes']:,} | {step:+,}"
                yield f"| {column} | {row['version']} | {before['version']} | {sizes} | {added} | {dropped} |"
            before = row


def _broken(rows: Sequence[Row]) -> Iterator[str]:
    failed = [row for row in rows if row["status"] != "done"]
    if not failed:
        yield "None."
        return
    yield "| release | providers | reason | what minreq says |"
    yield "| --- | --- | --- | --- |"
    for row in failed:
        sentence = str(row["sentence"]).splitlines()[0].replace("|", "\\|")
        yield f"| {row['version']} | {row['providers']} | `{row['reason']}` | {sentence} |"


def _table(rows: Sequence[Row]) -> Iterator[str]:
    versions, columns, found = _index(rows)
    yield f"| release | {' | '.join(columns)} |"
    yield f"| --- |{' ---: |' * len(columns)}"
    for version in versions:
        yield f"| {version} | {' | '.join(_cell(found.get((version, column))) for column in columns)} |"


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row["status"] != "done":
        return str(row["status"])
    return f"{row['kept']}, {row['kept_bytes'] / 1e6:.1f} MB"


def main() -> None:
    """Write page and picture."""
    rows = read_rows(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    (ROOT / "docs/litellm-history.md").write_text(write_page(rows), encoding="utf-8")
    (ROOT / "docs/litellm-history.svg").write_text(draw(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
