"""Compare the behaviour of two runs, stage by stage; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from minreq.model import Behaviour, RecordedRequest, StageBehaviour

#: What may be new in each run, by its look: UUIDs (RFC 9562), digests and signatures.
_DIGEST = (
    r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"
    r"|\b[0-9a-fA-F]{32,}\b"
)
#: Times of ISO 8601 and of `logging`, names of temporary files, addresses of objects.
_TIME = (
    r"\b\d{4}-?\d{2}-?\d{2}[T ]\d{2}:?\d{2}:?\d{2}(?:[.,]\d+)?Z?"
    r"|\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b"
    r"|(?<=/tmp)[a-z0-9_]{8}\b"
    r"|\b0x[0-9a-f]{6,}\b"
    # The last line of test runners: `3 passed in 0.12s`.
    r"|(?<=\bin )\d+\.\d+(?= ?s(?:ec|econds)?\b)"
)
_VOLATILE = re.compile(f"{_DIGEST}|{_TIME}")
_ONLY_TIME = re.compile(_TIME)
#: The kind of a deviation where requests have the same targets and other bodies.
_BODY = "request body"
#: Headers that depend on the body.
_BODY_HEADERS = frozenset({"content-digest", "content-length", "content-md5", "digest"})
#: What is compared line by line, so that a line that varies hides no other.
_BY_LINE = ("output", "errors", "warnings", "logs")
#: Of these, what one reader sees from top to bottom. The order of the others depends on threads.
_IN_ORDER = frozenset({"output", "errors"})
#: The beginning of the kind of a deviation in which the same lines come in another order.
_ORDER_OF = "order of "
#: How a process ended, and the line that waited for it.
_EXIT = re.compile(r"exit -?\d+")
_DATE = re.compile(r"(?<=/)\d{8}(?=/)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that a stage did differently in two runs."""

    stage: str
    #: ``output`` and ``errors`` (lines on stdout and stderr), ``order of output``, ``order of errors``, ``warnings``,
    #: ``logs``, ``connections``, ``exits``, ``status``, ``requests`` (methods and targets), ``request body``,
    #: ``request header user-agent``.
    what: str
    #: What only the first run had, and what only the second had, as lines; empty where it had nothing more.
    first: str
    second: str


def find_deviations(first: Behaviour, second: Behaviour) -> tuple[Deviation, ...]:
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


def concerns_order(what: str) -> bool:
    """Whether the deviations of the kind *what* are about order alone, which threads may change now and then."""
    return what.startswith(_ORDER_OF)


def drop_noisy_kinds(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
    """Leave out of *found* each stage and kind that *noise* has too."""
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    return tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in noisy)


def subtract_noise(found: Iterable[Deviation], noise: Iterable[Deviation]) -> tuple[Deviation, ...]:
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
    if deviation.what not in _BY_LINE:
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
    for what in (*_BY_LINE, "connections"):
        lines, other = (list(map(normalize_text, _lines_to_compare(stage, what))) for stage in (first, second))
        yield from _deviation(first.stage, what, _lines_on_one_side(lines, other))
        if what in _IN_ORDER:
            yield from _deviation(first.stage, f"{_ORDER_OF}{what}", _lines_in_other_order(lines, other))
    yield from _deviation(first.stage, "exits", _exits_on_one_side(first.exits, second.exits))
    yield from _compare_requests(first, second)


def _deviation(stage: str, what: str, sides: tuple[list[str], list[str]]) -> Iterator[Deviation]:
    if any(sides):
        yield Deviation(stage=stage, what=what, first="\n".join(sides[0]), second="\n".join(sides[1]))


def _lines_to_compare(stage: StageBehaviour, what: str) -> Sequence[str]:
    lines: Sequence[str] = getattr(stage, what)
    # Addresses have no space. The other lines name files and programs; distributions that are left out often use these.
    return [line for line in lines if " " not in line] if what == "connections" else lines


