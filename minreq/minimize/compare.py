"""Compare the behaviour of two runs, stage by stage; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from minreq.model import Behaviour, RecordedRequest, StageBehaviour

#: What is new in each run by its specification: digests and signatures, UUIDs (RFC 9562), times of ISO 8601, addresses
#: of objects and names of temporary files.
_VOLATILE = re.compile(
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{32,}\b"
    r"|\b\d{4}-?\d{2}-?\d{2}T\d{2}:?\d{2}:?\d{2}(?:\.\d+)?Z?"
    r"|(?<=/tmp)[a-z0-9_]{8}\b"
    r"|\b0x[0-9a-f]{6,}\b"
    # The last line of test runners: `3 passed in 0.12s`.
    r"|(?<=\bin )\d+\.\d+(?= ?s(?:ec|econds)?\b)"
)
#: The kind of a deviation where requests have the same targets and other bodies.
_BODY = "request body"
#: Headers that depend on the body.
_BODY_HEADERS = frozenset({"content-digest", "content-length", "content-md5", "digest"})
#: What is compared line by line, so that a line that varies hides no other.
_COMPARED_BY_LINE = frozenset({"output", "warnings", "logs"})
_DATE = re.compile(r"(?<=/)\d{8}(?=/)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that a stage did differently in two runs."""

    stage: str
    #: ``warnings``, ``logs``, ``output``, ``connections``, ``status``, ``requests`` (methods and targets),
    #: ``request body``, ``request header user-agent``.
    what: str
    #: What only the first run had, and what only the second had, as lines; empty where it had nothing more.
    first: str
    second: str


def deviations(first: Behaviour, second: Behaviour) -> tuple[Deviation, ...]:
    """Return what *second* did differently from *first*, in plan order; stages that only *second* has do not count."""
    others = {stage.stage: stage for stage in second.stages}
    found: list[Deviation] = []
    for stage in first.stages:
        other = others.get(stage.stage, StageBehaviour(stage=stage.stage, status="did not run"))
        found.extend(_compare_stage(stage, other))
    return tuple(found)


def describe(deviation: Deviation) -> str:
    """Return *deviation* as a sentence; the first behaviour is the expected one."""
    if deviation.first and deviation.second:
        return f"{deviation.what} of {deviation.stage} was {deviation.first!r} and is {deviation.second!r}"
    if deviation.second:
        return f"{deviation.what} of {deviation.stage} also has {deviation.second!r}"
    return f"{deviation.what} of {deviation.stage} no longer has {deviation.first!r}"


