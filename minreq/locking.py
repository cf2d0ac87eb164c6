"""The way of the data through a lock, from settings to a proven file; the only module that knows every stage."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial

from packaging.utils import canonicalize_name

from minreq import checking, preparing, scanning, tooling, wheelrules
from minreq.certifying import certify, subject
from minreq.closure import Closure
from minreq.comparing import steady_behaviour
from minreq.config import STDOUT, Settings
from minreq.errors import OverBudget, Unproven
from minreq.forecast import StaticForecast
from minreq.index import cutoff
from minreq.index.client import IndexClient
from minreq.lockfile import evidence as evidence_file, requirements as requirements_file, writing
from minreq.minimizing import Minimum, Wishes, minimize
from minreq.model import Lock, Resolution
from minreq.observing import Laboratory
from minreq.preparing import Task
from minreq.reporting import Reporter, Step
from minreq.resolver import Demand, extend, resolve
from minreq.selecting import loaded_files, requests, select
from minreq.store import Store, record_of
from minreq.tooling import Tools
from minreq.workplace import workplace

#: How many of the largest distributions are named when a lock is over budget.
_LARGEST = 5

_COOLDOWN = "`--exclude-newer '3 days'` waits"


def lock(settings: Settings, reporter: Reporter) -> Lock:
    """Make the lock that *settings* ask for, prove it, and write it with its evidence.

    Until it is proven nothing is written; with ``--check`` the lock on disk is judged instead. Raises every branch of
    ``MinreqError``.
    """
    settings = scanning.applied(settings, reporter)
    if settings.check:
        return checking.check(settings, reporter)
    task = preparing.task(settings)
    _check_platforms(task)
    settings = task.settings
    index_settings = preparing.index_settings(settings.index, task.files)
    own = task.subject if task.project else None
    with IndexClient(index_settings, settings.cache_dir / "index", own=own) as index:
        known = checking.unchanged(task, index)
        if known is not None:
            reporter.note("nothing changed since this lock was proven")
            reporter.locked(known)
            return known

        store = Store(
            settings.cache_dir / "wheels",
            index,
            fetched=reporter.fetched,
            allow_pth=settings.allow_pth,
            remarked=reporter.note,
        )
        demand = preparing.demand(task, index_settings, store)

        reporter.began(Step.RESOLVE)
        resolution = resolve(demand, index, StaticForecast(index))
        reporter.resolved(resolution)
        version = resolution.pins[task.subject].version
        for sentence in (*_young(resolution), *task.skipped(version)):
            reporter.note(sentence)

        reporter.began(Step.MAP)
        more = partial(extend, demand=demand, index=index)
        tools = tooling.tools(resolution, settings.smoke_with, more)
        closure = Closure(tools.resolution, index, store, more)
        reporter.mapped({name: closure.bytes(name) for name in resolution.pins})

        preparing.check_names(settings.smokes, closure.import_map)
        wishes = _wishes(settings, demand, resolution)
        initial = frozenset(wishes.requested) | resolution.provided | tools.names
        with workplace(
            task.interpreter,
            task.plan(version),
            closure,
            store,
            initial=initial,
            jobs=settings.jobs,
            timeout=settings.timeout,
            require_sandbox=settings.require_sandbox,
            reporter=reporter,
        ) as laboratory:
            minimum = _unmasked(minimize(laboratory, wishes, reporter), tools, laboratory)
            # Before it is certified: that may ask for more, and so let the closure grow.
            selection = select(
                resolution := tools.without(closure.resolution),
                minimum,
                size=closure.bytes,
                sources=closure.sources,
                import_map=closure.import_map,
                loaded=loaded_files(minimum.trace, laboratory.world.places(laboratory.scratch)),
                excluded=wishes.excluded,
            )
            inputs = task.inputs(version)
            bound = subject([kept.candidate for kept in selection.kept], inputs)
            certificate = certify(laboratory, minimum, bound, reporter) if settings.certify else None
        for sentence in (*_idle(settings, resolution), *_seen(minimum, closure, store)):
            reporter.note(sentence)

    behaviour = steady_behaviour(minimum.proof.behaviour, minimum.noise)
    made = Lock(
        root=task.title,
        command=task.command,
        stages=tuple(stage.stage for stage in behaviour.stages),
        resolution=resolution,
        selection=selection,
        platforms=task.targets,
        proven_on=task.host,
        behaviour=behaviour,
        noise=tuple(sorted({f"{each.what} of {each.stage}" for each in minimum.noise})),
        inputs=inputs,
        certificate=certificate,
        tools=tuple(closure.candidate(name) for name in sorted(tools.names)),
        hashes=settings.hashes,
        annotate=settings.annotate,
    )
    _check(made, settings)
    if not settings.dry_run and settings.output != STDOUT:
        reporter.began(Step.WRITE)
        _write(made, settings)
    reporter.locked(made)
    return made


def _check_platforms(task: Task) -> None:
    """Raise ``Unproven`` for a platform that the smoke cannot run on here."""
    foreign = [platform.name for platform in task.targets if platform != task.host]
    if foreign and not task.settings.allow_unproven:
        raise Unproven(foreign, task.host.name)


def _young(resolution: Resolution) -> Iterator[str]:
    """Tell of pins that may be malicious and nobody knows yet."""
    young = cutoff.young((pin.wheel for pin in resolution.pins.values()), datetime.now(timezone.utc))
    if young:
        yield f"younger than three days, so nobody may have looked yet: {', '.join(young)}; {_COOLDOWN}"


def _idle(settings: Settings, resolution: Resolution) -> Iterator[str]:
    """Tell of exclusions that exclude nothing: a name that was mistyped, or that nothing declares any more."""
    for name in settings.exclude:
        if name not in resolution.pins:
            close = difflib.get_close_matches(name, resolution.pins, n=1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            yield f"--exclude {name} excludes nothing: no distribution of that name is declared{meant}"


def _seen(minimum: Minimum, closure: Closure, store: Store) -> Iterator[str]:
    """Tell what the smoke tried and could not, and which kept distributions are in each other's way."""
    tried = {each for stage in minimum.baseline.behaviour.stages for each in stage.connections}
    yield from (f"the smoke tried to reach what it cannot: {each}" for each in sorted(tried))
    kept = {name: record_of(store.unpacked(closure.candidate(name).wheel)) for name in minimum.evidence}
    yield from wheelrules.overlapping(kept)