def _lines_on_one_side(first: Iterable[str], second: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the lines only in *first* and only in *second*, sorted."""
    first_lines, second_lines = Counter(first), Counter(second)
    return sorted((first_lines - second_lines).elements()), sorted((second_lines - first_lines).elements())


def _lines_in_other_order(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines that stand in another order in *second*; only lines that both have equally often count.

    So a line that varies does not hide the order of the others. What is equal at the beginning and at the end is left
    out.
    """
    if first == second:
        return [], []
    counts, others = Counter(first), Counter(second)
    lines, other = ([line for line in side if counts[line] == others[line]] for side in (first, second))
    places = [place for place, pair in enumerate(zip(lines, other, strict=True)) if pair[0] != pair[1]]
    if not places:
        return [], []
    return lines[places[0] : places[-1] + 1], other[places[0] : places[-1] + 1]


def _exits_on_one_side(first: Sequence[str], second: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return how processes ended in only one run, at the lines of code that waited for a process in both runs.

    What is left out may have started processes that nobody else looks at.
    """
    places = {_EXIT.sub("", line) for line in first} & {_EXIT.sub("", line) for line in second}
    return _lines_on_one_side(*([line for line in side if _EXIT.sub("", line) in places] for side in (first, second)))


def _compare_requests(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    lines = _lines_on_one_side(map(_line, first.requests), map(_line, second.requests))
    if any(lines):
        yield from _deviation(first.stage, "requests", lines)
        return
    bodies = _lines_on_one_side(map(_line_and_body, first.requests), map(_line_and_body, second.requests))
    yield from _deviation(first.stage, _BODY, bodies)
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


def find_deviations_in_volatile_text(first: Sequence[Behaviour], second: Sequence[Behaviour]) -> tuple[Deviation, ...]:
    """Return the deviations that `find_deviations` does not see, since they look like what is new in each run.

    Each side is one run or several runs of one kind; only what all runs of a side have counts. A digest counts if it
    is equal within a side and differs between the sides.
    """
    found: list[Deviation] = []
    for stage in dict.fromkeys(each.stage for each in first[0].stages):
        sides = [[_texts_by_kind(run, stage) for run in side] for side in (first, second)]
        for what in sorted(set.intersection(*(set(texts) for side in sides for texts in side))):
            common = [_common_lines(texts[what] for texts in side) for side in sides]
            found += _deviation(stage, what, _lines_that_look_alike(common[0] - common[1], common[1] - common[0]))
    return tuple(found)


def _texts_by_kind(behaviour: Behaviour, stage: str) -> dict[str, Counter[str]]:
    """Return all texts of a *stage* in which something may be hidden, by the kind of the deviation.

    Times are left out: those of two short runs are often equal by chance.
    """
    texts: dict[str, Counter[str]] = {}
    for each in behaviour.in_stages({stage}).stages:
        texts = {what: Counter(map(_without_times, getattr(each, what))) for what in _BY_LINE}
        texts["requests"] = Counter(f"{request.method} {_without_times(request.target)}" for request in each.requests)
        texts[_BODY] = Counter(f"{_line(request)} {_without_times(request.body)}" for request in each.requests)
        for request in each.requests:
            for name, value in request.headers:
                texts.setdefault(f"request header {name}", Counter())[_without_times(value)] += 1
    return texts


def _common_lines(runs: Iterable[Counter[str]]) -> Counter[str]:
    return reduce(and_, runs)


def _lines_that_look_alike(first: Counter[str], second: Counter[str]) -> tuple[list[str], list[str]]:
    """Return the lines of each side that look like a line of the other; a recorded line without digest looks like any.

    So a line that is normalized already counts on no side.
    """
    first, second = (
        Counter({line: count for line, count in side.items() if normalize_text(line) != line})
        for side in (first, second)
    )
    looks = {normalize_text(line) for line in first} & {normalize_text(line) for line in second}
    found = (sorted(line for line in side.elements() if normalize_text(line) in looks) for side in (first, second))
    return next(found), next(found)


def _without_times(text: str) -> str:
    return _DATE.sub("#", _ONLY_TIME.sub("#", text))


def normalize_text(text: str) -> str:
    """Return *text* without what is new in each run."""
    return _DATE.sub("#", _VOLATILE.sub("#", text))


def normalize_behaviour(
    behaviour: Behaviour, noise: Iterable[Deviation] = (), again: Behaviour | None = None
) -> Behaviour:
    """Return *behaviour* to be recorded: without *noise* and what is new in each run, and in one order.

    A digest in a line that another run of the same set has *again* is not new in each run, and stays.
    """
    noisy = {(deviation.stage, deviation.what) for deviation in noise}
    others = {} if again is None else {stage.stage: stage for stage in again.stages}
    return Behaviour(
        stages=tuple(_normalize_stage(stage, noisy, others.get(stage.stage)) for stage in behaviour.stages)
    )


def _normalize_stage(
    stage: StageBehaviour, noisy: set[tuple[str, str]], again: StageBehaviour | None
) -> StageBehaviour:
    def lines(what: str) -> tuple[str, ...]:
        if (stage.stage, what) in noisy:
            return ()
        steady = frozenset() if again is None else frozenset(getattr(again, what))
        texts = [_ONLY_TIME.sub("#", line) if line in steady else normalize_text(line) for line in getattr(stage, what)]
        in_order = what in _IN_ORDER and (stage.stage, f"{_ORDER_OF}{what}") not in noisy
        return tuple(texts if in_order else sorted(texts))

    requests = (
        []
        if (stage.stage, "requests") in noisy
        else [_normalize_request(stage.stage, each, noisy) for each in stage.requests]
    )
    return replace(
        stage,
        output=lines("output"),
        errors=lines("errors"),
        warnings=lines("warnings"),
        logs=lines("logs"),
        exits=lines("exits"),
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
