"""The way of the data from a task to a proven lock: resolve, map, minimize, select; it knows every stage."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial

from packaging.utils import canonicalize_name

from minreq import demanding, preparing, tooling, wheelrules
from minreq.certifying import certify, subject
from minreq.closure import Closure
from minreq.comparing import steady_behaviour
from minreq.config import Settings
from minreq.forecast import StaticForecast
from minreq.foreseeing import Foresight, compile_ahead
from minreq.index import cutoff
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.minimizing import Minimum, Wishes, minimize
from minreq.model import Certificate, Lock, Resolution, Selection
from minreq.observing import Laboratory
from minreq.preparing import Task
from minreq.reporting import Reporter, Step
from minreq.resolver import Demand, extend, resolve
from minreq.selecting import loaded_files, requests, select
from minreq.store import Store, record_of
from minreq.tooling import Tools
from minreq.workplace import workplace

_COOLDOWN = "`--exclude-newer '3 days'` waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mapped:
    """A resolution whose wheels have been looked into."""

    demand: Demand
    #: As it was resolved: without tools, and before an extra was taken in.
    resolution: Resolution
    closure: Closure
    tools: Tools
    store: Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the runs showed, and what of it goes into the lock."""

    minimum: Minimum
    selection: Selection
    #: Without the tools of the smoke.
    resolution: Resolution
    certificate: Certificate | None


def make(task: Task, index: IndexClient, index_settings: IndexSettings, reporter: Reporter) -> Lock:
    """Make the lock that *task* is about and prove it; nothing is written. Raises every branch of ``MinreqError``."""
    mapped = _map(task, index, index_settings, reporter)
    found = _find(task, mapped, reporter)
    settings = task.settings
    for sentence in (*_idle(settings, found.resolution), *_seen(found.minimum, mapped.closure, mapped.store)):
        reporter.note(sentence)
    noise = found.minimum.noise
    behaviour = steady_behaviour(found.minimum.proof.behaviour, noise)
    return Lock(
        root=task.title,
        command=task.command,
        stages=tuple(stage.stage for stage in behaviour.stages),
        resolution=found.resolution,
        selection=found.selection,
        platforms=task.targets,
        proven_on=task.host,
        behaviour=behaviour,
        noise=tuple(sorted({f"{each.what} of {each.stage}" for each in noise})),
        inputs=task.inputs(mapped.resolution.pins[task.subject].version),
        certificate=found.certificate,
        tools=tuple(mapped.closure.candidate(name) for name in sorted(mapped.tools.names)),
        hashes=settings.hashes,
        annotate=settings.annotate,
    )


def _map(task: Task, index: IndexClient, index_settings: IndexSettings, reporter: Reporter) -> _Mapped:
    """Resolve, and read which distribution has which module."""
    settings = task.settings
    store = Store(
        settings.cache_dir / "wheels",
        index,
        fetched=reporter.fetched,
        allow_pth=settings.allow_pth,
        remarked=reporter.note,
    )
    demand = demanding.demand(task, index_settings, store)

    reporter.began(Step.RESOLVE)
    resolution = resolve(demand, index, StaticForecast(index))
    reporter.resolved(resolution)
    skipped = task.skipped(resolution.pins[task.subject].version)
    for sentence in (*_young(resolution), *_standing(resolution, index), *skipped):
        reporter.note(sentence)

    reporter.began(Step.MAP)
    more = partial(extend, demand=demand, index=index)
    tools = tooling.tools(resolution, settings.smoke_with, more)
    closure = Closure(tools.resolution, index, store, more)
    reporter.mapped({name: closure.bytes(name) for name in resolution.pins})
    return _Mapped(demand=demand, resolution=resolution, closure=closure, tools=tools, store=store)


def _find(task: Task, mapped: _Mapped, reporter: Reporter) -> _Found:
    """Run the smoke until it is known what it needs."""
    settings, closure, tools = task.settings, mapped.closure, mapped.tools
    version = mapped.resolution.pins[task.subject].version
    preparing.check_names(settings.smokes, closure.import_map)
    wishes = _wishes(settings, mapped.demand, mapped.resolution)
    plan = task.plan(version)
    # Where the root is at hand, what it needs most likely is too, and compiled.
    is_new = not mapped.store.holds(closure.candidate(closure.resolution.root).wheel)
    scripts = (
        (*filter(None, [plan.first]), *(each for group in plan.groups for each in group.scripts)) if is_new else ()
    )
    likely = [canonicalize_name(each.name) for each in demanding.of_providers(task)] if is_new else ()
    with (
        Foresight(closure, scripts, likely=likely, excluded=wishes.excluded) as foresight,
        workplace(
            task.interpreter,
            plan,
            closure,
            mapped.store,
            initial=frozenset(wishes.requested) | mapped.resolution.provided | tools.names,
            jobs=settings.jobs,
            timeout=settings.timeout,
            require_sandbox=settings.require_sandbox,
            reporter=reporter,
        ) as laboratory,
    ):
        compile_ahead(laboratory, foresight.files())
        minimum = _unmasked(minimize(laboratory, wishes, reporter), tools, laboratory)
        # Before it is certified: that may ask for more, and so let the closure grow.
        resolution = tools.without(closure.resolution)
        selection = select(
            resolution,
            minimum,
            size=closure.bytes,
            sources=closure.sources,
            import_map=closure.import_map,
            loaded=loaded_files(minimum.trace, laboratory.world.places(laboratory.scratch)),
            excluded=wishes.excluded,
        )
        bound = subject([kept.candidate for kept in selection.kept], task.inputs(version))
        certificate = certify(laboratory, minimum, bound, reporter) if settings.certify else None
    return _Found(minimum=minimum, selection=selection, resolution=resolution, certificate=certificate)


def _young(resolution: Resolution) -> Iterator[str]:
    """Tell of pins that may be malicious and nobody knows yet."""
    young = cutoff.young((pin.wheel for pin in resolution.pins.values()), datetime.now(timezone.utc))
    if young:
        yield f"younger than three days, so nobody may have looked yet: {', '.join(young)}; {_COOLDOWN}"


def _standing(resolution: Resolution, index: IndexClient) -> Iterator[str]:
    """Tell of projects that are looked after no longer, as their index says (PEP 792)."""
    for name in resolution.pins:
        standing = index.standing(name)
        if standing.status != "active":
            yield f"{name} is {standing.status}{f': {standing.reason}' if standing.reason else ''}"


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
    for each in sorted(tried):
        word, _, program = each.partition(" ")
        yield f"the smoke started {program}" if word == "run" else f"the smoke tried to reach what it cannot: {each}"
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
