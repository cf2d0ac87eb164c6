"""The way of the data from a task to a proven lock: resolve, map, minimize, select; it knows every stage."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from minreq.config import Settings
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock import resolve, tools as tooling
from minreq.lock.resolve import Mapped
from minreq.lock.tools import Tools
from minreq.minimize import Minimum, Wishes, minimize
from minreq.minimize.certify import certify, subject
from minreq.minimize.compare import steady_behaviour
from minreq.minimize.laboratory import workplace
from minreq.minimize.observe import Laboratory
from minreq.minimize.prefetch import Foresight, compile_ahead
from minreq.minimize.select import loaded_files, requests, select
from minreq.model import Certificate, Lock, Resolution, Selection
from minreq.reporting import Reporter
from minreq.resolver import Demand
from minreq.task import demand as demanding, task as preparing
from minreq.task.task import Task
from minreq.wheels import rules
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store
from minreq.wheels.unpacking import record_of


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
    mapped = resolve.mapped(task, index, index_settings, reporter)
    for sentence in task.skipped(mapped.resolution.pins[task.subject].version):
        reporter.note(sentence)
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


def _find(task: Task, mapped: Mapped, reporter: Reporter) -> _Found:
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
    yield from rules.overlapping(kept)


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
