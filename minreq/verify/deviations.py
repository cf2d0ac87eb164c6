"""Compare a run with a lock, and describe the deviations in sentences; pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.utils import NormalizedName

from minreq.minimize.compare import (
    Deviation,
    describe,
    differs_in_numbers,
    find_deviations,
    find_deviations_in_volatile_text,
)
from minreq.minimize.record import normalize_behaviour
from minreq.model import Behaviour, Difference, Evidence, Failure, Lock, Masked, Platform, Request, StageBehaviour

#: Markers whose values clients write into the headers of their requests (``user-agent``).
_MARKERS_IN_HEADERS = (
    "python_full_version",
    "implementation_version",
    "platform_release",
    "platform_version",
    "python_version",
)
#: Longer texts, such as requests, are cut to so many characters.
_MAX_TEXT = 300
#: How many deviations are reported one by one.
_MAX_SENTENCES = 10
#: How many changes of the lock file one sentence names.
_MAX_CAUSES = 3
_DID_NOT_RUN = "did not run"


def find_confirmed_deviations(
    lock: Lock, behaviour: Behaviour, platform: Platform, repeat: Callable[[bool], Behaviour], *, confirm: bool = True
) -> tuple[Deviation, ...]:
    """Return the deviations of *behaviour*, observed on *platform*, from what *lock* records, if they come again.

    *repeat* runs the smoke again, with clocks that go faster where its argument is true: a number, or a text that looks
    new in each run, has to be the same then. Without *confirm* all other deviations count at once.
    """
    found = deviations_from_lock(lock, behaviour, platform)
    numbers = tuple(each for each in found if differs_in_numbers(each))
    others = tuple(each for each in found if each not in numbers)
    hidden = _find_hidden_deviations(lock, [behaviour], platform)
    if hidden or numbers:
        again = repeat(True)
        if _statuses(again) != _statuses(behaviour):
            # A clock that goes faster may make a stage fail.
            again = repeat(False)
        repeated = deviations_from_lock(lock, again, platform)
        numbers = tuple(each for each in numbers if each in repeated)
        hidden = _find_hidden_deviations(lock, [behaviour, again], platform)
    if others and confirm:
        others = confirmed_deviations(others, deviations_from_lock(lock, repeat(False), platform))
    kept = {*numbers, *others}
    return (*(each for each in found if each in kept), *hidden)


def deviations_from_lock(lock: Lock, behaviour: Behaviour, platform: Platform) -> tuple[Deviation, ...]:
    """Return the deviations of *behaviour*, observed on *platform*, from what *lock* records.

    Noise is left out, and so are headers that differ only by the machine that sent them, and what looks new in each
    run.
    """
    recorded = _without_platform_headers(lock.behaviour, lock.proven_on, platform)
    observed = _without_platform_headers(normalize_behaviour(behaviour), platform, lock.proven_on)
    return _without_noise(lock, find_deviations(recorded, observed))


def _find_hidden_deviations(lock: Lock, behaviours: Sequence[Behaviour], platform: Platform) -> tuple[Deviation, ...]:
    """Return how *behaviours*, runs of one set, all differ from *lock* in what looks new in each run.

    The lock records such a text where the runs that proved it had the same one.
    """
    recorded = _without_platform_headers(lock.behaviour, lock.proven_on, platform)
    observed = [_without_platform_headers(each, platform, lock.proven_on) for each in behaviours]
    return _without_noise(lock, find_deviations_in_volatile_text([recorded], observed))


def _without_noise(lock: Lock, found: Iterable[Deviation]) -> tuple[Deviation, ...]:
    return tuple(each for each in found if f"{each.what} of {each.stage}" not in lock.noise)


def _statuses(behaviour: Behaviour) -> list[tuple[str, str]]:
    return [(each.stage, each.status) for each in behaviour.stages]


def confirmed_deviations(found: Sequence[Deviation], again: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Return those of *found* that a second run shows *again*; what happens only sometimes is no deviation."""
    places = {(each.stage, each.what) for each in again}
    return tuple(each for each in found if (each.stage, each.what) in places)


