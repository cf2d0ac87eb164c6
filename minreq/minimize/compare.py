"""Compare the behaviour of two runs, stage by stage; pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from minreq.minimize.volatiletext import PLACEHOLDER, mask_numbers, normalize_text, split_volatile
from minreq.model import Behaviour, RecordedRequest, StageBehaviour

#: The kind of a deviation where requests have the same targets and other bodies.
BODY = "request body"
#: Headers that depend on the body.
BODY_HEADERS = frozenset({"content-digest", "content-length", "content-md5", "digest"})
#: What is compared line by line, so that a line that varies hides no other.
BY_LINE = ("output", "errors", "warnings", "logs")
#: Of these, what one reader sees from top to bottom. The order of the others depends on threads.
IN_ORDER = frozenset({"output", "errors"})
#: The beginning of the kind of a deviation in which the same lines come in another order.
ORDER_OF = "order of "
#: The beginning of the kind of a deviation in what is the same in both of two lines that vary.
VARYING_LINES_OF = "varying lines of "
#: How a process ended, and the line that waited for it.
_EXIT = re.compile(r"exit -?\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """One thing that a stage did differently in two runs."""

    stage: str
    #: ``output`` and ``errors`` (lines on stdout and stderr), ``order of output``, ``order of errors``, ``warnings``,
    #: ``logs``, ``varying lines of output`` (of errors, warnings, logs), ``connections``, ``exits``, ``status``,
    #: ``requests`` (methods and targets), ``request body``, ``request header user-agent``.
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
    return what.startswith(ORDER_OF)


def concerns_varying_lines(what: str) -> bool:
    """Whether the deviations of the kind *what* are about a part of lines of which another part varies."""
    return what.startswith(VARYING_LINES_OF)


def differs_in_numbers(deviation: Deviation) -> bool:
    """Whether the two sides of *deviation* differ only in numbers and in what looks new in each run, as clocks do."""
    numbers, rest = split_numbers(deviation)
    return numbers is not None and rest is None


def split_numbers(deviation: Deviation) -> tuple[Deviation | None, Deviation | None]:
    """Return *deviation* in the lines that differ only in numbers and what looks new in each run, and in the rest."""
    first, second = deviation.first.splitlines(), deviation.second.splitlines()
    alike = Counter(map(mask_numbers, first)) & Counter(map(mask_numbers, second))
    lines, rest = zip(*(_take_lines(side, alike) for side in (first, second)), strict=True)
    return _of_lines(deviation, lines), _of_lines(deviation, rest)


def _take_lines(lines: Iterable[str], looks: Counter[str]) -> tuple[list[str], list[str]]:
    """Return those of *lines* that are in *looks* without their numbers, as often as they are there, and the others."""
    left, taken, others = looks.copy(), list[str](), list[str]()
    for line in lines:
        look = mask_numbers(line)
        (taken if left[look] else others).append(line)
        left[look] -= 1 if left[look] else 0
    return taken, others


def _of_lines(deviation: Deviation, sides: Sequence[Sequence[str]]) -> Deviation | None:
    first, second = ("\n".join(side) for side in sides)
    return replace(deviation, first=first, second=second) if first or second else None


def _compare_stage(first: StageBehaviour, second: StageBehaviour) -> Iterator[Deviation]:
    if first.status != second.status:
        yield Deviation(stage=first.stage, what="status", first=first.status, second=second.status)
    for what in (*BY_LINE, "connections"):
        lines, other = (list(map(normalize_text, _lines_to_compare(stage, what))) for stage in (first, second))
        yield from _deviation(first.stage, what, _lines_on_one_side(lines, other))
        if what in IN_ORDER:
            yield from _deviation(first.stage, f"{ORDER_OF}{what}", _lines_in_other_order(lines, other))
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
    yield from _deviation(first.stage, BODY, bodies)
    # The lines are equal now. Sorting pairs each request with its like, although threads send them in any order.
    sort_key = _sort_key_by_headers if any(bodies) else sort_request_key
    for a, b in zip(sorted(first.requests, key=sort_key), sorted(second.requests, key=sort_key), strict=True):
        names = {name for name, _ in (*a.headers, *b.headers)}
        for name in sorted(names - BODY_HEADERS if any(bodies) else names):
            values = _header_value(a, name), _header_value(b, name)
            if values[0] != values[1]:
                yield Deviation(stage=first.stage, what=f"request header {name}", first=values[0], second=values[1])


def sort_request_key(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a key by all that is compared of *request*."""
    return _line_and_body(request), tuple((name, normalize_text(value)) for name, value in request.headers)


