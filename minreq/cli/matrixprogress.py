"""Shows the progress of a matrix on stderr: a bar on a terminal, a line for each cell in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console, RenderResult
from rich.live import Live
from rich.text import Text

from minreq.cli.text import format_duration, printable
from minreq.counts import pluralize
from minreq.matrix.reporting import MatrixReporter
from minreq.matrix.results import CellResult

_REFRESH_PER_SECOND = 2
_BAR_WIDTH = 30


@contextmanager
def show_matrix_progress(*, quiet: bool) -> Iterator[MatrixProgress]:
    """Show the events of a matrix on stderr. At the end the bar disappears, and its lines remain."""
    console = Console(stderr=True, quiet=quiet, highlight=False)
    is_drawn = sys.stderr.isatty() and console.is_interactive and not quiet
    progress = MatrixProgress(console)
    display = Live(
        progress, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True, redirect_stdout=False
    )
    with display if is_drawn else nullcontext():
        yield progress


class MatrixProgress(MatrixReporter):
    """Prints a line for each cell that ends, and draws how many are left, and for how long."""

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._cells = self._there = self._done = self._failed = 0
        self._slots = 1
        self._began = clock()

    def cells_planned(self, cells: int, there: int, slots: int) -> None:
        """Begin to count."""
        self._cells, self._there, self._slots = cells, there, slots
        self._began = self._clock()
        before = f", {there} there before" if there else ""
        self.print_line(f"{pluralize(cells, 'cell')}{before}; {slots} at the same time")

    def cell_ended(self, result: CellResult) -> None:
        """Print the result."""
        self._done += 1
        self._failed += result.status != "done"
        size = f"{len(result.kept)} kept, {result.kept_bytes:,} bytes" if result.status == "done" else ""
        what = size or f"{result.status}: {result.reason}"
        number = f"{self._there + self._done} of {self._cells}"
        self.print_line(f"{number}  {result.cell.title}: {what} ({format_duration(result.seconds)}){self._time_left()}")

    def note(self, sentence: str) -> None:
        """Print *sentence*."""
        self.print_line(sentence)

    @property
    def seconds_left(self) -> float | None:
        """About how long the rest takes; ``None`` until a cell has ended."""
        left = self._cells - self._there - self._done
        if not self._done:
            return None
        # The cells that run now are partly done, which the mean of the ended ones includes.
        return (self._clock() - self._began) / self._done * left

    def _time_left(self) -> str:
        seconds = self.seconds_left
        return f", {format_duration(seconds)} left" if seconds else ""

    def print_line(self, line: str) -> None:
        """Print *line* above the bar."""
        self._console.print(Text(printable(line)), soft_wrap=True)

    def __rich_console__(self, *_: object) -> RenderResult:
        if not self._cells:
            return
        done = self._there + self._done
        filled = round(done / self._cells * _BAR_WIDTH)
        running = min(self._slots, self._cells - done)
        bar = f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}]"
        counts = f"{done} of {self._cells} cells, {running} running, {self._failed} failed{self._time_left()}"
        yield Text(f"{bar} {counts}", no_wrap=True, overflow="ellipsis")
