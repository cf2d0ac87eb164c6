"""Parses ``--exclude-newer``, a date or a duration, into a moment; and lists files that were uploaded lately."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone

from minreq.errors import CutoffUnreadable
from minreq.model import Sdist, Wheel
from minreq.model.parsing import shorten

#: ISO 8601 durations without years and months, whose length depends on the calendar.
_ISO = re.compile(
    r"P(?=.)(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+)S)?)?",
    re.IGNORECASE | re.ASCII,
)

#: ``3 days``, ``72h``, ``1 week 2 days``.
_WORDS = re.compile(r"(?:\d+\s*[a-z]+(?:\s*,\s*|\s+|$|(?=\d)))+", re.IGNORECASE | re.ASCII)
_WORD = re.compile(r"(\d+)\s*([a-z]+)", re.IGNORECASE | re.ASCII)

_UNITS = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "seconds"),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), "minutes"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "hours"),
    **dict.fromkeys(("d", "day", "days"), "days"),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), "weeks"),
}


#: Most malicious releases were found and removed within this time.
YOUNG_AGE = timedelta(days=3)


def young_files(files: Iterable[Wheel | Sdist], now: datetime) -> tuple[str, ...]:
    """Return those of *files* that were uploaded less than three days before *now*, each with its age; sorted."""
    return tuple(
        sorted(
            f"{file.name} {file.version} ({_age(now - file.upload_time)} old)"
            for file in files
            if file.upload_time is not None and now - file.upload_time < YOUNG_AGE
        )
    )


def _age(age: timedelta) -> str:
    hours = max(int(age.total_seconds() // 3600), 0)
    return f"{hours // 24} d {hours % 24} h" if hours >= 24 else f"{hours} h"  # noqa: PLR2004 - A day.


def parse(text: str, now: datetime) -> datetime:
    """Return the moment from which on files are ignored; durations count back from *now*.

    A date means the end of that day, as in uv, but in UTC: a lock must not depend on the time zone of the machine. A
    time without offset is UTC too.

    Raises :class:`CutoffUnreadable`.
    """
    stripped = text.strip()
    try:
        duration = _duration(stripped)
        if duration is not None:
            return now - duration
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", stripped, re.ASCII):
            day = datetime.combine(date.fromisoformat(stripped), datetime.min.time(), timezone.utc)
            return day + timedelta(days=1)
        # RFC 3339 has "Z" and "z", which Python reads from 3.11 on.
        moment = datetime.fromisoformat(re.sub(r"[Zz]$", "+00:00", stripped))
    except (ValueError, OverflowError) as error:
        raise CutoffUnreadable(shorten(text)) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _duration(text: str) -> timedelta | None:
    if match := _ISO.fullmatch(text):
        return timedelta(**{unit: int(number) for unit, number in match.groupdict("0").items()})
    if not _WORDS.fullmatch(text):
        return None
    total = timedelta()
    for number, word in _WORD.findall(text):
        if word.lower() not in _UNITS:
            return None
        total += timedelta(**{_UNITS[word.lower()]: int(number)})
    return total
