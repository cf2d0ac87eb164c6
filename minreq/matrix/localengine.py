"""Fills cells in processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from minreq.matrix.cells import CellJob
from minreq.matrix.results import CellResult
from minreq.matrix.run import make_result, run_cell
from minreq.system.workers import WorkerEnded, try_in_processes

_ENDED = "the process that filled the cell ended: it was killed, or the machine has no memory left"


def fill_locally(jobs: Sequence[CellJob], processes: int) -> Iterator[CellResult]:
    """Fill the cells of *jobs* in up to *processes* processes; yield each result as soon as it is there.

    A process that ends loses the one cell that it was filling; another process takes its place.
    """
    for number, result in try_in_processes(run_cell, jobs, processes):
        if isinstance(result, WorkerEnded):
            yield make_result(jobs[number], status="unfinished", reason="worker-ended", sentence=_ENDED)
        else:
            yield result
