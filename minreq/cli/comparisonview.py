"""What ``minreq verify --against-full`` shows: the tests that differ, what they missed, and what covers it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minreq.counts import pluralize
from minreq.model import Frame
from minreq.model.parsing import shorten

if TYPE_CHECKING:
    from minreq.verify.comparison import DifferingTest, FullComparison
    from minreq.verify.missing import Miss
    from minreq.verify.outcomes import Outcome, RunOutcomes

#: How many tests with one cause, and how many that pass nowhere, the text names.
_FIRST, _FIRST_NOWHERE = 10, 3
_WORDS = {
    "failed": "fails",
    "error": "fails in a fixture",
    "skipped": "is skipped",
    "xfailed": "fails as expected (xfail)",
    "interrupted": "is interrupted",
    "not collected": "is not collected",
    "did not run": "did not run",
}


def format_lines(comparison: FullComparison) -> Iterator[str]:
    """Yield the lines of the result; nothing where no test differs."""
    only_full = [each for each in comparison.differing if each.full.passes]
    only_locked = [each for each in comparison.differing if not each.full.passes]
    if comparison.deviations:
        yield f"{comparison.command} does not do the same on the lock:"
        yield from (f"  {sentence}" for sentence in comparison.deviations)
        yield from _format_misses(comparison.differing[0].misses, comparison.differing, is_steady=True)
    else:
        yield from _format_section("only with all declared distributions", "on the lock", only_full)
    yield from _format_section("only on the lock", "with all declared distributions", only_locked)
    yield from _format_section(
        "now and then, which shows nothing about the lock", "once", comparison.flaky, is_steady=False
    )
    if names := sorted({miss.distribution for each in comparison.differing if each.is_covered for miss in each.misses}):
        yield f"`minreq lock {' '.join(f'--include {name}' for name in names)}` keeps what they missed."


def summarize(comparison: FullComparison) -> str:
    """Return what was compared, and how much of it passed."""
    declared, installed = (
        f"all {pluralize(comparison.declared, 'declared distribution')}",
        f"the {comparison.installed} of the lock",
    )
    if not comparison.is_pytest:
        return f"{comparison.command} ends the same and prints the same with {declared} and on {installed}"
    both = [test for test, outcome in comparison.full.tests.items() if outcome.passes]
    both = [test for test in both if comparison.locked.find(test).passes]
    return f"{_format_count(len(both))} with {declared} and on {installed}"


def format_notes(comparison: FullComparison) -> Iterator[str]:
    """Yield what the user should know of a comparison beside its result."""
    if not comparison.is_pytest:
        yield f"{comparison.command} does not run pytest: its exit status, output, warnings and requests are compared"
        return
    nowhere = [
        (test, outcome)
        for test, outcome in (*comparison.full.tests.items(), *comparison.full.uncollected.items())
        if outcome.status in {"failed", "error", "interrupted"} and not comparison.locked.find(test).passes
    ]
    if nowhere:
        first = "; ".join(f"{test}: {outcome.text}" for test, outcome in nowhere[:_FIRST_NOWHERE])
        more = f"; and {len(nowhere) - _FIRST_NOWHERE} more" if len(nowhere) > _FIRST_NOWHERE else ""
        verb = "fails" if len(nowhere) == 1 else "fail"
        yield f"{pluralize(len(nowhere), 'test')} {verb} in both, which shows nothing about the lock: {first}{more}"
        if any("Read-only file system" in outcome.text for _, outcome in nowhere):
            yield "the folder of the tests is read-only; let them write into tmp_path"


def _format_count(number: int) -> str:
    """Return ``1 test passes``, ``2 tests pass``."""
    return f"{pluralize(number, 'test')} {'passes' if number == 1 else 'pass'}"


def list_reasons(comparison: FullComparison) -> Iterator[str]:
    """Yield a sentence for each reason why the lock does not hold."""
    total = len(comparison.tests)
    only_full = sum(each.full.passes for each in comparison.differing)
    for number, where in (
        (only_full, "with all declared distributions"),
        (len(comparison.differing) - only_full, "on the lock"),
    ):
        if number and comparison.is_pytest:
            yield f"{_format_count(number)} only {where}, of {total}"
    if comparison.deviations:
        yield f"{comparison.command} does something else than with all declared distributions"
    yield from comparison.faults


def to_json_data(comparison: FullComparison, lock: str) -> dict[str, Any]:
    """Return the result for ``--json``."""
    return {
        "lock": lock,
        "holds": comparison.holds,
        "command": comparison.command,
        "pytest": comparison.is_pytest,
        "declared": _to_counts(comparison, comparison.full, comparison.declared),
        "locked": _to_counts(comparison, comparison.locked, comparison.installed),
        "differing": [_to_test_data(each) for each in comparison.differing],
        "flaky": [_to_test_data(each) for each in comparison.flaky],
        "deviations": list(comparison.deviations),
        "faults": list(comparison.faults),
    }


def _format_section(title: str, where: str, tests: Sequence[DifferingTest], *, is_steady: bool = True) -> Iterator[str]:
    if not tests:
        return
    yield f"{_format_count(len(tests))} {title}:"
    groups: dict[tuple[str, tuple[Miss, ...], bool | None], list[DifferingTest]] = {}
    for each in tests:
        key = (_describe_ending(each, where), _without_test(each.misses), each.is_covered)
        groups.setdefault(key, []).append(each)
    for (ending, misses, _), members in groups.items():
        yield from (f"  {each.test}" for each in members[:_FIRST])
        if len(members) > _FIRST:
            yield f"  and {len(members) - _FIRST} more; --json has all"
        yield f"    {ending}"
        yield from _format_misses(misses, members, is_steady=is_steady)


def _describe_ending(each: DifferingTest, where: str) -> str:
    outcome = each.locked if each.full.passes else each.full
    return f"{_WORDS.get(outcome.status, outcome.status)} {where}{f': {shorten(outcome.text)}' if outcome.text else ''}"


def _without_test(misses: Iterable[Miss]) -> tuple[Miss, ...]:
    return tuple(replace(miss, test="") for miss in misses)


def _format_misses(misses: Sequence[Miss], members: Sequence[DifferingTest], *, is_steady: bool) -> Iterator[str]:
    """Yield what *members*, which have one cause, missed, and what covers it."""
    first = members[0]
    if not misses:
        if first.full.passes and is_steady:
            yield "    it asked for nothing that the lock leaves out"
        return
    for miss in misses:
        of = "" if miss.distribution == miss.module else f" of {miss.distribution}"
        yield f"    missed: {miss.module}{of}{f', at {_where(miss.frame)}' if miss.frame else ''}"
    includes = " ".join(f"--include {name}" for name in _names(misses))
    features = f"the feature {' and '.join(first.features)}, or " if first.features else ""
    if first.is_covered:
        yield f"    covered by: {features}{includes} (tried: with it on the lock, it passes)"
    elif first.is_covered is False:
        yield f"    that is not all: on the lock with {', '.join(_names(misses))} it does not pass either"


def _names(misses: Iterable[Miss]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(miss.distribution for miss in misses))


def _where(frame: Frame) -> str:
    return f"{frame.file}:{frame.line}"


def _to_counts(comparison: FullComparison, outcomes: RunOutcomes, distributions: int) -> dict[str, Any]:
    tests = dict(outcomes.count(comparison.tests)) if comparison.is_pytest else None
    return {"distributions": distributions, "tests": tests}


def _to_test_data(each: DifferingTest) -> dict[str, Any]:
    return {
        "test": each.test,
        "declared": _to_outcome_data(each.full),
        "locked": _to_outcome_data(each.locked),
        "missed": [
            {
                "distribution": miss.distribution,
                "module": miss.module,
                "file": miss.frame and miss.frame.file,
                "line": miss.frame and miss.frame.line,
                "function": miss.frame and miss.frame.function,
            }
            for miss in each.misses
        ],
        "features": list(each.features),
        "include": list(_names(each.misses)),
        "covered": each.is_covered,
    }


def _to_outcome_data(outcome: Outcome) -> dict[str, Any]:
    return {"status": outcome.status, "text": outcome.text}
