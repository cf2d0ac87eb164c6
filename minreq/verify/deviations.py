"""Whether a run behaved as a lock says, in sentences; pure."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from packaging.utils import NormalizedName

from minreq.minimize.compare import Deviation, deviations, sentence, steady_behaviour
from minreq.model import Behaviour, Difference, Evidence, Failure, Lock, Masked, Platform, Request, StageBehaviour

#: Markers whose values clients write into the headers of their requests (``user-agent``).
_IN_HEADERS = (
    "python_full_version",
    "implementation_version",
    "platform_release",
    "platform_version",
    "python_version",
)
#: Of long texts, requests for one, the beginning is told.
_LONGEST = 300
#: How many differences are told one by one.
_MOST = 10
#: How many changes of the file are told in one sentence.
_FEW = 3
_DID_NOT_RUN = "did not run"


def differing(lock: Lock, behaviour: Behaviour, platform: Platform) -> tuple[Deviation, ...]:
    """Return what *behaviour*, seen on *platform*, has otherwise than *lock* records.

    What differed between two runs of one set is left out, and headers that only say on which machine they were sent.
    """
    recorded = _anonymous(lock.behaviour, lock.proven_on, platform)
    observed = _anonymous(steady_behaviour(behaviour), platform, lock.proven_on)
    return tuple(each for each in deviations(recorded, observed) if f"{each.what} of {each.stage}" not in lock.noise)


def repeated(found: Sequence[Deviation], again: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Return those of *found* that a second run has *again*: what a smoke does only sometimes is no difference."""
    places = {(each.stage, each.what) for each in again}
    return tuple(each for each in found if (each.stage, each.what) in places)


def sentences(found: Sequence[Deviation], causes: Sequence[str]) -> tuple[str, ...]:
    """Tell what was *found*, the first with its *causes*: ``certifi was taken out of the file: import fails: ...``.

    Where a stage fails, that alone is told: the rest follows from it. Without anything found, the causes are told.
    """
    failures = [each for each in found if each.what == "status" and each.second not in {"passed", _DID_NOT_RUN}]
    told = [f"{each.stage} fails: {_short(each.second)}" for each in failures]
    told = told or [sentence(replace(each, first=_short(each.first), second=_short(each.second))) for each in found]
    if len(told) > _MOST:
        told[_MOST:] = [f"and {len(told) - _MOST} more"]
    if not told:
        return tuple(causes)
    if causes:
        several = f" and {len(causes) - _FEW} more changes" if len(causes) > _FEW else ""
        told[0] = f"{', '.join(causes[:_FEW])}{several}: {told[0]}"
    return tuple(told)


def unnoticed(lock: Lock, names: Iterable[NormalizedName]) -> Iterator[str]:
    """Tell why *names*, without which the smoke behaved as ever, stand in the lock."""
    evidence = {kept.candidate.name: kept.evidence for kept in lock.selection.kept}
    for name in names:
        if name in evidence:
            yield f"the smoke does not miss {name}, which is in the lock because {_reason(evidence[name])}"


def elsewhere(lock: Lock, platform: Platform) -> str | None:
    """Tell that this is not where the lock was proven, ``None`` when it is, as far as behaviour goes."""
    then, now = lock.proven_on, platform
    if then.python_version == now.python_version and _system(then) == _system(now):
        return None
    return (
        f"the lock was proven on Python {then.python_version} on {_system(then)}, "
        f"and this is Python {now.python_version} on {_system(now)}"
    )


def _reason(evidence: Evidence) -> str:
    match evidence:
        case Failure(stage=stage, error=error):
            return f"{stage} failed without it: {_short(error)}"
        case Difference(stage=stage, what=what):
            return f"{what} of {stage} differed without it"
        case Request(asked_by=asked_by):
            return f"it was asked for: {asked_by}"
        case Masked(place=place):
            return f"{place} imports it, and the tools of the smoke hide whether that matters"


def _system(platform: Platform) -> str:
    return f"{platform.markers.get('sys_platform')} {platform.markers.get('platform_machine')}"


def _short(text: str) -> str:
    return textwrap.shorten(text, _LONGEST, placeholder=" ...") if len(text) > _LONGEST else text


def _anonymous(behaviour: Behaviour, platform: Platform, other: Platform) -> Behaviour:
    """*behaviour*, seen on *platform*, without what its headers say of it and would not on the *other*."""
    values = {
        value: f"{{{name}}}"
        for name in _IN_HEADERS
        if (value := platform.markers.get(name)) and value != other.markers.get(name)
    }
    if not values:
        return behaviour
    # The longest first: 3.12.1 is not 3.12 with something after it.
    either = "|".join(re.escape(value) for value in sorted(values, key=len, reverse=True))
    pattern = re.compile(rf"(?<![\w.])(?:{either})(?![\w]|\.\d)")

    def hidden(text: str) -> str:
        return pattern.sub(lambda match: values[match.group()], text)

    return Behaviour(stages=tuple(_with_headers(stage, hidden) for stage in behaviour.stages))


def _with_headers(stage: StageBehaviour, change: Callable[[str], str]) -> StageBehaviour:
    requests = (
        replace(request, headers=tuple((name, change(value)) for name, value in request.headers))
        for request in stage.requests
    )
    return replace(stage, requests=tuple(requests))
