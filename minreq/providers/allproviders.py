"""What each provider needs beyond the import of the root, found in forks of one first stage.

A lock answers each question once for all providers. Here each provider has answers of its own, so that what one asks
for is never put on the account of another, and all of them still share the import, which is most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from packaging.utils import NormalizedName

from minreq.errors import MinreqError, SmokeFails
from minreq.minimize import Wishes, minimize
from minreq.minimize.observe import Laboratory
from minreq.minimize.trace import Decision
from minreq.model import Group
from minreq.providers.groups import Groups
from minreq.providers.search import Provision, Search
from minreq.reporting import Reporter
from minreq.smoke.running import Run

__all__ = ["Provision", "provisions"]

_NOBODY = Reporter()


def provisions(
    laboratory: Laboratory,
    base: frozenset[NormalizedName],
    declined: frozenset[NormalizedName],
    *,
    known: Callable[[Provision], None],
    reporter: Reporter = _NOBODY,
) -> None:
    """Find what each group of the plan needs beside *base*, on which the first stage passes.

    *known* is told each as soon as it stands, in whatever thread that is. *declined* is what the first stage asked for
    and does without. Where a provider needs that, the first stage would have had it too: it is run with it, and then
    the stages that asked. What does not pass so, or fails though nothing is left out, is minimized as a lock of that
    provider alone would be. Raises ``SmokeFails`` where the first stage does not pass.
    """
    groups = Groups(laboratory, declined)
    plan = laboratory.world.plan

    def searched(group: Group) -> Provision:
        found = Search(groups, run, group).provision()
        reporter.provided(found.provider, found.needs.keys(), found.failure)
        if _stands(found, declined):
            known(found)
        return found

    with _template(laboratory, "providers", base, groups) as run, ThreadPoolExecutor(laboratory.jobs + 1) as pool:
        # One more than there are processors, since stages wait too: for what they try again, and for the emulator.
        found = list(pool.map(searched, plan.groups))
    doubtful = [each for each in found if not _stands(each, declined)]
    for each in _standing_again(laboratory, base, declined, doubtful):
        known(each)
        doubtful.remove(each)
    for each in doubtful:
        known(_alone(laboratory, base, each))


def _stands(found: Provision, declined: frozenset[NormalizedName]) -> bool:
    """Whether it passed with nothing that the first stage, too, asked for and does without."""
    return not found.failure and declined.isdisjoint(found.needs)


@contextmanager
def _template(laboratory: Laboratory, name: str, paths: frozenset[NormalizedName], groups: Groups) -> Iterator[Run]:
    """Run the first stage with *paths*, and keep what it left for groups to begin with."""
    shared = sorted(laboratory.closure.import_map.shared)
    run = Run(
        laboratory.world,
        name,
        paths=laboratory.paths(paths),
        oracle=groups,
        shared=shared,
        forks=laboratory.jobs,
    )
    groups.bind(run.places, paths)
    with run:
        first = run.first_stage()
        if first is not None and not first.passed:
            raise SmokeFails(first.behaviour.stage, first.behaviour.status, first.traceback)
        yield run


def _standing_again(
    laboratory: Laboratory,
    base: frozenset[NormalizedName],
    declined: frozenset[NormalizedName],
    doubtful: Iterable[Provision],
) -> Iterator[Provision]:
    """Yield those that stand where the first stage is given what of their needs it asked for."""
    together: dict[frozenset[NormalizedName], list[Provision]] = {}
    for each in doubtful:
        if not each.failure:
            together.setdefault(declined.intersection(each.needs), []).append(each)
    for number, given in enumerate(sorted(together, key=sorted), 1):
        groups = Groups(laboratory, declined - given)
        with (
            suppress(SmokeFails),
            _template(laboratory, f"providers-again-{number}", base | given, groups) as run,
            ThreadPoolExecutor(laboratory.jobs + 1) as pool,
        ):
            passed = pool.map(partial(_passes, laboratory, groups, run), together[given])
            yield from (each for each, is_so in zip(together[given], passed, strict=True) if is_so)


def _passes(laboratory: Laboratory, groups: Groups, run: Run, found: Provision) -> bool:
    """Whether the stages that asked for what the first stage does without pass with its needs and nothing else."""
    (group,) = (each for each in laboratory.world.plan.groups if each.name == found.provider)
    trace = groups.begin(group.name, {name: Decision(accepted=True, reason="needed") for name in found.needs})
    results = run.run([script for script in group.scripts if script.stage in found.again])
    accepted = {name for name, answer in trace.answers().items() if answer.accepted}
    return all(result.passed for result in results) and accepted <= found.needs.keys()


def _alone(laboratory: Laboratory, base: frozenset[NormalizedName], found: Provision) -> Provision:
    """Return what a lock of the provider of *found* alone keeps beside *base*."""
    plan = laboratory.world.plan
    groups = tuple(group for group in plan.groups if group.name == found.provider)
    own = laboratory.running(replace(plan, groups=groups))
    try:
        minimum = minimize(own, Wishes(requested={}), _NOBODY)
    except MinreqError as error:
        return replace(found, needs={}, failure=found.failure or str(error).splitlines()[0])
    needs = {name: why for name, why in minimum.evidence.items() if name not in base}
    return replace(found, needs=needs, failure="")