def without_noise(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out of *found* each stage and kind that *noise* has too."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in noisy)


def beyond_noise(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out of *found* what *noise* explains; *noise* is how two runs of the expected set differ.

    A missing line counts if both of those runs have it. If both have the same number of lines that vary, another
    number counts too; the deviation then has only the numbers.
    """
    noise_at = {(deviation.stage, deviation.what): deviation for deviation in noise}
    beyond = (
        _remove_noise(each, noise_at[each.stage, each.what]) if (each.stage, each.what) in noise_at else each
        for each in found
    )
    return tuple(filter(None, beyond))


def _remove_noise(deviation: Deviation, noise: Deviation) -> Deviation | None:
    if deviation.what not in _COMPARED_BY_LINE:
        return None
    expected, seen = deviation.first.splitlines(), deviation.second.splitlines()
    varying = noise.first.splitlines()
    missing = sorted((Counter(expected) - Counter(varying)).elements())
    if missing:
        return replace(deviation, first="\n".join(missing), second="")
    if len(varying) == len(noise.second.splitlines()) and len(expected) != len(seen):
        return replace(deviation, first=f"lines that vary: {len(expected)}", second=f"lines that vary: {len(seen)}")
    return None


def _compare_stage(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    if first.status != second.status:
        yield Deviation(stage=first.stage, what="status", first=first.status, second=second.status)
    for what in ("output", "warnings", "logs", "connections"):
        only_first, only_second = _lines_on_one_side(_lines_to_compare(first, what), _lines_to_compare(second, what))
        if only_first or only_second:
            first_text, second_text = "\n".join(only_first), "\n".join(only_second)
            yield Deviation(stage=first.stage, what=what, first=first_text, second=second_text)
    yield from _compare_requests(first, second)


def _lines_to_compare(stage: StageBehaviour, what: str) -> Sequence[str]:
    lines: Sequence[str] = getattr(stage, what)
    # Addresses have no space. The other lines name files and programs; distributions that are left out often use these.
    return [line for line in lines if " " not in line] if what == "connections" else lines


def _lines_on_one_side(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines only in *first* and only in *second*; their order does not count, since threads vary."""
    first_lines, second_lines = Counter(map(normalize_text, first)), Counter(map(normalize_text, second))
    return sorted((first_lines - second_lines).elements()), sorted((second_lines - first_lines).elements())


def _compare_requests(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    lines = _lines_on_one_side(list(map(_line, first.requests)), list(map(_line, second.requests)))
    if any(lines):
        yield Deviation(stage=first.stage, what="requests", first="\n".join(lines[0]), second="\n".join(lines[1]))
        return
    bodies = _lines_on_one_side(list(map(_line_and_body, first.requests)), list(map(_line_and_body, second.requests)))
    if any(bodies):
        yield Deviation(stage=first.stage, what=_BODY, first="\n".join(bodies[0]), second="\n".join(bodies[1]))
    # The lines are equal now. Sorting pairs each request with its like, although threads send them in any order.
    sort_key = _sort_key_by_headers if any(bodies) else _sort_key
    for a, b in zip(sorted(first.requests, key=sort_key), sorted(second.requests, key=sort_key), strict=True):
        names = {name for name, _ in (*a.headers, *b.headers)}
        for name in sorted(names - _BODY_HEADERS if any(bodies) else names):
            values = _header_value(a, name), _header_value(b, name)
            if values[0] != values[1]:
                yield Deviation(stage=first.stage, what=f"request header {name}", first=values[0], second=values[1])


def _sort_key(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    return _line_and_body(request), tuple((name, normalize_text(value)) for name, value in request.headers)


def _sort_key_by_headers(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a key that pairs requests by their headers, for requests whose bodies differ."""
    headers = ((name, value) for name, value in request.headers if name not in _BODY_HEADERS)
    return _line(request), tuple((name, normalize_text(value)) for name, value in headers)


def _line(request: RecordedRequest) -> str:
    return f"{request.method} {normalize_text(request.target)}"


def _line_and_body(request: RecordedRequest) -> str:
    return f"{_line(request)} {normalize_text(request.body)}"


def _header_value(request: RecordedRequest, name: str) -> str:
    return ", ".join(normalize_text(value) for key, value in request.headers if key == name)


def normalize_text(text: str) -> str:
    """Return *text* without what is new in each run."""
    return _DATE.sub("#", _VOLATILE.sub("#", text))


def normalize_behaviour(behaviour: Behaviour, noise: Iterable[Deviation] = ()) -> Behaviour:
    """Return *behaviour* to be recorded: without *noise* and what is new in each run, and in one order."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return Behaviour(stages=tuple(_normalize_stage(stage, noisy) for stage in behaviour.stages))


def _normalize_stage(stage: StageBehaviour, noisy: set[tuple[str, str]]) -> StageBehaviour:
    def lines(what: str) -> tuple[str, ...]:
        return () if (stage.stage, what) in noisy else tuple(sorted(map(normalize_text, getattr(stage, what))))

    requests = (
        []
        if (stage.stage, "requests") in noisy
        else [_normalize_request(stage.stage, each, noisy) for each in stage.requests]
    )
    return replace(
        stage,
        output=() if (stage.stage, "output") in noisy else tuple(map(normalize_text, stage.output)),
        warnings=lines("warnings"),
        logs=lines("logs"),
        connections=lines("connections"),
        requests=tuple(sorted(requests, key=_sort_key)),
    )


def _normalize_request(stage: str, request: RecordedRequest, noisy: set[tuple[str, str]]) -> RecordedRequest:
    dropped = _BODY_HEADERS if (stage, _BODY) in noisy else frozenset()
    headers = (
        (name, normalize_text(value))
        for name, value in request.headers
        if (stage, f"request header {name}") not in noisy and name not in dropped
    )
    body = "" if (stage, _BODY) in noisy else normalize_text(request.body)
    return replace(request, target=normalize_text(request.target), headers=tuple(headers), body=body)
