"""Prints the records of minreq's logger, for ``--verbose``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minreq.cli import output

#: The modules of minreq log what they read, write and remove.
_LOGGER = logging.getLogger("minreq")


class LogPrinter(logging.Handler):
    """Prints the records of minreq's logger: each file that it reads, writes or removes, each program it starts."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._print: Callable[[str], None] = output.print_note
        self._printed: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Print *record*, once: several steps read the same file. It is indented as the events of a step are."""
        line = f"  . {record.getMessage()}"
        if line not in self._printed:
            self._printed.add(line)
            self._print(line)

    @contextmanager
    def printing_by(self, print_line: Callable[[str], None]) -> Iterator[None]:
        """Print the records inside by *print_line*: a display on the terminal has to move out of the way."""
        previous, self._print = self._print, print_line
        try:
            yield
        finally:
            self._print = previous

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Print the records that are logged inside."""
        level = _LOGGER.level
        _LOGGER.addHandler(self)
        _LOGGER.setLevel(logging.INFO)
        try:
            yield
        finally:
            _LOGGER.setLevel(level)
            _LOGGER.removeHandler(self)
