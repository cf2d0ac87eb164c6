"""Find what looks new in each run: times, durations, identifiers, digests, addresses; pure."""

from __future__ import annotations

import re
from datetime import datetime, timezone

#: UUIDs (RFC 9562), digests and signatures, names of temporary files, addresses of objects.
_IDENTIFIER = (
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{32,}\b"
    r"|(?<=/tmp)[a-z0-9_]{8}\b"
    r"|\b0x[0-9a-f]{6,}\b"
)
#: A time with its date, as ISO 8601 and `logging` write it, and the date in the path of a signature.
_MOMENT = r"\b\d{4}-?\d{2}-?\d{2}[T ]\d{2}:?\d{2}:?\d{2}(?:[.,]\d+)?Z?|(?<=/)\d{8}(?=/)"
#: A time of day, and the last line of test runners: `3 passed in 0.12s`. Two runs often have the same one by chance.
_SHORT_TIME = r"\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b|(?<=\bin )\d+\.\d+(?= ?s(?:ec|econds)?\b)"
_VOLATILE = re.compile(f"{_IDENTIFIER}|{_MOMENT}|{_SHORT_TIME}")
_VOLATILE_OR_PLACEHOLDER = re.compile(f"{_VOLATILE.pattern}|#")
_ONLY_SHORT_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(?:[.,]\d+)?|\d+\.\d+")
_ONLY_MOMENT = re.compile(r"[\dT :.,Z-]{8,}")
_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_WORD = re.compile(r"\w+")

#: What stands for a volatile text.
PLACEHOLDER = "#"
#: A moment so many seconds before or after now is the clock: no lock takes longer.
_CLOCK_SPAN = 3600


def normalize_text(text: str) -> str:
    """Return *text* without what looks new in each run."""
    return _VOLATILE.sub(PLACEHOLDER, text)


def split_volatile(text: str, now: float | None = None) -> tuple[str, tuple[str, ...]]:
    """Return *text* without what looks new in each run, and what stood there.

    A moment that is the time *now*, in seconds since 1970, is a placeholder there: it is the clock.
    """
    parts = _VOLATILE_OR_PLACEHOLDER.findall(text)
    return normalize_text(text), tuple(PLACEHOLDER if _is_clock(part, now) else part for part in parts)


def join_volatile(look: str, parts: tuple[str, ...]) -> str:
    """Return the text that `split_volatile` has split."""
    texts = look.split(PLACEHOLDER)
    return "".join(text + part for text, part in zip(texts, (*parts, ""), strict=True))


def is_short_time(part: str) -> bool:
    """Whether *part* may be the same in two runs by chance: a duration, or a time of day."""
    return _ONLY_SHORT_TIME.fullmatch(part) is not None


def mask_numbers(text: str) -> str:
    """Return *text* with the same digit for each number, and without what looks new in each run."""
    return _NUMBER.sub("0", normalize_text(text))


def split_words(text: str) -> list[str]:
    """Return the words of *text*; a number is none, nor is what looks new in each run."""
    return [word for word in _WORD.findall(normalize_text(text)) if not word.isdigit()]


def _is_clock(part: str, now: float | None) -> bool:
    """Whether *part* is a moment about *now*, or the day of it."""
    digits = "".join(_DIGITS.findall(part))
    if now is None or not _ONLY_MOMENT.fullmatch(part):
        return False
    try:
        if len(digits) == len("YYYYMMDD"):
            return digits == datetime.fromtimestamp(now, timezone.utc).strftime("%Y%m%d")
        moment = datetime.strptime(digits[: len("YYYYMMDDHHMMSS")], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)
    except ValueError:
        return False
    return abs(moment.timestamp() - now) < _CLOCK_SPAN
