"""Run a command of the user with all declared distributions and on the lock, and find what differs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from packaging.utils import canonicalize_name

from minreq import interpreter as runtime
from minreq.config import VerifySettings
from minreq.errors import InvalidOptions, NoTestPasses, SmokeFailed, SmokeTimedOut
from minreq.lockfile import edits as edited
from minreq.minimize.compare import Deviation, describe, find_deviations
from minreq.minimize.noise import subtract_noise
from minreq.model import Behaviour, Command
from minreq.profiles import planner
from minreq.reporting import Reporter, Step
from minreq.smoke.absentfile import explain_hidden_file, explain_read_only_file
from minreq.system import regularfile
from minreq.task import fromlock
from minreq.verify.causes import CauseFinder
from minreq.verify.commandrun import CommandRun, run_command
from minreq.verify.comparison import FullComparison
from minreq.verify.deviations import describe_other_platform
from minreq.verify.environments import ComparedEnvironment, ComparisonTask, Environments, FoundFiles, find_files
from minreq.verify.outcomes import Outcome, RunOutcomes, find_differing
from minreq.verify.sources import open_sources

#: Further runs of tests that differ without a known cause: one that passes now and then seldom ends the same in all.
_MAX_REPETITIONS = 3
_PYTEST = canonicalize_name("pytest")


def compare_with_full(settings: VerifySettings, reporter: Reporter) -> FullComparison:
    """Run the command of *settings* with all that the lock on disk declares, and on the lock; nothing is written.

    Raises ``NoTestPasses``, ``SmokeFailed`` or ``SmokeTimedOut`` where the command does not work with everything, and
    every other branch of ``MinreqError``.
    """
    task = _read_task(settings)
    if place := describe_other_platform(task.lock, task.interpreter.platform):
        reporter.note(place)
    with (
        open_sources(settings, task.lock, task.interpreter, reporter) as sources,
        ExitStack() as stack,
    ):
        found = find_files(task, sources, reporter, stack)
        return _Comparer(found=found, reporter=reporter).compare()


def _read_task(settings: VerifySettings) -> ComparisonTask:
    lock, text = fromlock.read_lock(settings.lock)
    profile = fromlock.find_profile(lock, settings.lock)
    python = settings.python or settings.interpreter
    # The tree may belong to the user: nothing is written into it.
    environment = {**(profile.environment if profile else {}), "PYTHONDONTWRITEBYTECODE": "1"}
    return ComparisonTask(
        settings=settings,
        lock=lock,
        text=text,
        interpreter=runtime.find_interpreter(Path(python) if python else None),
        profile=profile,
        plan=planner.make_command_plan(_make_command(settings.against_full or ""), environment),
        edits=edited.find_edits(lock, text, filename=settings.lock.name),
    )


def _make_command(text: str) -> Command:
    """Return the command line *text*, to be run in the working directory; a Python file is run by ``python``."""
    if regularfile.is_file(Path(text)):
        return Command(words=("python", text), folder=Path.cwd())
    try:
        program, *arguments = shlex.split(text)
    except ValueError as error:
        raise InvalidOptions([f"--against-full {text!r} is no command line: {error}"]) from error
    return Command(words=(Path(program).name, *arguments), folder=Path.cwd())


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Tells tests that differ from those that pass now and then."""

    full: RunOutcomes
    locked: RunOutcomes
    #: Runs the given tests, or all, in both environments.
    run: Callable[[Sequence[str] | None], tuple[RunOutcomes, RunOutcomes]]

    def find_steady(self, tests: Sequence[str]) -> tuple[frozenset[str], frozenset[str]]:
        """Return those of *tests* that end alone as they did, and those that do so together with all others.

        A test may need what others leave behind. The second are looked for among the rest of the first.
        """
        alone = self._end_again(tests, tests)
        others = [test for test in tests if test not in alone]
        return alone, self._end_again(others, None) if others else frozenset()

    def find_varying(self, tests: Sequence[str]) -> frozenset[str]:
        """Return those of *tests* that end differently in further runs."""
        left = tuple(tests)
        for _ in range(_MAX_REPETITIONS):
            steady = self._end_again(left, left) if left else frozenset()
            left = tuple(test for test in left if test in steady)
        return frozenset(tests).difference(left)

    def _end_again(self, tests: Iterable[str], selected: Sequence[str] | None) -> frozenset[str]:
        again = self.run(selected)
        firsts = (self.full, self.locked)
        return frozenset(
            test
            for test in tests
            if all(first.find(test).passes == run.find(test).passes for first, run in zip(firsts, again, strict=True))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparer:
    """Runs the command in both environments, as often as it takes to know what differs."""

    found: FoundFiles
    reporter: Reporter

    @property
    def _task(self) -> ComparisonTask:
        return self.found.task

    def compare(self) -> FullComparison:
        """Run, compare, and find what each differing test missed.

        A tool that replaces parts of what the program imports, such as a mock of its network, has to import the same.
        So the tools get no copies of their own if more passes then, or if nothing passes on the lock: a test may import
        a tool that the program declares too.
        """
        shared = self.found.tools.shared
        with self.found.open_environments() as environments:
            full = self._run(environments.full)
            if full.result.passed or not shared:
                locked = self._run_locked(environments, full)
                if _count_passing(locked) or not shared - self.found.locked.names:
                    return self._compare(environments, full, locked)
        with self.found.open_environments(joined=True) as environments:
            joined = self._run(environments.full)
            if _count_passing(joined) > _count_passing(full) or full.result.passed:
                self._note_joined()
                return self._compare(environments, joined, self._run_locked(environments, joined))
        with self.found.open_environments() as environments:
            return self._compare(environments, full, self._run_locked(environments, full))

    def _note_joined(self) -> None:
        shared = self.found.tools.shared
        hidden = sorted(shared - self.found.locked.names)
        self.reporter.note(
            f"too little passes where the tools have copies of {', '.join(sorted(shared))}; they use the program's now"
            + (f", so no run shows whether the program needs {', '.join(hidden)}" if hidden else "")
        )

    def _run(self, environment: ComparedEnvironment, selected: Sequence[str] | None = None) -> CommandRun:
        self.reporter.began(Step.COMPARE, environment.label)
        is_full = environment.name == "full"
        return run_command(environment, self._task.lock, selected=selected, is_timeout_final=is_full)

    def _run_locked(self, environments: Environments, full: CommandRun) -> CommandRun:
        """Run the command on the lock, and record what it misses; raise an error if it does not work at all."""
        _check_full(full, self._task)
        absent = environments.absent
        if full.outcomes.is_pytest and _PYTEST in absent.names - self.found.tools.names:
            sentence = f"{self._task.settings.lock} has no pytest, so the command cannot run there"
            raise InvalidOptions([f"{sentence}; add --smoke-with pytest"])
        self.reporter.began(Step.COMPARE, environments.locked.label)
        return run_command(environments.locked, self._task.lock, absent=absent)

    def _compare(self, environments: Environments, full: CommandRun, locked: CommandRun) -> FullComparison:
        comparison = FullComparison(
            lock=self._task.lock,
            command=self._task.settings.against_full or "",
            declared=len(environments.full.installed),
            installed=len(self.found.locked.names),
            full=full.outcomes,
            locked=locked.outcomes,
            faults=self.found.faults,
        )
        if not full.outcomes.is_pytest:
            return self._compare_behaviour(environments, full, locked, comparison)
        differing = find_differing(full.outcomes, locked.outcomes)
        if not differing:
            return comparison
        repetition = Repetition(full=full.outcomes, locked=locked.outcomes, run=partial(self._repeat, environments))
        alone, together = repetition.find_steady(differing)
        causes = CauseFinder(task=self._task, environments=environments, reporter=self.reporter)
        tests = {test: causes.explain(test, full.outcomes.find(test), locked) for test in differing}
        found = causes.try_covering([tests[test] for test in differing if test in alone | together])
        unexplained = [each.test for each in found if not each.is_covered and each.test in alone]
        varying = repetition.find_varying(unexplained)
        return replace(
            comparison,
            differing=tuple(each for each in found if each.test not in varying),
            flaky=tuple(tests[test] for test in differing if test not in alone | together or test in varying),
        )

    def _compare_behaviour(
        self, environments: Environments, full: CommandRun, locked: CommandRun, comparison: FullComparison
    ) -> FullComparison:
        """Return *comparison* with what a command that is not pytest does differently on the lock, in two runs."""
        found = find_deviations(_behaviour(full), _behaviour(locked))
        if not found:
            return comparison
        noise = find_deviations(_behaviour(full), _behaviour(self._run(environments.full)))

        def find_beyond_noise(run: CommandRun) -> tuple[Deviation, ...]:
            return subtract_noise(find_deviations(_behaviour(full), _behaviour(run)), noise, by_word=True)

        def find_outcome(run: CommandRun, _command: str) -> Outcome:
            beyond = find_beyond_noise(run)
            missing = tuple((module, run.result.importers.get(module)) for module in run.result.missing_modules)
            return Outcome(status="failed" if beyond else "passed", missing=missing)

        again = {(each.stage, each.what) for each in find_beyond_noise(self._run(environments.locked))}
        found = tuple(each for each in find_beyond_noise(locked) if (each.stage, each.what) in again)
        if not found:
            return comparison
        causes = CauseFinder(
            task=self._task, environments=environments, reporter=self.reporter, find_outcome=find_outcome
        )
        command = causes.explain(comparison.command, Outcome(status="passed"), locked)
        return replace(comparison, differing=causes.try_covering([command]), deviations=tuple(map(describe, found)))

    def _repeat(self, environments: Environments, selected: Sequence[str] | None) -> tuple[RunOutcomes, RunOutcomes]:
        full, locked = (self._run(each, selected) for each in (environments.full, environments.locked))
        return full.outcomes, locked.outcomes


def _check_full(run: CommandRun, task: ComparisonTask) -> None:
    """Raise an error where the command does not work with everything that is declared."""
    stage, status = run.result.behaviour.stage, run.result.behaviour.status
    if run.result.ended_by == "timeout":
        raise SmokeTimedOut(stage, task.settings.timeout)
    hint = explain_read_only_file(run.result) or explain_hidden_file(run.result)
    hint = hint or "repair the command, or name its tools with --smoke-with"
    if not run.outcomes.is_pytest:
        if not run.result.passed:
            raise SmokeFailed(stage, status, run.result.traceback, hint)
        return
    if not _count_passing(run):
        first = next((each for each in (*run.outcomes.tests.items(), *run.outcomes.uncollected.items())), None)
        why = f"{first[0]}: {first[1].text}" if first else run.outcomes.ending
        raise NoTestPasses(stage, len(run.outcomes.collected), why)


def _count_passing(run: CommandRun) -> int:
    """Return how many tests pass; of another command, 1 if it does."""
    if not run.outcomes.is_pytest:
        return int(run.result.passed)
    return sum(outcome.passes for outcome in run.outcomes.tests.values())


def _behaviour(run: CommandRun) -> Behaviour:
    return Behaviour(stages=(run.result.behaviour,))
