"""Reads what trees wrote into logs, as objects in JSON; includes the distributions that `minreq_guard` missed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from minreq.config import Settings
from minreq.errors import InvalidOptions
from minreq.lockfile import reading
from minreq.model import Lock

#: The word before the object in a line of a log.
_MISS = "minreq-miss"


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A distribution that was missed."""

    distribution: NormalizedName
    #: How many lines report it.
    count: int
    #: The place of the first miss, as in the log: ``litellm/utils.py:75``.
    place: str
    #: Whether the program had a handler for each of them.
    handled: bool = False


def read_misses(text: str) -> tuple[Miss, ...]:
    """Return the misses in the lines of *text*, sorted by name. A line may have a prefix or be a string in JSON."""
    found: dict[NormalizedName, Miss] = {}
    for fields in read_objects(text, _MISS):
        try:
            name = canonicalize_name(str(fields["distribution"]), validate=True)
        except (KeyError, InvalidName):
            continue
        before = found.get(name)
        place = f"{fields.get('file')}:{fields.get('line')}"
        handled = fields.get("handled") is True
        found[name] = (
            replace(before, count=before.count + 1, handled=before.handled and handled)
            if before
            else Miss(distribution=name, count=1, place=place, handled=handled)
        )
    return tuple(found[name] for name in sorted(found))


def read_objects(text: str, word: str) -> Iterator[dict[str, object]]:
    """Yield the JSON objects that stand behind *word* in the lines of *text*."""
    pattern = re.compile(rf"{re.escape(word)} (\{{.*)")
    for line in text.splitlines():
        match = pattern.search(line)
        if match is None:
            continue
        # A log collector that writes JSON escapes the quotes of this JSON.
        for candidate in (match[1], match[1].replace('\\"', '"').replace("\\\\", "\\")):
            try:
                fields, _ = json.JSONDecoder().raw_decode(candidate)
            except ValueError:
                continue
            yield fields
            break


def include_misses(settings: Settings, text: str) -> tuple[Settings, tuple[str, ...]]:
    """Return *settings* that keep the distributions missed in *text*, and a note on each.

    A log may contain anything: only distributions that the lock on disk leaves out are included. Raises ``LockMissing``
    or ``EvidenceUnreadable`` where there is no lock, ``InvalidOptions`` where a missed distribution is excluded.
    """
    lock = reading.read_evidence(settings.output)
    misses = read_misses(text)
    if excluded := sorted({each.distribution for each in misses} & {*settings.exclude}):
        raise InvalidOptions(
            [f"--exclude {name}: it was missed; drop one of --exclude and --misses" for name in excluded]
        )
    left_out = {each.candidate.name for each in lock.left_out}
    included = {each.distribution for each in misses} & left_out
    changed = replace(settings, include=tuple(sorted({*settings.include, *included})))
    return changed, (*(_sentence(each, lock, left_out) for each in misses), *_closing_notes(included, misses))


def _sentence(miss: Miss, lock: Lock, left_out: set[NormalizedName]) -> str:
    times = "once" if miss.count == 1 else f"{miss.count} times"
    if miss.distribution in left_out:
        along = sorted(lock.resolution.requires.get(miss.distribution, frozenset()) & left_out)
        also_left_out = (
            f"; it declares {', '.join(along)}, still left out (--whole {miss.distribution} keeps all)" if along else ""
        )
        how = ", where the program goes on without it" if miss.handled else ""
        return f"{miss.distribution} was missed {times}, first at {miss.place}{how}, and is kept{also_left_out}"
    is_kept = miss.distribution in lock.resolution.pins
    status = "in the lock already" if is_kept else "not among what this lock leaves out"
    return f"{miss.distribution} was missed {times}, and is {status}, so the log line is ignored"


def _closing_notes(included: set[NormalizedName], misses: tuple[Miss, ...]) -> Iterator[str]:
    if not misses:
        yield "the log reports no miss"
    if included:
        names = " ".join(f"--include {name}" for name in sorted(included))
        yield f"to keep it in later locks too, use {names}, or set include in [tool.minreq]"