def _unmasked(minimum: Minimum, tools: Tools, laboratory: Laboratory) -> Minimum:
    """Return *minimum* with what only the tools of the smoke made importable and kept code imports."""
    places = laboratory.world.places(laboratory.scratch)
    masked = tooling.unmasked(
        tools.masked,
        frozenset(minimum.evidence) | laboratory.closure.resolution.provided,
        loaded=minimum.trace.loaded,
        import_map=laboratory.closure.import_map,
        owner=places.owner,
        name_place=places.name,
    )
    return replace(minimum, evidence={**minimum.evidence, **masked})


def _wishes(settings: Settings, demand: Demand, resolution: Resolution) -> Wishes:
    """Return what the user decided beforehand: what is kept without being asked for, and what is never given."""
    words = {canonicalize_name(each.requirement.name): each.origin for each in demand.whole}
    words |= {name: f"--include {name}" for name in settings.include}
    words |= {canonicalize_name(each.name): "root" for each in settings.roots}
    return Wishes(
        requested=requests(resolution, words),
        excluded=frozenset(settings.exclude),
        smallest=settings.smallest,
        settle=settings.settle,
    )


def _check(made: Lock, settings: Settings) -> None:
    """Raise ``OverBudget`` where the answer is no."""
    kept = made.selection.kept
    size = sum(each.bytes for each in kept)
    if settings.budget is not None and size > settings.budget:
        largest = sorted(kept, key=lambda each: (-each.bytes, each.candidate.name))[:_LARGEST]
        raise OverBudget(size, settings.budget, [f"{each.candidate.name} {each.bytes:,}" for each in largest])


def _write(made: Lock, settings: Settings) -> None:
    output = settings.output
    writing.write(
        {
            # The requirements come last: once they are there, the lock is.
            evidence_file.beside(output): evidence_file.dump(made),
            output: requirements_file.render(made, filename=output.name),
        }
    )
