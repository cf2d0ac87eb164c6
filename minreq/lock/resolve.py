"""Resolves a task to pins, and reads which wheel has which module."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial

from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import IndexFailure, ResolutionFailure
from minreq.index import cutoff
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock.session import LockSession
from minreq.model import Candidate, Resolution
from minreq.model.parsing import parse_requirement
from minreq.reporting import Reporter, Step
from minreq.resolver import ResolverInput, extend
from minreq.task import smoketools
from minreq.task.resolverinput import make_resolver_input
from minreq.task.smoketools import Extend, Tools
from minreq.task.task import Task, read_previous_lock
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

_COOLDOWN = "`--exclude-newer '3 days'` waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTask:
    """The resolution of a task, with the closure that knows the wheels."""

    resolver_input: ResolverInput
    #: Before extras were added.
    resolution: Resolution
    closure: Closure
    tools: Tools
    store: Store
    #: What the first stage probably needs; ``None``: unknown.
    likely: frozenset[NormalizedName] | None = None


def resolve_task(
    task: Task, index: IndexClient, index_settings: IndexSettings, reporter: Reporter, session: LockSession
) -> ResolvedTask:
    """Resolve *task*, read which distribution has which module, and report notes on the pins.

    Raises ``UsageError``, ``ResolutionFailure`` and ``IndexFailure``.
    """
    store = _open_store(task, index, reporter, session)
    resolver_input = make_resolver_input(task, index, index_settings, store, reporter, now=session.began)

    for sentence in task.notes:
        reporter.note(sentence)
    reporter.began(Step.RESOLVE)
    resolution = session.resolve(resolver_input, index)
    reporter.resolved(resolution)
    for sentence in (*_young_release_notes(resolution), *_project_status_notes(resolution, index)):
        reporter.note(sentence)

    reporter.began(Step.MAP)
    more = partial(extend, inputs=resolver_input, index=index)
    # Tools are no part of the lock: as for another call of pip, no file has to name their hashes.
    tool_input = replace(resolver_input, require_hashes=False)
    more_tools = partial(extend, inputs=tool_input, index=index)
    tools = smoketools.resolve_tools(resolution, task.settings.smoke_with, more_tools)
    closure = Closure(_add_known_extras(task, resolution, more), index, store, more)
    reporter.mapped({name: closure.installed_bytes(name) for name in resolution.pins})
    return ResolvedTask(resolver_input=resolver_input, resolution=resolution, closure=closure, tools=tools, store=store)


def _add_known_extras(task: Task, plain: Resolution, extend: Extend) -> Resolution:
    """Return *plain* with the extras of the previous lock, if that is known to need them again.

    The smoke failed then on the *plain* install. It fails again if the wheels and the inputs are the same, so the
    reference need not run without them first. The method that takes no shortcut tries it all the same.
    """
    before = None if task.settings.settle == "runs" else read_previous_lock(task.settings)
    if before is None or not before.resolution.extras:
        return plain
    known = before.resolution.extras
    pins = {name: _wheel(pin) for name, pin in before.resolution.pins.items() if name not in known}
    if pins != {name: _wheel(pin) for name, pin in plain.pins.items()}:
        return plain
    if dict(before.inputs) != dict(task.input_digests(plain.pins[task.profiled_root].version)):
        return plain
    grown, waiting = plain, sorted(set(known.values()))
    try:
        # An extra may belong to a distribution that another extra adds.
        while ready := [each for each in waiting if canonicalize_name(parse_requirement(each).name) in grown.pins]:
            grown = extend(grown, parse_requirement(ready[0]))
            waiting.remove(ready[0])
    except (ResolutionFailure, IndexFailure):
        return plain
    return grown if grown.extras == known else plain


def _wheel(pin: Candidate) -> tuple[str, str | None]:
    return pin.wheel.filename, pin.wheel.sha256


def resolve_pins(task: Task, index: IndexClient, index_settings: IndexSettings, session: LockSession) -> Resolution:
    """Resolve *task* without reporting; raise as `resolve_task` does."""
    store = _open_store(task, index, Reporter(), session)
    return session.resolve(make_resolver_input(task, index, index_settings, store, now=session.began), index)


def _open_store(task: Task, index: IndexClient, reporter: Reporter, session: LockSession) -> Store:
    """Return the store of the wheels of *task*."""
    return Store(
        task.settings.cache_dir / "wheels",
        index,
        on_fetched=reporter.fetched,
        allow_pth=task.settings.allow_pth,
        on_notice=reporter.note,
        on_damage=reporter.note,
        check_all=task.settings.require_sandbox,
        trees=session.checked_trees(check_all=task.settings.require_sandbox),
    )


def _young_release_notes(resolution: Resolution) -> Iterator[str]:
    """Yield a note on pins that are so new that malware in them may not be known yet."""
    young = cutoff.young_files((pin.wheel for pin in resolution.pins.values()), datetime.now(timezone.utc))
    if young:
        yield f"released less than three days ago, so malware may not be known yet: {', '.join(young)}; {_COOLDOWN}"


def _project_status_notes(resolution: Resolution, index: IndexClient) -> Iterator[str]:
    """Yield a note on each project that is no longer maintained, as its index says (PEP 792)."""
    for name in resolution.pins:
        standing = index.project_status(name)
        if standing.status != "active":
            yield f"{name} is {standing.status}{f': {standing.reason}' if standing.reason else ''}"
