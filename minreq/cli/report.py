"""The head that commands share: what they were told, the display while they work, the result as data."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from minreq.cli.options import Function, cache_dir, configured, report_options
from minreq.errors import MinreqError

if TYPE_CHECKING:
    from minreq.cli.progress import Progress

Settings = TypeVar("Settings")

#: Of what `--json` prints; it grows when a reader of the old one could misunderstand the new one (docs/json.md).
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How the user wants to be told."""

    #: Which of the named locks of ``pyproject.toml``.
    name: str | None
    as_json: bool
    quiet: bool
    verbose: bool

    def settings(
        self, join: Callable[[Mapping[str, Any], Mapping[str, Any]], Settings], flags: Mapping[str, Any]
    ) -> Settings:
        """Return *flags* and what ``pyproject.toml`` says, as *join* makes one value of them."""
        return join({**flags, "cache_dir": cache_dir()}, configured(self.name))

    def watching(self) -> AbstractContextManager[Progress]:
        """Show on stderr what the reporter given is told."""
        # Imported here, since a usage error or help needs nothing of it.
        from minreq.cli.progress import watching  # noqa: PLC0415

        return watching(quiet=self.quiet, verbose=self.verbose)

    def result(self, data: Callable[[], Mapping[str, Any]], lines: Iterable[str] = ()) -> None:
        """Print *data* if JSON was asked for, else *lines*."""
        for line in (document(data()),) if self.as_json else lines:
            click.echo(line)


@contextmanager
def judging() -> Iterator[None]:
    """Say of what fails in here that the result was printed before."""
    try:
        yield
    except MinreqError as error:
        error.has_result = True
        raise


def document(data: Mapping[str, Any]) -> str:
    """Return *data* as JSON, the number of its schema first."""
    return json.dumps({"schema": SCHEMA, **data}, indent=1)


def reported(function: Function) -> Callable[..., Any]:
    """Declare what is printed and which lock is meant, and hand it on as the keyword ``report``."""

    @functools.wraps(function)
    def command(*args: Any, name: str | None, as_json: bool, quiet: bool, verbose: bool, **flags: Any) -> Any:
        report = Report(name=name, as_json=as_json, quiet=quiet, verbose=verbose)
        return function(*args, report=report, **flags)

    return report_options(command)
