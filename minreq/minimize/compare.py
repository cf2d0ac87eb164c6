"""How two runs behaved differently, stage by stage; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from minreq.model import Behaviour, RecordedRequest, StageBehaviour

#: What is made anew for each request, by the specifications of the things themselves: digests and signatures, UUIDs
#: (RFC 9562), times of ISO 8601, addresses of objects and names of temporary files.
_VOLATILE = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{32,}\b"
    r"|\b\d{4}-?\d{2}-?\d{2}T\d{2}:?\d{2}:?\d{2}(?:\.\d+)?Z?"
    r"|(?<=/tmp)[a-z0-9_]{8}\b"
    r"|\b0x[0-9a-f]{6,}\b"
    # What tools of tests end with: `3 passed in 0.12s`.
    r"|(?<=\bin )\d+\.\d+(?= ?s(?:ec|econds)?\b)"
)
#: What differs where requests are sent to the same targets with other bodies.
_BODY = "request body"
#: Headers that say what the body is like.
_OF_BODY = frozenset({"content-digest", "content-length", "content-md5", "digest"})
#: What is told line by line, so that one that varies hides no other.
_LINES = frozenset({"output", "warnings", "logs"})
_DATE = re.compile(r"(?<=/)\d{8}(?=/)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing a stage did in one run and not in the other."""

    stage: str
    #: ``warnings``, ``logs``, ``output``, ``connections``, ``status``, ``requests`` (methods and targets),
    #: ``request body``, ``request header user-agent``.
    what: str
    #: What the first run had, and the second, joined by new lines; empty where it had nothing.
    first: str
    second: str


def deviations(first: Behaviour, second: Behaviour) -> tuple[Deviation, ...]:
    """Return what *second* did differently than *first*, in plan order."""
    others = {stage.stage: stage for stage in second.stages}
    found: list[Deviation] = []
    for stage in first.stages:
        other = others.get(stage.stage, StageBehaviour(stage=stage.stage, status="did not run"))
        found.extend(_stage(stage, other))
    return tuple(found)


def sentence(deviation: Deviation) -> str:
    """Tell *deviation* to a person; the first behaviour is the expected one."""
    if deviation.first and deviation.second:
        return f"{deviation.what} of {deviation.stage} was {deviation.first!r} and is {deviation.second!r}"
    if deviation.second:
        return f"{deviation.what} of {deviation.stage} also has {deviation.second!r}"
    return f"{deviation.what} of {deviation.stage} no longer has {deviation.first!r}"


