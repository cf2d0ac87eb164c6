"""Every yes of a trace tried as no: by a fork at the miss, by a fork that runs one feature, by a run of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from packaging.utils import NormalizedName

from minreq.comparing import Deviation, deviations
from minreq.model import Behaviour, Difference, Evidence, Failure, Script
from minreq.observing import Laboratory, Observation, observe_alone
from minreq.smoke.running import FORK_LIMIT, Run, StageResult

#: Told of each verdict as it falls: ``None`` means that the smoke passed without the distribution.
Told = Callable[[NormalizedName, Evidence | None], None]


def settle_by_forks(
    run: Run, observation: Observation, names: Iterable[NormalizedName], laboratory: Laboratory, told: Told
) -> dict[NormalizedName, Failure]:
    """Return a certificate for each of *names* that a fork shows to be needed, while *run* is alive.

    A failure is one only if its cause is our own exception for that very distribution; all else is for a run of its own.
    """
    scripts = {script.stage: script for group in laboratory.world.plan.groups for script in group.scripts}

    def settle(name: NormalizedName) -> tuple[NormalizedName, Failure | None]:
        failure = _at_the_miss(run, name)
        if failure is None:
            failure = _in_a_feature(run, name, scripts.get(observation.answers[name].question.stage))
        if failure is not None:
            told(name, failure)
        return name, failure

    with ThreadPoolExecutor(laboratory.jobs) as pool:
        return {name: failure for name, failure in pool.map(settle, sorted(names)) if failure is not None}


def _at_the_miss(run: Run, name: NormalizedName) -> Failure | None:
    future = run.forks.get(name)
    return None if future is None else _certificate(name, future.result(FORK_LIMIT * 2), "fork")


def _in_a_feature(run: Run, name: NormalizedName, script: Script | None) -> Failure | None:
    """Run the feature that asked first, in a fork of what the first stage left; without a first stage it is all there is."""
    if script is None:
        return None
    return _certificate(name, run.run([script], without=name)[0], "feature")


def _certificate(name: NormalizedName, result: StageResult, method: Literal["fork", "feature"]) -> Failure | None:
    if result.passed or result.ended != "itself" or name not in result.declined:
        return None
    return Failure(distribution=name, stage=result.behaviour.stage, error=result.behaviour.status, method=method)


def settle_by_runs(
    laboratory: Laboratory,
    trace: Observation,
    names: Iterable[NormalizedName],
    expected: Behaviour,
    noise: Callable[[], tuple[Deviation, ...]],
    told: Told,
) -> dict[NormalizedName, Evidence | None]:
    """Run the smoke on what *trace* accepted less each of *names*; ``None`` where it passes and behaves as *expected*.

    A failure that repeats is evidence whatever its cause.
    """

    def settle(name: NormalizedName) -> tuple[NormalizedName, Evidence | None]:
        evidence = _without(laboratory, trace, name, expected, noise)
        told(name, evidence)
        return name, evidence

    with ThreadPoolExecutor(laboratory.jobs) as pool:
        return dict(pool.map(settle, sorted(names)))


def _without(
    laboratory: Laboratory,
    trace: Observation,
    name: NormalizedName,
    expected: Behaviour,
    noise: Callable[[], tuple[Deviation, ...]],
) -> Evidence | None:
    rest = (trace.accepted | laboratory.initial) - {name}
    askers = {asked.question.stage.partition("/")[0] for asked in trace.asked[name]}
    observe = partial(observe_alone, laboratory, rest, f"without-{name}", first=askers)
    observation = observe()
    if observation.failure is not None and not _misses(laboratory, observation.failure, name):
        observation = observe()
    if observation.failure is not None:
        behaviour = observation.failure.behaviour
        return Failure(distribution=name, stage=behaviour.stage, error=behaviour.status, method="run")
    found = deviations(expected, observation.behaviour)
    if found:
        noisy = {(deviation.stage, deviation.what) for deviation in noise()}
        found = tuple(deviation for deviation in found if (deviation.stage, deviation.what) not in noisy)
    return difference(name, found[0]) if found else None


def _misses(laboratory: Laboratory, result: StageResult, name: NormalizedName) -> bool:
    """Whether the failure names a module of the very distribution that was left out."""
    import_map = laboratory.closure.import_map
    return any(import_map.owner(module) == name for module in result.missing)


def difference(name: NormalizedName, deviation: Deviation) -> Difference:
    """Return *deviation* as the evidence for *name*."""
    return Difference(
        distribution=name,
        stage=deviation.stage,
        what=deviation.what,
        with_it=deviation.first,
        without_it=deviation.second,
    )


def evidence_of(found: Mapping[NormalizedName, Evidence | None]) -> dict[NormalizedName, Evidence]:
    """Return only the verdicts that keep a distribution."""
    return {name: evidence for name, evidence in found.items() if evidence is not None}
