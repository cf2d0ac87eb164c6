"""What `minreq_guard` wrote into logs, and the distributions that a lock is to keep for it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from minreq.config import Settings
from minreq.errors import InvalidOptions
from minreq.lockfile import reading
from minreq.model import Lock

_MISS = re.compile(r"minreq-miss (\{.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """A distribution that was missed."""

    distribution: NormalizedName
    #: How many lines tell of it.
    count: int
    #: Where first: ``litellm/utils.py:75``, as the log has it.
    place: str


def read(text: str) -> tuple[Miss, ...]:
    """Return what the lines of *text* miss, by name; lines may have more in front, and be quoted in JSON themselves."""
    found: dict[NormalizedName, Miss] = {}
    for fields in _fields(text.splitlines()):
        try:
            name = canonicalize_name(str(fields["distribution"]), validate=True)
        except (KeyError, InvalidName):
            continue
        before = found.get(name)
        place = f"{fields.get('file')}:{fields.get('line')}"
        found[name] = (
            replace(before, count=before.count + 1) if before else Miss(distribution=name, count=1, place=place)
        )
    return tuple(found[name] for name in sorted(found))


def _fields(lines: Iterable[str]) -> Iterator[dict[str, object]]:
    for line in lines:
        match = _MISS.search(line)
        if match is None:
            continue
        # A collector that writes JSON escapes the quotes of ours.
        for text in (match[1], match[1].replace('\\"', '"').replace("\\\\", "\\")):
            try:
                fields, _ = json.JSONDecoder().raw_decode(text)
            except ValueError:
                continue
            yield fields
            break


def include(settings: Settings, text: str) -> tuple[Settings, tuple[str, ...]]:
    """Return *settings* that keep what was missed, as *text* tells, and a sentence on each.

    A log may hold anything: only what the lock on disk left out is taken from it. Raises ``LockMissing`` and
    ``EvidenceUnreadable`` where there is none, ``InvalidOptions`` where something missed is excluded.
    """
    lock = reading.read_evidence(settings.output)
    misses = read(text)
    if excluded := sorted({each.distribution for each in misses} & {*settings.exclude}):
        raise InvalidOptions(
            [f"--exclude {name}: it was missed; drop one of --exclude and --misses" for name in excluded]
        )
    left_out = {each.candidate.name for each in lock.left_out}
    taken = {each.distribution for each in misses} & left_out
    told = replace(settings, include=tuple(sorted({*settings.include, *taken})))
    return told, (*(_sentence(each, lock, left_out) for each in misses), *_ending(taken, misses))


def _sentence(miss: Miss, lock: Lock, left_out: set[NormalizedName]) -> str:
    times = "once" if miss.count == 1 else f"{miss.count} times"
    if miss.distribution in left_out:
        along = sorted(lock.resolution.requires.get(miss.distribution, frozenset()) & left_out)
        out = (
            f"; it declares {', '.join(along)}, still left out (--whole {miss.distribution} keeps all)" if along else ""
        )
        return f"{miss.distribution} was missed {times}, first at {miss.place}, and is kept{out}"
    why = "in the lock by now" if miss.distribution in lock.resolution.pins else "nothing this lock ever left out"
    return f"{miss.distribution} was missed {times}, and is {why}: not taken from the log"


def _ending(taken: set[NormalizedName], misses: tuple[Miss, ...]) -> Iterator[str]:
    if not misses:
        yield "the log tells of no miss"
    if taken:
        names = " ".join(f"--include {name}" for name in sorted(taken))
        yield f"to keep it in later locks too, lock with {names}, or write include into [tool.minreq]"