def without_noise(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out what also differs between two runs of one set."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in noisy)


def beyond_noise(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out of *found*, deviations from a run, what the *noise* between that run and its repetition explains.

    A line that both of them have is no noise where it is missing; nor is another number of lines where both have
    equally many. Of lines that vary only the number is told, which does not.
    """
    explained = {(deviation.stage, deviation.what): deviation for deviation in noise}
    beyond = (
        _beyond(each, explained[each.stage, each.what]) if (each.stage, each.what) in explained else each
        for each in found
    )
    return tuple(filter(None, beyond))


def _beyond(deviation: Deviation, noise: Deviation) -> Deviation | None:
    if deviation.what not in _LINES:
        return None
    mine, others = deviation.first.splitlines(), deviation.second.splitlines()
    varying = noise.first.splitlines()
    lost = sorted((Counter(mine) - Counter(varying)).elements())
    if lost:
        return replace(deviation, first="\n".join(lost), second="")
    if len(varying) == len(noise.second.splitlines()) and len(mine) != len(others):
        return replace(deviation, first=f"lines that vary: {len(mine)}", second=f"lines that vary: {len(others)}")
    return None


def _stage(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    if first.status != second.status:
        yield Deviation(stage=first.stage, what="status", first=first.status, second=second.status)
    for what in ("output", "warnings", "logs", "connections"):
        mine, other = _only(_compared(first, what), _compared(second, what))
        if mine or other:
            yield Deviation(stage=first.stage, what=what, first="\n".join(mine), second="\n".join(other))
    yield from _requests(first, second)


def _compared(stage: StageBehaviour, what: str) -> Sequence[str]:
    lines: Sequence[str] = getattr(stage, what)
    # Of what was tried, the addresses. Files and programs are told, and are often the business of what is left out.
    return [line for line in lines if " " not in line] if what == "connections" else lines


def _only(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines only in *first* and only in *second*, order aside: threads may be faster or slower."""
    mine, other = Counter(map(steady, first)), Counter(map(steady, second))
    return sorted((mine - other).elements()), sorted((other - mine).elements())


def _requests(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    lines = _only(list(map(_line, first.requests)), list(map(_line, second.requests)))
    if any(lines):
        yield Deviation(stage=first.stage, what="requests", first="\n".join(lines[0]), second="\n".join(lines[1]))
        return
    bodies = _only(list(map(_whole, first.requests)), list(map(_whole, second.requests)))
    if any(bodies):
        yield Deviation(stage=first.stage, what=_BODY, first="\n".join(bodies[0]), second="\n".join(bodies[1]))
    # Equal lines are compared pair by pair, sorted so that concurrent requests meet their like.
    order = _order_by_headers if any(bodies) else _order
    for a, b in zip(sorted(first.requests, key=order), sorted(second.requests, key=order), strict=True):
        names = {name for name, _ in (*a.headers, *b.headers)}
        for name in sorted(names - _OF_BODY if any(bodies) else names):
            values = _values(a, name), _values(b, name)
            if values[0] != values[1]:
                yield Deviation(stage=first.stage, what=f"request header {name}", first=values[0], second=values[1])


def _order(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    return _whole(request), tuple((name, steady(value)) for name, value in request.headers)


def _order_by_headers(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Where bodies differ, like is what has the same headers."""
    return _line(request), tuple((name, steady(value)) for name, value in request.headers if name not in _OF_BODY)


def _line(request: RecordedRequest) -> str:
    return f"{request.method} {steady(request.target)}"


def _whole(request: RecordedRequest) -> str:
    return f"{_line(request)} {steady(request.body)}"


def _values(request: RecordedRequest, name: str) -> str:
    return ", ".join(steady(value) for key, value in request.headers if key == name)


def steady(text: str) -> str:
    """Return *text* without what is made anew each time."""
    return _DATE.sub("#", _VOLATILE.sub("#", text))


def steady_behaviour(behaviour: Behaviour, noise: Iterable[Deviation] = ()) -> Behaviour:
    """Return *behaviour* as it can be recorded: without what is made anew each time, without *noise*, in one order."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return Behaviour(stages=tuple(_steady_stage(stage, noisy) for stage in behaviour.stages))


def _steady_stage(stage: StageBehaviour, noisy: set[tuple[str, str]]) -> StageBehaviour:
    def lines(what: str) -> tuple[str, ...]:
        return () if (stage.stage, what) in noisy else tuple(sorted(map(steady, getattr(stage, what))))

    requests = (
        []
        if (stage.stage, "requests") in noisy
        else [_steady_request(stage.stage, each, noisy) for each in stage.requests]
    )
    return replace(
        stage,
        output=() if (stage.stage, "output") in noisy else tuple(map(steady, stage.output)),
        warnings=lines("warnings"),
        logs=lines("logs"),
        connections=lines("connections"),
        requests=tuple(sorted(requests, key=_order)),
    )


def _steady_request(stage: str, request: RecordedRequest, noisy: set[tuple[str, str]]) -> RecordedRequest:
    dropped = _OF_BODY if (stage, _BODY) in noisy else frozenset()
    headers = (
        (name, steady(value))
        for name, value in request.headers
        if (stage, f"request header {name}") not in noisy and name not in dropped
    )
    body = "" if (stage, _BODY) in noisy else steady(request.body)
    return replace(request, target=steady(request.target), headers=tuple(headers), body=body)
