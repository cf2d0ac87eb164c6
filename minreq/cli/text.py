"""Formats text and numbers for people."""

from __future__ import annotations

from collections.abc import Sequence

_KIB, _MIB = 1 << 10, 1 << 20
_MINUTE = 60


def printable(text: str) -> str:
    """Return *text* with control characters escaped; line breaks stay.

    Wheels, indexes and programs may contain escape sequences that a terminal would obey.
    """
    return "".join(each if each.isprintable() or each == "\n" else ascii(each)[1:-1] for each in text)


def format_size(count: int) -> str:
    """Return *count* bytes as ``197.3 MiB`` or ``18 KiB``."""
    return f"{count / _MIB:.1f} MiB" if count >= _MIB else f"{count / _KIB:.0f} KiB"


def format_duration(seconds: float) -> str:
    """Return ``0.4 s``, ``12.3 s`` or ``2 min 05 s``."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes} min {rest:02} s"


def pluralize(number: int, noun: str) -> str:
    """Return ``1 wheel``, ``2 wheels``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


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
