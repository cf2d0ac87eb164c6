"""Formats text and numbers for people."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from minreq.smoke.paths import describe_run_paths

_KIB, _MIB = 1 << 10, 1 << 20
_MINUTE = 60
#: What separates the columns of a table.
_GAP = re.compile(r"(?<=[^ ]) {2,}")
#: The least characters of a column that is wrapped.
_NARROWEST = 20


#: Texts that a CI system takes for a command: GitHub's at the start of a line, after blanks, those of others anywhere.
_COMMAND = re.compile(r"^(\s*):(?=:)|#(?=#\w*\[)")


def printable(text: str) -> str:
    """Return *text* as one line, with escapes for what is no text, and without minreq's marks for folders of a run.

    Wheels, indexes and programs may contain line breaks, and sequences that a terminal or a CI system would obey.
    """
    text = describe_run_paths(text)
    line = text if text.isprintable() else "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return _COMMAND.sub(lambda match: f"{match[1]}\\x3a" if match[1] is not None else "\\x23", line)


def printable_block(text: str) -> str:
    """Return *text* as `printable` does, with our own line breaks: those before an indented line."""
    return "\n  ".join(map(printable, text.split("\n  ")))


def wrap_block(text: str, width: int) -> str:
    """Return *text* with its lines wrapped at words; a part is indented below the line that it belongs to."""
    lines = []
    for line in text.splitlines():
        indent = line[: len(line) - len(line.lstrip(" "))]
        wrapped = textwrap.wrap(
            line.lstrip(" "),
            width,
            initial_indent=indent,
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += wrapped or [line]
    return "\n".join(lines)


def find_last_column(line: str, width: int) -> int:
    """Return where the last column of a row begins whose words fit into *width*; 0 in a line without columns."""
    starts = [match.end() for match in _GAP.finditer(line) if match.end() <= width - _NARROWEST]
    return next((each for each in reversed(starts) if max(map(len, line[each:].split())) <= width - each), 0)


def wrap_row(line: str, width: int) -> str:
    """Return *line*, perhaps a row of a table, wrapped at words: further lines begin below its last column."""
    if len(line) <= width or not line.strip():
        return line
    column = find_last_column(line, width)
    # What is no row is indented as below a heading.
    indent = column or (len(line) - len(line.lstrip(" ")) + 2)
    lines = textwrap.wrap(
        line[column:],
        width,
        initial_indent=" " * column,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join([line[:column] + lines[0][column:], *lines[1:]])


def format_size(count: int) -> str:
    """Return *count* bytes as ``197.3 MiB`` or ``18 KiB``."""
    return f"{count / _MIB:.1f} MiB" if count >= _MIB else f"{count / _KIB:.0f} KiB"


def format_duration(seconds: float) -> str:
    """Return ``0.4 s``, ``12.3 s`` or ``2 min 05 s``."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest:02} s"


def align_columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> list[str]:
    """Return *rows* as lines with aligned columns; the columns *right* are aligned to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def describe_absence(hidden: Sequence[str]) -> str:
    """Return what a run lacked: ``without it``, and maybe the kinds of files of the machine that were *hidden*."""
    return f"without it and the machine's {' and '.join(hidden)}" if hidden else "without it"
