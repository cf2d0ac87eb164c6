"""The result of a cell, its file, and the tables of all results."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.config.levels import Level
from minreq.config.matrix import Kind
from minreq.lockfile import writing
from minreq.lockfile.codec import Codec
from minreq.matrix.cells import Cell, Column
from minreq.system import regularfile

_CODEC = Codec({})
#: The folder of the files of the cells, and the names of the tables.
CELLS = "cells"
JSON_LINES, CSV, PARQUET = "table.jsonl", "table.csv", "table.parquet"

Status = Literal["done", "failed", "unfinished"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A distribution in a result."""

    name: NormalizedName
    version: Version
    bytes: int
    #: ``request``, ``failure``, ``difference``, ``masked``; ``out`` if it is left out.
    kind: str
    #: Why it is kept, or left out.
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """What a cell found out; the field names are keys of its file. Sizes are unpacked bytes."""

    key: str
    root: NormalizedName
    version: Version
    providers: tuple[str, ...] = ()
    python: str | None = None
    platform: str | None = None
    kind: Kind
    level: Level | None = None
    #: ``unfinished``: the index, the machine or a worker failed; the cell is filled again.
    status: Status
    #: The reason code of the error, and its sentence.
    reason: str = ""
    sentence: str = ""
    #: The interpreter that ran the smoke, and the machine: ``Python 3.12.1, Linux x86_64``.
    ran_on: str = ""
    #: How many stages of the smoke ran.
    stages: int = 0
    #: What a plain install has; ``None`` where that was not asked.
    declared: int | None = None
    declared_bytes: int | None = None
    #: With compiled files, as pip installs the lock.
    installed_bytes: int | None = None
    built_bytes: int | None = None
    kept: tuple[Part, ...] = ()
    left_out: tuple[Part, ...] = ()
    #: The text of the lock.
    requirements: str = ""
    #: Hundredths of a second.
    centiseconds: int = 0

    @property
    def cell(self) -> Cell:
        """The place of the result in its matrix, without extras of the root."""
        column = Column(providers=self.providers, python=self.python, platform=self.platform)
        return Cell(root=self.root, version=self.version, column=column)

    @property
    def kept_bytes(self) -> int:
        """The bytes of what is kept."""
        return sum(each.bytes for each in self.kept)

    @property
    def seconds(self) -> float:
        """How long the cell took."""
        return self.centiseconds / 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different from the release before, in the same column; names are sorted."""

    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()
    #: Kept in both, with evidence of another kind.
    reasons: tuple[str, ...] = ()
    #: The version of that release.
    before: str = ""


def compare(before: CellResult, now: CellResult) -> Changes:
    """Return what *now* keeps differently from *before*, the result of an older release."""
    old, new = ({each.name: each for each in result.kept} for result in (before, now))
    both = sorted(old.keys() & new.keys())
    return Changes(
        added=tuple(sorted(new.keys() - old.keys())),
        dropped=tuple(sorted(old.keys() - new.keys())),
        moved=tuple(name for name in both if old[name].version != new[name].version and name != now.root),
        reasons=tuple(name for name in both if old[name].kind != new[name].kind),
        before=str(before.version),
    )


def find_changes(results: Sequence[CellResult]) -> Mapping[str, Changes]:
    """Return the changes of each result by its key; none for the first release of a column, and for failures."""
    last: dict[tuple[NormalizedName, Column], CellResult] = {}
    found: dict[str, Changes] = {}
    for result in results:
        column = (result.root, result.cell.column)
        if result.status != "done":
            continue
        if column in last:
            found[result.key] = compare(last[column], result)
        last[column] = result
    return found


class ResultFolder:
    """A folder with one file for each cell, named by the hash of what decides it, and the tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> CellResult | None:
        """Return the result of the cell *key*; ``None`` where there is none that is true."""
        with suppress(OSError, ValueError, RecursionError):
            found: CellResult = _CODEC.decode(CellResult, json.loads(regularfile.read_text(self._file(key))))
            if found.key == key and found.status != "unfinished":
                return found
        return None

    def prepare(self, page: Path | None = None) -> None:
        """Make the folder, in which *page* may be; raise ``OutputUnwritable`` where one of them cannot be written."""
        writing.make_folder(self.folder / CELLS, self.folder)
        for file in filter(None, (self.folder / JSON_LINES, page)):
            writing.check_writable(file)

    def write(self, result: CellResult) -> None:
        """Write the file of *result*, atomically, and add its row to the table of the running matrix."""
        writing.write_files({self._file(result.key): dump(result)})
        with (self.folder / JSON_LINES).open("a", encoding="utf-8") as table:
            table.write(json.dumps(make_row(result, None)) + "\n")

    def write_tables(self, results: Sequence[CellResult]) -> tuple[Path, ...]:
        """Replace the tables by those of *results*, in that order; return their paths."""
        changes = find_changes(results)
        rows = [make_row(each, changes.get(each.key)) for each in results]
        writing.write_files(
            {
                self.folder / JSON_LINES: "".join(f"{json.dumps(row)}\n" for row in rows),
                self.folder / CSV: _to_csv(rows),
            }
        )
        files = [self.folder / JSON_LINES, self.folder / CSV]
        if rows and importlib.util.find_spec("pyarrow") is not None:
            _write_parquet(rows, self.folder / PARQUET)
            files.append(self.folder / PARQUET)
        return tuple(files)

    def _file(self, key: str) -> Path:
        return self.folder / CELLS / f"{key}.json"


def dump(result: CellResult) -> str:
    """Return the text of the file of *result*."""
    return json.dumps(_CODEC.encode(CellResult, result), indent=1) + "\n"


def make_row(result: CellResult, changes: Changes | None) -> dict[str, Any]:
    """Return the row of *result*; lists of names are texts, so that each table has plain columns."""
    is_done = result.status == "done"
    return {
        "root": result.root,
        "version": str(result.version),
        "providers": ",".join(result.providers),
        "python": result.python or "",
        "platform": result.platform or "",
        "question": result.kind if result.level is None else f"{result.kind} {result.level}",
        "status": result.status,
        "reason": result.reason,
        "sentence": result.sentence,
        "declared": result.declared,
        "kept": len(result.kept) if is_done else None,
        "left_out": len(result.left_out) if is_done else None,
        "declared_bytes": result.declared_bytes,
        "kept_bytes": result.kept_bytes if is_done else None,
        "installed_bytes": result.installed_bytes,
        "built_bytes": result.built_bytes,
        "seconds": result.seconds,
        "stages": result.stages,
        "ran_on": result.ran_on,
        "compared_with": changes.before if changes else "",
        "added": ",".join(changes.added) if changes else "",
        "dropped": ",".join(changes.dropped) if changes else "",
        "moved": ",".join(changes.moved) if changes else "",
        "other_reasons": ",".join(changes.reasons) if changes else "",
        "cell": result.key,
    }


def _to_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = [*rows]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=[*rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _write_parquet(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 # An optional library.
    from pyarrow import parquet  # noqa: PLC0415

    parquet.write_table(pa.Table.from_pylist([*rows]), file)
