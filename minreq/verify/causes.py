"""Find what a test missed on the lock, and try whether the test passes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName

from minreq.model import find_required
from minreq.profiles import planner
from minreq.reporting import Reporter, Step
from minreq.verify.commandrun import CommandRun, run_command
from minreq.verify.comparison import DifferingTest
from minreq.verify.environments import ComparisonTask, Environments
from minreq.verify.missing import choose_misses
from minreq.verify.outcomes import Outcome

#: A test that has what it missed may miss more: so often more is added.
_MAX_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseFinder:
    """Explains tests that pass with everything that is declared, and not on the lock."""

    task: ComparisonTask
    environments: Environments
    reporter: Reporter
    #: Returns how a test of a run ended.
    find_outcome: Callable[[CommandRun, str], Outcome] = lambda run, test: run.outcomes.find(test)

    def explain(self, test: str, full: Outcome, locked: CommandRun) -> DifferingTest:
        """Return *test*, which ended as *full* with everything, with what it missed in the run on the lock."""
        outcome = self.find_outcome(locked, test)
        misses = () if outcome.passes else choose_misses(test, outcome, locked.misses, self.environments.absent)
        return self._with_features(DifferingTest(test=test, full=full, locked=outcome, misses=misses))

    def try_covering(self, tests: Sequence[DifferingTest]) -> tuple[DifferingTest, ...]:
        """Run *tests* on the lock with all that they missed, and what that requires; and again if they miss more."""
        known = {each.test: each for each in tests}
        added: frozenset[NormalizedName] = frozenset()
        for _ in range(_MAX_ROUNDS):
            left = [each for each in known.values() if each.misses and not each.is_covered]
            new = self._close(miss.distribution for each in left for miss in each.misses) - added
            if not new:
                break
            added |= new
            known |= {each.test: each for each in self._run_with(added, left)}
        return tuple(known.values())

    def _run_with(self, added: frozenset[NormalizedName], tests: Sequence[DifferingTest]) -> Iterable[DifferingTest]:
        environment = self.environments.locked.with_added(added)
        absent = self.environments.absent.without(added)
        self.reporter.began(Step.COMPARE, environment.label)
        run = run_command(environment, self.task.lock, selected=[each.test for each in tests], absent=absent)
        for each in tests:
            outcome = self.find_outcome(run, each.test)
            more = () if outcome.passes else choose_misses(each.test, outcome, run.misses, absent, only_own=True)
            yield self._with_features(replace(each, is_covered=outcome.passes, misses=(*each.misses, *more)))

    def _close(self, names: Iterable[NormalizedName]) -> frozenset[NormalizedName]:
        """Return *names* and what they require, as far as the lock has not got it."""
        return find_required(self.task.lock.resolution.requires, names, self.environments.absent.names)

    def _with_features(self, each: DifferingTest) -> DifferingTest:
        profile, lock = self.task.profile, self.task.lock
        if profile is None:
            return each
        version = planner.root_version(profile, lock.resolution)
        adding = planner.distributions_of_features_not_run(profile, lock.stages, version)
        features = (feature for miss in each.misses for feature in adding.get(miss.distribution, ()))
        return replace(each, features=tuple(dict.fromkeys(features)))
