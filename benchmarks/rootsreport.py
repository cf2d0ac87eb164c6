"""What was found for each root, as a table in Markdown."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from measuring import machine
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

#: The columns of the table, and whether they hold numbers.
COLUMNS = {
    "root": False,
    "version": False,
    "has": False,
    "declared": True,
    "kept": True,
    "bytes declared": True,
    "bytes kept": True,
    "passes": False,
    "same": False,
    "removable": True,
    "seconds": True,
    "note": False,
}


#: Lines of a difference that the report shows.
_SHOWN_LINES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A root and its smoke."""

    root: Requirement
    smoke: Path
    #: What the root has: "entry points, data files".
    features: str

    @property
    def name(self) -> str:
        """The normalized name of the root."""
        return canonicalize_name(self.root.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeRun:
    """One run of a smoke, outside minreq."""

    status: int | str
    stdout: str
    stderr: str
    seconds: float

    @property
    def lines(self) -> list[str]:
        """What a person sees."""
        outputs = {"stdout": self.stdout, "stderr": self.stderr}
        shown = [f"{name}: {line}" for name, text in outputs.items() for line in text.splitlines(keepends=True)]
        return [f"exit status: {self.status}\n", *shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRun:
    """One run of ``minreq lock``."""

    status: int
    #: The JSON on stdout: the result, or the error.
    result: Mapping[str, Any]
    stderr: str
    seconds: float

    @property
    def kept(self) -> Mapping[str, str]:
        """The kind of evidence of each kept distribution."""
        return {each["name"]: each["evidence"] for each in self.result.get("kept", ())}

    @property
    def closure_size(self) -> int:
        """The number of distributions of the closure, as minreq counts them."""
        return len(self.result.get("kept", ())) + len(self.result.get("left_out", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What pip installed into a virtual environment."""

    versions: Mapping[str, str]
    #: Bytes of the files of the wheels; bytecode does not count.
    bytes: int


@dataclass(slots=True, kw_only=True)
class Row:
    """What was found for one root; what was not reached is None."""

    task: Task
    lock: LockRun | None = None
    declared: Installed | None = None
    installed: Installed | None = None
    full: SmokeRun | None = None
    on_lock: SmokeRun | None = None
    removable: list[str] | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        """Whether the smoke does the same on the lock as on the full install."""
        return self.full is not None and self.on_lock is not None and self.full.lines == self.on_lock.lines


def difference(full: SmokeRun, other: SmokeRun) -> list[str]:
    """Return the lines that differ: ``-`` of the full install, ``+`` of the other run."""
    compared = difflib.unified_diff(full.lines, other.lines, n=0)
    return [line.rstrip("\n") for line in compared if not line.startswith(("---", "+++", "@@"))]


def first_difference(full: SmokeRun, other: SmokeRun) -> str:
    """Return the first line that each run has alone."""
    lines = difference(full, other)
    return "; ".join(next((line for line in lines if line[0] == sign), f"{sign}nothing") for sign in "-+")


def write(rows: Sequence[Row], results: Path, options: Sequence[str]) -> None:
    """Write the table, and below it what differs."""
    now = datetime.now(tz=timezone.utc)
    command = " ".join(("minreq lock ROOT --smoke FILE", *options))
    lines = [
        "# Locks compared with full installs",
        "",
        f"{now:%Y-%m-%d %H:%M} UTC, by `benchmarks/roots.py`: `{command}`, one root at a time.",
        "",
        *machine(),
        "- declared: what `pip install ROOT` installs, without pip; bytes: files of the wheels, without bytecode",
        "- passes: the smoke in a virtual environment into which pip installed the lock",
        "- same: exit status and each line of stdout and stderr are those of the full install",
        "- removable: kept distributions without which nothing changes, of those that the user did not request",
        "- seconds: of `minreq lock`, with downloads that are not cached",
        "",
        *header(),
        *map(row_line, rows),
        "",
        *totals(rows),
    ]
    for row in rows:
        lines += details(row)
    results.mkdir(parents=True, exist_ok=True)
    (results / f"roots-{now:%Y-%m-%d}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def header() -> tuple[str, str]:
    """Return the head of the table."""
    return (
        f"| {' | '.join(COLUMNS)} |",
        f"|{'|'.join('---:' if is_number else '---' for is_number in COLUMNS.values())}|",
    )


def row_line(row: Row) -> str:
    """Return the line of the table for one root."""
    versions = row.declared.versions if row.declared else {}
    tested = sum(kind != "request" for kind in row.lock.kept.values()) if row.lock else 0
    cells = (
        row.task.name,
        versions.get(row.task.name, ""),
        row.task.features,
        str(len(versions)),
        str(len(row.installed.versions)) if row.installed else "",
        f"{row.declared.bytes:,}" if row.declared else "",
        f"{row.installed.bytes:,}" if row.installed else "",
        _yes(row.on_lock.status == 0) if row.on_lock else "",
        _yes(row.is_equal) if row.on_lock else "",
        f"{len(row.removable)} of {tested}" if row.removable is not None else "",
        f"{row.lock.seconds:.0f}" if row.lock else "",
        "; ".join(row.notes).replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def totals(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the sums."""
    locked = [row for row in rows if row.on_lock is not None]
    tested = sum(kind != "request" for row in locked if row.lock for kind in row.lock.kept.values())
    removable = sum(len(row.removable or ()) for row in locked)
    yield (
        f"{len(rows)} roots: {len(locked)} locks; {sum(row.is_equal for row in locked)} do the same as the full "
        f"install; {removable} of {tested} kept distributions removable."
    )


def details(row: Row) -> Iterator[str]:
    """Yield all lines that differ, and the message of a lock that failed."""
    if row.lock is not None and row.lock.status:
        yield from (
            "",
            f"## {row.task.name}: no lock",
            "",
            "```text",
            *row.lock.stderr.splitlines()[-_SHOWN_LINES:],
            "```",
        )
    elif row.full is not None and row.on_lock is not None and not row.is_equal:
        lines = difference(row.full, row.on_lock)
        yield from ("", f"## {row.task.name}: what differs", "", "```diff", *lines[:_SHOWN_LINES], "```")


def _yes(value: bool) -> str:  # noqa: FBT001 - The only argument.
    return "yes" if value else "**no**"
