"""The events of a matrix. A subclass of `MatrixReporter` overrides the ones that it needs."""

from __future__ import annotations

from minreq.matrix.results import CellResult
from minreq.reporting import Reporter


class MatrixReporter(Reporter):
    """Receives the events, all in one thread."""

    def cells_planned(self, cells: int, there: int, slots: int) -> None:
        """The matrix has *cells*, of which *there* have results; the others are filled, *slots* at the same time."""

    def cell_ended(self, result: CellResult) -> None:
        """A cell has a result, or failed."""
