"""Chooses what fills the cells: Dask where it is installed, else processes of this machine."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from minreq.config.matrix import MatrixSettings
from minreq.errors import ExtraMissing
from minreq.matrix.cells import CellJob
from minreq.matrix.localengine import fill_locally
from minreq.matrix.results import CellResult

#: Dask's own variable for the address of a scheduler.
_ADDRESS_VARIABLE = "DASK_SCHEDULER_ADDRESS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What fills cells."""

    #: How many cells it fills at the same time.
    slots: int
    #: Yields each result as soon as it is there, in any order.
    fill: Callable[[Sequence[CellJob]], Iterator[CellResult]]


@contextmanager
def choose_engine(settings: MatrixSettings, processes: int, note: Callable[[str], object]) -> Iterator[Engine]:
    """Open the engine for *settings*: ``-j`` means processes; else Dask, on this machine or at a scheduler.

    *note* gets a sentence for the user. Raises ``ExtraMissing``, ``SchedulerUnreachable`` and ``WorkersUnfit``.
    """
    address = settings.scheduler or (os.environ.get(_ADDRESS_VARIABLE) if settings.processes is None else None)
    has_dask = importlib.util.find_spec("distributed") is not None
    if address is not None and not has_dask:
        instead = "use processes of this machine (-j N)"
        given = "--scheduler" if settings.scheduler else f"with {_ADDRESS_VARIABLE}"
        raise ExtraMissing(f"matrix {given}", "dask", "distributed", instead)
    if address is None and (settings.processes is not None or not has_dask):
        yield Engine(slots=processes, fill=lambda jobs: fill_locally(jobs, processes))
        return
    from minreq.matrix import daskengine  # noqa: PLC0415 # Heavy, and an optional library.

    with daskengine.open_cluster(settings, address, processes, note) as cluster:
        yield Engine(slots=cluster.slots, fill=cluster.fill)