def _sort_key_by_headers(request: RecordedRequest) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return a key that pairs requests by their headers, for requests whose bodies differ."""
    headers = ((name, value) for name, value in request.headers if name not in BODY_HEADERS)
    return _line(request), tuple((name, normalize_text(value)) for name, value in headers)


def _line(request: RecordedRequest) -> str:
    return f"{request.method} {normalize_text(request.target)}"


def _line_and_body(request: RecordedRequest) -> str:
    return f"{_line(request)} {normalize_text(request.body)}"


def _header_value(request: RecordedRequest, name: str) -> str:
    return ", ".join(normalize_text(value) for key, value in request.headers if key == name)


def find_deviations_in_volatile_text(
    first: Sequence[Behaviour], second: Sequence[Behaviour], now: float | None = None
) -> tuple[Deviation, ...]:
    """Return the deviations that `find_deviations` does not see, since they look like what is new in each run.

    Each side is one run or several runs of one kind; only what all runs of a side that have the stage show counts. A
    text counts if it is equal within a side and differs between the sides. The moment *now*, in seconds since 1970, is
    the clock, and does not count.
    """
    found: list[Deviation] = []
    for stage in dict.fromkeys(each.stage for each in first[0].stages):
        sides = [[texts for run in side if (texts := _texts_by_kind(run, stage))] for side in (first, second)]
        if all(sides):
            for what in sorted(set.intersection(*(set(texts) for side in sides for texts in side))):
                first_lines, second_lines = ([run[what] for run in side] for side in sides)
                found += _deviation(stage, what, _volatile_lines(first_lines, second_lines, now))
    return tuple(found)


def _texts_by_kind(behaviour: Behaviour, stage: str) -> dict[str, list[str]]:
    """Return all texts of a *stage* in which something may be hidden, by the kind of the deviation."""
    texts: dict[str, list[str]] = {}
    for each in behaviour.in_stages({stage}).stages:
        texts = {what: list(getattr(each, what)) for what in BY_LINE}
        texts["requests"] = [f"{request.method} {request.target}" for request in each.requests]
        texts[BODY] = [f"{_line(request)} {request.body}" for request in each.requests]
        for request in each.requests:
            for name, value in request.headers:
                texts.setdefault(f"request header {name}", []).append(value)
    return texts


#: By line without what looks new in each run, and by the place in it: the texts that stand there.
VolatileParts = Mapping[tuple[str, int], Counter[str]]


def collect_volatile_parts(lines: Iterable[str], now: float | None = None) -> VolatileParts:
    """Return what looks new in each run in *lines*; see `split_volatile` for *now*."""
    found: dict[tuple[str, int], Counter[str]] = {}
    for line in lines:
        look, parts = split_volatile(line, now)
        for place, part in enumerate(parts):
            found.setdefault((look, place), Counter())[part] += 1
    return found


def _volatile_lines(
    first: Sequence[Sequence[str]], second: Sequence[Sequence[str]], now: float | None
) -> tuple[list[str], list[str]]:
    """Return the lines of each side with a part that only this side has; each side is the lines of some runs.

    A placeholder is equal to any text.
    """
    sides = [
        reduce(keep_common_parts, (collect_volatile_parts(lines, now) for lines in side)) for side in (first, second)
    ]
    places = sides[0].keys() & sides[1].keys()
    only = [
        {place: _without_placeholder(sides[one][place] - sides[other][place]) for place in places}
        for one, other in ((0, 1), (1, 0))
    ]
    differing = {place for place in places if all(each[place] for each in only)}
    return _lines_with(first[0], only[0], differing), _lines_with(second[-1], only[1], differing)


def keep_common_parts(one: VolatileParts, other: VolatileParts) -> VolatileParts:
    """Return what both have, as often as both have it."""
    return {place: and_(one[place], other[place]) for place in one.keys() & other.keys()}


def _without_placeholder(parts: Counter[str]) -> Counter[str]:
    return Counter({part: count for part, count in parts.items() if part != PLACEHOLDER})


def _lines_with(
    lines: Iterable[str], parts: Mapping[tuple[str, int], Counter[str]], places: Iterable[tuple[str, int]]
) -> list[str]:
    """Return those of *lines* that have one of *parts* at one of *places*, sorted."""
    wanted = {(*place, part) for place in places for part in parts[place]}
    found = []
    for line in lines:
        look, texts = split_volatile(line)
        if any((look, place, text) in wanted for place, text in enumerate(texts)):
            found.append(line)
    return sorted(found)
