"""Run a command of the user with all declared distributions and on the lock, and find what differs."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import interpreter as runtime
from minreq.config import VerifySettings
from minreq.errors import NoTestPasses, SmokeFailed, SmokeTimedOut, SmokeUnusable
from minreq.lockfile import edits as edited
from minreq.minimize.compare import describe, find_deviations
from minreq.minimize.noise import subtract_noise
from minreq.model import Behaviour, Command, Lock
from minreq.profiles import planner
from minreq.reporting import Reporter, Step
from minreq.smoke.absentfile import explain_hidden_file, explain_read_only_file
from minreq.task import fromlock
from minreq.verify.commandrun import CommandRun, run_command
from minreq.verify.environments import ComparedEnvironment, ComparisonTask, Environments, FoundFiles, find_files
from minreq.verify.missing import Miss, choose_misses
from minreq.verify.outcomes import Outcome, RunOutcomes, find_differing
from minreq.verify.sources import open_sources


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingTest:
    """A test that passes in one of the two environments alone."""

    #: The node ID of pytest.
    test: str
    full: Outcome
    locked: Outcome
    #: What it missed on the lock, or probably did.
    misses: tuple[Miss, ...] = ()
    #: Whether it passes on the lock with what it missed; ``None``: not tried.
    is_covered: bool | None = None
    #: Features of the profile that keep what it missed, and that the lock was made without.
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FullComparison:
    """What a command does with all declared distributions, and on the lock."""

    lock: Lock
    command: str
    #: Numbers of distributions, without the tools.
    declared: int
    installed: int
    #: Of commands that do not run pytest there are no tests.
    full: RunOutcomes
    locked: RunOutcomes
    differing: tuple[DifferingTest, ...] = ()
    #: Tests that pass now and then, in one of the environments or in both.
    flaky: tuple[DifferingTest, ...] = ()
    #: A sentence for each difference of a command that does not run pytest.
    deviations: tuple[str, ...] = ()
    #: Sentences on what is wrong with the lock itself.
    faults: tuple[str, ...] = ()

    @property
    def is_pytest(self) -> bool:
        """Whether the command runs pytest, so that its tests are compared one by one."""
        return self.full.is_pytest

    @property
    def holds(self) -> bool:
        """Whether the command does the same on the lock."""
        return not (self.differing or self.deviations or self.faults)


def compare_with_full(settings: VerifySettings, reporter: Reporter) -> FullComparison:
    """Run the command of *settings* with all that the lock on disk declares, and on the lock; nothing is written.

    Raises ``NoTestPasses``, ``SmokeFailed`` or ``SmokeTimedOut`` where the command does not work with everything, and
    every other branch of ``MinreqError``.
    """
    task = _read_task(settings)
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
    if Path(text).is_file():
        return Command(words=("python", text), folder=Path.cwd())
    try:
        program, *arguments = shlex.split(text)
    except ValueError as error:
        raise SmokeUnusable(repr(text), f"it is no command line: {error}") from error
    return Command(words=(Path(program).name, *arguments), folder=Path.cwd())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparer:
    """Runs the command in both environments, as often as it takes to know what differs."""

    found: FoundFiles
    reporter: Reporter

    @property
    def _task(self) -> ComparisonTask:
        return self.found.task

    def compare(self) -> FullComparison:
        """Run, compare, and find what each differing test missed."""
        with self.found.open_environments() as environments:
            full = self._run(environments.full)
            if not (self.found.tools.shared and _fails_somewhere(full)):
                return self._compare(environments, full)
        # A tool that replaces parts of what the program imports, such as a mock of its network, has to import the same.
        with self.found.open_environments(joined=True) as environments:
            joined = self._run(environments.full)
            if _count_passing(joined) > _count_passing(full):
                names = ", ".join(sorted(self.found.tools.shared))
                self.reporter.note(
                    f"more passes where the tools have no copies of {names} of their own; "
                    "both environments have these now, so that no run shows whether the program needs them"
                )
                return self._compare(environments, joined)
        with self.found.open_environments() as environments:
            return self._compare(environments, full)

    def _run(self, environment: ComparedEnvironment, selected: Sequence[str] | None = None) -> CommandRun:
        self.reporter.began(Step.COMPARE, environment.label)
        is_full = environment.name == "full"
        return run_command(environment, self._task.lock, selected=selected, is_timeout_final=is_full)

    def _compare(self, environments: Environments, full: CommandRun) -> FullComparison:
        _check_full(full, self._task)
        self.reporter.began(Step.COMPARE, environments.locked.label)
        locked = run_command(environments.locked, self._task.lock, absent=environments.absent)
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
            return replace(comparison, deviations=self._find_deviations(environments, full, locked))
        differing = find_differing(full.outcomes, locked.outcomes)
        if not differing:
            return comparison
        steady = self._find_steady(environments, full, locked, differing)
        tests = {test: self._explain(test, environments, full, locked) for test in differing}
        found = self._try_covering(environments, [tests[test] for test in differing if test in steady])
        flaky = tuple(tests[test] for test in differing if test not in steady)
        return replace(comparison, differing=found, flaky=flaky)

    def _find_deviations(self, environments: Environments, full: CommandRun, locked: CommandRun) -> tuple[str, ...]:
        """Describe what a command that is not pytest does differently on the lock, and does so in a second run too."""
        expected, seen = _behaviour(full), _behaviour(locked)
        found = find_deviations(expected, seen)
        if found:
            noise = find_deviations(expected, _behaviour(self._run(environments.full)))
            found = subtract_noise(found, noise, by_word=True)
        if found:
            again = find_deviations(expected, _behaviour(self._run(environments.locked)))
            repeated = {(each.stage, each.what) for each in again}
            found = tuple(each for each in found if (each.stage, each.what) in repeated)
        return tuple(map(describe, found))

    def _find_steady(
        self, environments: Environments, full: CommandRun, locked: CommandRun, differing: Sequence[str]
    ) -> frozenset[str]:
        """Return those of *differing* that differ again: alone, or else together with all others."""
        pairs = [(full, environments.full), (locked, environments.locked)]

        def end_again(tests: Iterable[str], selected: Sequence[str] | None) -> frozenset[str]:
            runs = [(first, self._run(environment, selected)) for first, environment in pairs]
            return frozenset(
                test
                for test in tests
                if all(first.outcomes.find(test).passes == run.outcomes.find(test).passes for first, run in runs)
            )

        steady = end_again(differing, differing)
        others = [test for test in differing if test not in steady]
        # A test may need what others leave behind.
        return steady | end_again(others, None) if others else steady

    def _explain(self, test: str, environments: Environments, full: CommandRun, locked: CommandRun) -> DifferingTest:
        outcome = locked.outcomes.find(test)
        misses = () if outcome.passes else choose_misses(test, outcome, locked.misses, environments.absent)
        profile, lock = self._task.profile, self._task.lock
        names = dict.fromkeys(miss.distribution for miss in misses)
        features = [
            feature
            for name in names
            for feature in (planner.features_that_keep(profile, lock.stages, name) if profile else ())
        ]
        return DifferingTest(
            test=test,
            full=full.outcomes.find(test),
            locked=outcome,
            misses=misses,
            features=tuple(dict.fromkeys(features)),
        )

    def _try_covering(self, environments: Environments, tests: Sequence[DifferingTest]) -> tuple[DifferingTest, ...]:
        """Run *tests* on the lock with all that they missed, and what that requires."""
        requires = self._task.lock.resolution.requires
        added: set[NormalizedName] = set()
        waiting = [miss.distribution for each in tests for miss in each.misses]
        while waiting:
            name = waiting.pop()
            if name in environments.absent.names and name not in added:
                added.add(name)
                waiting += requires.get(name, ())
        if not added:
            return tuple(tests)
        run = self._run(environments.locked.with_added(added), [each.test for each in tests])
        return tuple(
            replace(each, is_covered=run.outcomes.find(each.test).passes) if each.misses else each for each in tests
        )


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
        why = f"{first[0]}: {first[1].text}" if first else status
        raise NoTestPasses(stage, len(run.outcomes.collected), why)


def _fails_somewhere(run: CommandRun) -> bool:
    return not run.result.passed


def _count_passing(run: CommandRun) -> int:
    """Return how many tests pass; of another command, 1 if it does."""
    if not run.outcomes.is_pytest:
        return int(run.result.passed)
    return sum(outcome.passes for outcome in run.outcomes.tests.values())


def _behaviour(run: CommandRun) -> Behaviour:
    return Behaviour(stages=(run.result.behaviour,))