def describe_deviations(found: Sequence[Deviation], causes: Sequence[str]) -> tuple[str, ...]:
    """Describe the deviations *found*; the first sentence begins with the *causes*.

    When a stage fails, only failures are reported: the rest follows from them. Without deviations, the causes are
    reported.
    """
    failures = [each for each in found if each.what == "status" and each.second not in {"passed", _DID_NOT_RUN}]
    lines = [f"{each.stage} fails: {_shorten(each.second)}" for each in failures]
    lines = lines or [
        describe(replace(each, first=_shorten(each.first), second=_shorten(each.second))) for each in found
    ]
    if len(lines) > _MAX_SENTENCES:
        lines[_MAX_SENTENCES:] = [f"and {len(lines) - _MAX_SENTENCES} more"]
    if not lines:
        return tuple(causes)
    if causes:
        several = f" and {len(causes) - _MAX_CAUSES} more changes" if len(causes) > _MAX_CAUSES else ""
        lines[0] = f"{', '.join(causes[:_MAX_CAUSES])}{several}: {lines[0]}"
    return tuple(lines)


def explain_unmissed(lock: Lock, names: Iterable[NormalizedName]) -> Iterator[str]:
    """Yield for each of *names*, without which the smoke passed, why it is in the lock."""
    evidence = {kept.candidate.name: kept.evidence for kept in lock.selection.kept}
    for name in names:
        if name in evidence:
            yield f"the smoke passes without {name}, which is in the lock because {_describe_evidence(evidence[name])}"


def describe_other_platform(lock: Lock, platform: Platform) -> str | None:
    """Describe how *platform* differs from the one that the lock was proven on, ``None`` when it behaves the same."""
    then, now = lock.proven_on, platform
    if then.python_version == now.python_version and _system_of(then) == _system_of(now):
        return None
    return (
        f"the lock was proven on Python {then.python_version} on {_system_of(then)}, "
        f"and this is Python {now.python_version} on {_system_of(now)}"
    )


def _describe_evidence(evidence: Evidence) -> str:
    match evidence:
        case Failure(stage=stage, error=error):
            return f"{stage} failed without it: {_shorten(error)}"
        case Difference(stage=stage, what=what):
            return f"{what} of {stage} differed without it"
        case Request(asked_by=asked_by):
            return f"it was requested: {asked_by}"
        case Masked(place=place):
            return f"{place} imports it, and the tools of the smoke hide whether that matters"


def _system_of(platform: Platform) -> str:
    return f"{platform.markers.get('sys_platform')} {platform.markers.get('platform_machine')}"


def _shorten(text: str) -> str:
    return textwrap.shorten(text, _MAX_TEXT, placeholder=" ...") if len(text) > _MAX_TEXT else text


def _without_platform_headers(behaviour: Behaviour, platform: Platform, other: Platform) -> Behaviour:
    """Return *behaviour*, observed on *platform*, without header values that the *other* platform would not have."""
    values = {
        value: f"{{{name}}}"
        for name in _MARKERS_IN_HEADERS
        if (value := platform.markers.get(name)) and value != other.markers.get(name)
    }
    if not values:
        return behaviour
    # The longest first: 3.12 must not match the beginning of 3.12.1.
    either = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.])(?:{either})(?![\w]|\.\d)")

    def replace_values(text: str) -> str:
        return pattern.sub(lambda match: values[match.group()], text)

    return Behaviour(stages=tuple(_with_changed_headers(stage, replace_values) for stage in behaviour.stages))


def _with_changed_headers(stage: StageBehaviour, change: Callable[[str], str]) -> StageBehaviour:
    requests = (
        replace(request, headers=tuple((name, change(value)) for name, value in request.headers))
        for request in stage.requests
    )
    return replace(stage, requests=tuple(requests))
