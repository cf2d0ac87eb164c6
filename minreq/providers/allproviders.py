"""Find what each provider needs beyond the import of the root, in forks of one first stage.

A lock answers each question once for all providers. Here each provider has its own answers, so that no provider is
charged with what another asks for. All of them share the import of the root, which takes most of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from packaging.utils import NormalizedName

from minreq.errors import MinreqError, SmokeFailed
from minreq.minimize import UserChoices, minimize
from minreq.minimize.runner import SmokeRunner
from minreq.minimize.trace import Decision
from minreq.model import Group
from minreq.providers.grouphandler import GroupQuestionHandler
from minreq.providers.oneprovider import ProviderEvidence, ProviderSearch
from minreq.providers.reference import open_reference_run
from minreq.reporting import Reporter
from minreq.smoke.run import Run

__all__ = ["ProviderEvidence", "find_provider_needs"]

_NO_REPORTER = Reporter()


def find_provider_needs(
    runner: SmokeRunner,
    base: frozenset[NormalizedName],
    declined: frozenset[NormalizedName],
    *,
    report: Callable[[ProviderEvidence], None],
    reporter: Reporter = _NO_REPORTER,
) -> None:
    """Find what each group of the plan needs in addition to *base*, on which the first stage passes.

    *report* is called with the evidence of each provider as soon as it is final, in any thread. *declined* is what the
    first stage asked for and does without. Where a provider needs some of that, the first stage would have had it too:
    it runs again with it, and then the stages that asked. What does not pass so, fails although nothing is left out, or
    differs from an environment with the whole closure, is minimized as a lock of that provider alone would be. Raises
    ``SmokeFailed`` where the first stage does not pass.
    """
    handlers = GroupQuestionHandler(runner, declined)
    plan = runner.setup.plan

    def search(group: Group) -> ProviderEvidence:
        found = ProviderSearch(handlers, run, group, reference).search()
        reporter.provided(found.provider, found.evidence.keys(), found.failure)
        if _is_final(found, declined):
            report(found)
        return found

    with (
        open_reference_run(runner) as reference,
        _run_first_stage(runner, "providers", base, handlers) as run,
        ThreadPoolExecutor(runner.jobs + 1) as pool,
    ):
        # One more than there are processors, since stages also wait: for what they try again, and for the emulator.
        found = list(pool.map(search, plan.groups))
    doubtful = [each for each in found if not _is_final(each, declined)]
    for each in _confirm_with_first_stage(runner, base, declined, doubtful):
        report(each)
        doubtful.remove(each)
    for each in doubtful:
        report(_minimize_alone(runner, base, each))


def _is_final(found: ProviderEvidence, declined: frozenset[NormalizedName]) -> bool:
    """Whether the provider passed as in the reference, and needs nothing that the first stage was declined."""
    return not found.failure and found.is_as_reference and declined.isdisjoint(found.evidence)


@contextmanager
def _run_first_stage(
    runner: SmokeRunner, name: str, initial: frozenset[NormalizedName], handlers: GroupQuestionHandler
) -> Iterator[Run]:
    """Run the first stage with *initial*; the groups then start in forks of its process."""
    shared = sorted(runner.closure.import_map.shared)
    run = Run(
        runner.setup,
        name,
        paths=runner.folders(initial),
        handler=handlers,
        shared=shared,
        max_forks=runner.jobs,
    )
    handlers.bind(run.path_map, initial)
    with run:
        first = run.wait_for_first_stage()
        if first is not None and not first.passed:
            raise SmokeFailed(first.behaviour.stage, first.behaviour.status, first.traceback)
        yield run


def _confirm_with_first_stage(
    runner: SmokeRunner,
    base: frozenset[NormalizedName],
    declined: frozenset[NormalizedName],
    doubtful: Iterable[ProviderEvidence],
) -> Iterator[ProviderEvidence]:
    """Yield those of *doubtful* that still pass when the first stage has what they need and it asked for, too."""
    by_addition: dict[frozenset[NormalizedName], list[ProviderEvidence]] = {}
    for each in doubtful:
        if not each.failure and each.is_as_reference:
            by_addition.setdefault(declined.intersection(each.evidence), []).append(each)
    for number, addition in enumerate(sorted(by_addition, key=sorted), 1):
        handlers = GroupQuestionHandler(runner, declined - addition)
        candidates = by_addition[addition]
        with (
            suppress(SmokeFailed),
            _run_first_stage(runner, f"providers-again-{number}", base | addition, handlers) as run,
            ThreadPoolExecutor(runner.jobs + 1) as pool,
        ):
            passed = pool.map(partial(_repeat_stages, runner, handlers, run), candidates)
            yield from (each for each, has_passed in zip(candidates, passed, strict=True) if has_passed)


def _repeat_stages(runner: SmokeRunner, handlers: GroupQuestionHandler, run: Run, found: ProviderEvidence) -> bool:
    """Run the stages of *found* that are to be repeated; return whether they pass with its needs and nothing else."""
    (group,) = (each for each in runner.setup.plan.groups if each.name == found.provider)
    handler = handlers.start(group.name, {name: Decision(accepted=True, reason="needed") for name in found.evidence})
    results = run.run_scripts([script for script in group.scripts if script.stage in found.stages_to_repeat])
    accepted = {name for name, answer in handler.answers().items() if answer.accepted}
    return all(result.passed for result in results) and accepted <= found.evidence.keys()


def _minimize_alone(runner: SmokeRunner, base: frozenset[NormalizedName], found: ProviderEvidence) -> ProviderEvidence:
    """Return what a lock of the provider of *found* alone keeps in addition to *base*."""
    plan = runner.setup.plan
    groups = tuple(group for group in plan.groups if group.name == found.provider)
    own = runner.with_plan(replace(plan, groups=groups))
    try:
        minimal_set = minimize(own, UserChoices(requested={}), _NO_REPORTER)
    except MinreqError as error:
        return replace(found, evidence={}, failure=found.failure or str(error).splitlines()[0])
    evidence = {name: why for name, why in minimal_set.evidence.items() if name not in base}
    return replace(found, evidence=evidence, failure="")
