"""How the tests of one run ended, from what pytest reports; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from minreq.model import Frame
from minreq.smoke.pytestevents import PytestEvent

#: ``error``: a fixture failed. ``not collected``: pytest did not find it. ``interrupted``: it ended with its process.
Status = Literal[
    "passed", "failed", "error", "skipped", "xfailed", "xpassed", "interrupted", "not collected", "did not run"
]

#: Returns the name of a file, the same on every machine; ``None`` for files of Python, of the tools and of minreq.
NameFile = Callable[[str], str | None]

_PASSING: frozenset[Status] = frozenset({"passed", "xpassed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one test ended."""

    status: Status
    #: One line: why it did not pass.
    text: str = ""
    #: The modules whose failed imports led to the failure, each with the place that imports it, if it is known.
    missing: tuple[tuple[str, Frame | None], ...] = ()

    @property
    def passes(self) -> bool:
        """Whether the test passes; one that is skipped, or expected to fail, does not."""
        return self.status in _PASSING


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcomes:
    """How the tests of one run, or of several that went on where the one before ended, ended."""

    #: Whether pytest began.
    is_pytest: bool = False
    #: The tests that pytest was about to run, in its order.
    collected: tuple[str, ...] = ()
    #: By node ID. A collected test that is missing here did not run.
    tests: Mapping[str, Outcome] = field(default_factory=dict)
    #: By node ID: the files, classes and folders that could not be collected.
    uncollected: Mapping[str, Outcome] = field(default_factory=dict)
    #: How the run as a whole ended: why tests did not run, if some did not.
    ending: str = ""

    @property
    def remaining(self) -> tuple[str, ...]:
        """The collected tests that did not run."""
        return tuple(test for test in self.collected if test not in self.tests)

    def count(self, tests: Iterable[str]) -> Mapping[Status, int]:
        """Return how many of *tests* ended in each way: the passed ones first, the others by name."""
        counts: dict[Status, int] = {"passed": 0}
        for status in sorted(self.find(test).status for test in tests):
            counts[status] = counts.get(status, 0) + 1
        return counts

    def find(self, test: str) -> Outcome:
        """Return how *test* ended; if it was not collected or did not run, why."""
        if test in self.tests:
            return self.tests[test]
        if test in self.collected:
            return Outcome(status="did not run", text=self.ending)
        node = next((each for each in nodes_around(test) if each in self.uncollected), None)
        if node is not None:
            cause = self.uncollected[node]
            return replace(cause, status="skipped" if cause.status == "skipped" else "not collected")
        return Outcome(status="not collected", text=self.ending)

    def join(self, later: RunOutcomes) -> RunOutcomes:
        """Return the outcomes with those of a *later* run, which went on with the tests that remained."""
        return replace(
            self,
            tests={**self.tests, **later.tests},
            uncollected={**later.uncollected, **self.uncollected},
            ending=later.ending,
        )


def nodes_around(test: str) -> Iterator[str]:
    """Yield the classes, the file and the folders that hold *test*, the innermost first."""
    # The values of the parameters may have any text.
    path, separator, rest = test.partition("::")
    names = rest.partition("[")[0].split("::") if separator else []
    for length in range(len(names) - 1, -1, -1):
        yield "::".join((path, *names[:length]))
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
    yield "."
    yield ""


def name_frame(frame: Frame | None, name_file: NameFile) -> Frame | None:
    """Return *frame* with the name of its file; ``None`` where that has none."""
    name = None if frame is None else name_file(frame.file)
    return None if frame is None or name is None else replace(frame, file=name)


def read_outcomes(
    events: Iterable[PytestEvent],
    *,
    ending: str = "",
    name_file: NameFile = lambda file: file,
    make_portable: Callable[[str], str] = lambda text: text,
) -> RunOutcomes:
    """Return how the tests ended that *events* report; *ending* says how the run as a whole ended.

    *make_portable* returns a text without what depends on the machine.

    A message may come twice, and each part of a test has one: the worst counts.
    """
    events = tuple(events)
    reports: dict[str, list[PytestEvent]] = {}
    errors: dict[str, PytestEvent] = {}
    begun: dict[str, None] = {}
    for event in events:
        if event.kind == "report":
            event = replace(event, text=make_portable(event.text))  # noqa: PLW2901 - The same event.
            reports.setdefault(event.test, []).append(event)
        elif event.kind == "error":
            missing = tuple((module, name_frame(frame, name_file)) for module, frame in event.missing)
            errors[event.test] = replace(event, text=make_portable(event.text), missing=missing)
        elif event.kind == "begin":
            begun[event.test] = None
        elif event.kind == "end":
            begun.pop(event.test, None)
    tests, uncollected = dict[str, Outcome](), dict[str, Outcome]()
    for test, parts in reports.items():
        target = uncollected if parts[0].when == "collect" else tests
        if outcome := _outcome(parts, errors.get(test)):
            target[test] = outcome
    # What has begun and not ended, ended with its process; a teardown may hang after the test has passed.
    for test in begun:
        if test not in tests or tests[test].passes:
            tests[test] = Outcome(status="interrupted", text=ending)
    return RunOutcomes(
        is_pytest=any(event.kind == "session" for event in events),
        collected=tuple(dict.fromkeys(test for event in events for test in event.tests)),
        tests=tests,
        uncollected=uncollected,
        ending=ending,
    )


def _outcome(parts: Sequence[PytestEvent], error: PytestEvent | None) -> Outcome | None:
    """Return the outcome of a test from the reports of its *parts*; ``None`` before its end."""
    failed = next((part for part in parts if part.outcome == "failed"), None)
    if failed is not None:
        is_collection = failed.when == "collect"
        text = error.text if is_collection and error is not None and error.text else failed.text
        missing = () if error is None else error.missing
        return Outcome(status="error" if failed.when in {"setup", "teardown"} else "failed", text=text, missing=missing)
    skipped = next((part for part in parts if part.outcome == "skipped"), None)
    if skipped is not None:
        return Outcome(status="xfailed" if skipped.expected else "skipped", text=skipped.text)
    call = next((part for part in parts if part.when == "call" and part.outcome == "passed"), None)
    return None if call is None else Outcome(status="xpassed" if call.expected else "passed")


def find_differing(full: RunOutcomes, locked: RunOutcomes) -> tuple[str, ...]:
    """Return the tests that pass in one of two runs alone, in the order of pytest."""
    return tuple(test for test in all_tests(full, locked) if full.find(test).passes != locked.find(test).passes)


def all_tests(*runs: RunOutcomes) -> tuple[str, ...]:
    """Return the tests that one of *runs* has, in the order of the first."""
    return tuple(dict.fromkeys(test for run in runs for test in (*run.collected, *run.tests)))
