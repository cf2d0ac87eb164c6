"""Errors of a matrix: cells with one result, an unreachable scheduler, workers that cannot fill cells."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.errors.branches import IndexFailure, NegativeAnswer, UsageError, format_parts

#: The most cells that an error names.
_MOST_NAMED = 5


class CellsCollide(UsageError):
    """Two cells of a matrix have one result, and so one file."""

    reason = "cells-collide"

    def __init__(self, first: str, second: str, first_root: str, second_root: str) -> None:
        super().__init__(first, second, first_root, second_root)
        self.first, self.second = first, second
        self.first_root, self.second_root = first_root, second_root

    def __str__(self) -> str:
        if self.first_root != self.second_root:
            return (
                f"{self.first} is in the matrix twice, by the roots {self.first_root} and {self.second_root}, and both "
                "cells would write one file; remove one root"
            )
        if self.first == self.second:
            return f"{self.first} is in the matrix twice, and both cells would write one file; remove one column"
        return f"the cells {self.first} and {self.second} are the same, and would write one file; remove one column"


class CellsUnfinished(NegativeAnswer):
    """Some cells have no result that can be trusted: the index, the machine or a worker failed, not the release."""

    reason = "cells-unfinished"

    def __init__(self, unfinished: Sequence[str], total: int) -> None:
        super().__init__(unfinished, total)
        self.unfinished, self.total = tuple(unfinished), total

    def __str__(self) -> str:
        named = [*self.unfinished[:_MOST_NAMED]]
        if len(self.unfinished) > _MOST_NAMED:
            named.append(f"and {len(self.unfinished) - _MOST_NAMED} more")
        count = f"{len(self.unfinished)} of {self.total} cells have no result"
        return f"{count}; give the same command again, which fills only these{format_parts(named)}"


class SchedulerUnreachable(IndexFailure):
    """The scheduler of a Dask cluster does not answer."""

    reason = "scheduler-unreachable"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(address, why)
        self.address, self.why = address, why

    def __str__(self) -> str:
        return (
            f"no scheduler of Dask answers at {self.address}: {self.why}; start one with `dask scheduler`, or correct "
            "--scheduler or DASK_SCHEDULER_ADDRESS"
        )


class WorkersUnfit(UsageError):
    """No worker of a Dask cluster can fill the cells, or one has another minreq."""

    reason = "workers-unfit"

    def __init__(self, address: str, faults: Sequence[str]) -> None:
        super().__init__(address, faults)
        self.address, self.faults = address, tuple(faults)

    def __str__(self) -> str:
        return f"the workers of the scheduler at {self.address} cannot fill the matrix{format_parts(self.faults)}"
