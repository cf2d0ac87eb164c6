"""From a task to the wheels it may use: resolved to pins, and looked into."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from minreq.index import cutoff
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lock import tools as tooling
from minreq.lock.tools import Tools
from minreq.model import Resolution
from minreq.reporting import Reporter, Step
from minreq.resolver import Demand, extend, resolve
from minreq.source.imports import StaticForecast
from minreq.task import demand as demanding
from minreq.task.task import Task
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

_COOLDOWN = "`--exclude-newer '3 days'` waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """A resolution whose wheels have been looked into."""

    demand: Demand
    #: As it was resolved: without tools, and before an extra was taken in.
    resolution: Resolution
    closure: Closure
    tools: Tools
    store: Store


def mapped(task: Task, index: IndexClient, index_settings: IndexSettings, reporter: Reporter) -> Mapped:
    """Resolve what *task* asks for, and read which distribution has which module.

    Tells what there is to say about the pins. Raises ``UsageError``, ``ResolutionFailure`` and ``IndexFailure``.
    """
    store = _store(task, index, reporter)
    demand = demanding.demand(task, index_settings, store)

    reporter.began(Step.RESOLVE)
    resolution = resolve(demand, index, StaticForecast(index))
    reporter.resolved(resolution)
    for sentence in (*_young(resolution), *_standing(resolution, index)):
        reporter.note(sentence)

    reporter.began(Step.MAP)
    more = partial(extend, demand=demand, index=index)
    tools = tooling.tools(resolution, task.settings.smoke_with, more)
    closure = Closure(tools.resolution, index, store, more)
    reporter.mapped({name: closure.bytes(name) for name in resolution.pins})
    return Mapped(demand=demand, resolution=resolution, closure=closure, tools=tools, store=store)


def resolved(task: Task, index: IndexClient, index_settings: IndexSettings) -> Resolution:
    """Resolve what *task* asks for and tell nobody; raises as `mapped` does."""
    store = _store(task, index, Reporter())
    return resolve(demanding.demand(task, index_settings, store), index, StaticForecast(index))


def _store(task: Task, index: IndexClient, reporter: Reporter) -> Store:
    """Return the store in which the wheels of *task* are kept."""
    return Store(
        task.settings.cache_dir / "wheels",
        index,
        fetched=reporter.fetched,
        allow_pth=task.settings.allow_pth,
        remarked=reporter.note,
    )


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
