"""What commands share: joining the settings, printing messages, progress and the result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from minreq.cli import output
from minreq.cli.logprinter import LogPrinter
from minreq.cli.messages import is_quiet, is_verbose
from minreq.cli.options import Function, cache_dir, output_options, read_configuration, report_options
from minreq.config import STDOUT
from minreq.errors import InvalidOptions, MinreqError

if TYPE_CHECKING:
    from minreq.cli.matrixprogress import MatrixProgress
    from minreq.cli.progress import Progress

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The output options of a command."""

    #: The name of the lock in ``pyproject.toml``.
    name: str | None
    as_json: bool
    #: Print only the result, and errors.
    quiet: bool
    #: Prints the log; ``None`` without ``--verbose``.
    log: LogPrinter | None

    def settings(
        self, join: Callable[[Mapping[str, Any], Mapping[str, Any]], Settings], flags: Mapping[str, Any]
    ) -> Settings:
        """Join *flags* and the values in ``pyproject.toml`` by *join*."""
        return join({**flags, "cache_dir": cache_dir()}, read_configuration(self.name))

    @contextmanager
    def show_progress(self) -> Iterator[Progress]:
        """Show the events of the reporter on stderr."""
        # Imported here: help and usage errors do not need it.
        from minreq.cli.progress import show_progress  # noqa: PLC0415

        with (
            show_progress(quiet=self.quiet, verbose=self.log is not None) as progress,
            nullcontext() if self.log is None else self.log.printing_by(progress.print_line),
        ):
            yield progress

    @contextmanager
    def show_matrix_progress(self) -> Iterator[MatrixProgress]:
        """Show the events of a matrix on stderr."""
        from minreq.cli.matrixprogress import show_matrix_progress  # noqa: PLC0415 # As above.

        with (
            show_matrix_progress(quiet=self.quiet) as progress,
            nullcontext() if self.log is None else self.log.printing_by(progress.print_line),
        ):
            yield progress

    def note(self, sentence: str) -> None:
        """Print *sentence* for a person, unless ``--quiet`` or ``--json`` was given."""
        if not (self.quiet or self.as_json):
            output.print_note(sentence)

    def check_document(self, option: str, file: Path | None) -> None:
        """Raise before the work begins if the document of *option* cannot be written to *file*.

        Raises ``InvalidOptions`` and ``OutputUnwritable``.
        """
        from minreq.lockfile import writing  # noqa: PLC0415 # As above.

        self.check_printing(option, file)
        if file not in {None, STDOUT}:
            writing.check_writable(file)

    def check_printing(self, option: str, file: Path | None) -> None:
        """Raise ``InvalidOptions`` if the document of *option* and the result would both be printed."""
        if file == STDOUT and self.as_json:
            raise InvalidOptions([f"{option} - and --json both print to standard output; name a file for {option}"])

    def write_document(self, file: Path | None, render: Callable[[], str]) -> None:
        """Write the document to *file*; ``STDOUT``: print it, in the place of the result."""
        from minreq.lockfile import writing  # noqa: PLC0415 # As above.

        if file == STDOUT:
            output.print_file(render())
        elif file is not None:
            writing.write_files({file: render()})

    def print_result(self, data: Callable[[], Mapping[str, Any]], lines: Iterable[str] = ()) -> None:
        """Print *data* with ``--json``, else *lines*."""
        if self.as_json:
            output.print_json(data())
        else:
            output.print_lines(lines)

    def print_text(self, data: Callable[[], Mapping[str, Any]], text: str) -> None:
        """Print *data* with ``--json``, else *text*, which is for another program, as it is."""
        if self.as_json:
            output.print_json(data())
        elif text:
            output.print_file(text)


@contextmanager
def after_result() -> Iterator[None]:
    """Mark errors that are raised inside: the result was printed before, so no JSON error follows."""
    try:
        yield
    except MinreqError as error:
        error.has_result = True
        raise


def pass_report(function: Function) -> Callable[..., Any]:
    """Declare the output options and ``--name``, and pass them to *function* as the keyword ``report``."""
    return report_options(_with_report(function))


def pass_output(function: Function) -> Callable[..., Any]:
    """Do the same as `pass_report` for a command that reads no configuration: it has no ``--name``."""

    @functools.wraps(function)
    def command(*args: Any, **flags: Any) -> Any:
        return _with_report(function)(*args, name=None, **flags)

    return output_options(command)


def _with_report(function: Function) -> Callable[..., Any]:
    @functools.wraps(function)
    def command(*args: Any, name: str | None, as_json: bool, **flags: Any) -> Any:
        log = LogPrinter() if is_verbose() else None
        report = Report(name=name, as_json=as_json, quiet=is_quiet(), log=log)
        with nullcontext() if log is None else log.listening():
            return function(*args, report=report, **flags)

    return command
