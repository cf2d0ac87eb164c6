"""What commands share: joining the settings, showing progress, printing the result."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from minreq.cli import output
from minreq.cli.options import Function, cache_dir, read_configuration, report_options
from minreq.errors import MinreqError

if TYPE_CHECKING:
    from minreq.cli.progress import Progress

Settings = TypeVar("Settings")


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The output options of a command."""

    #: The name of the lock in ``pyproject.toml``.
    name: str | None
    as_json: bool
    quiet: bool
    verbose: bool

    def settings(
        self, join: Callable[[Mapping[str, Any], Mapping[str, Any]], Settings], flags: Mapping[str, Any]
    ) -> Settings:
        """Join *flags* and the values in ``pyproject.toml`` by *join*."""
        return join({**flags, "cache_dir": cache_dir()}, read_configuration(self.name))

    def show_progress(self) -> AbstractContextManager[Progress]:
        """Show the events of the reporter on stderr."""
        # Imported here: help and usage errors do not need it.
        from minreq.cli.progress import show_progress  # noqa: PLC0415

        return show_progress(quiet=self.quiet, verbose=self.verbose)

    def print_result(self, data: Callable[[], Mapping[str, Any]], lines: Iterable[str] = ()) -> None:
        """Print *data* with ``--json``, else *lines*."""
        if self.as_json:
            output.print_json(data())
        else:
            output.print_lines(lines)


@contextmanager
def after_result() -> Iterator[None]:
    """Mark errors that are raised inside: the result was printed before, so no JSON error follows."""
    try:
        yield
    except MinreqError as error:
        error.has_result = True
        raise


def pass_report(function: Function) -> Callable[..., Any]:
    """Declare the output options and pass them to *function* as the keyword ``report``."""

    @functools.wraps(function)
    def command(*args: Any, name: str | None, as_json: bool, quiet: bool, verbose: bool, **flags: Any) -> Any:
        report = Report(name=name, as_json=as_json, quiet=quiet, verbose=verbose)
        return function(*args, report=report, **flags)

    return report_options(command)
