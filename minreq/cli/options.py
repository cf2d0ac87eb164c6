"""Options of click made from the options there are, and help that shows them in groups."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from minreq.config import options, pyproject
from minreq.config.places import cache_dir as cache_dir  # noqa: PLC0414 # Said again, for the commands.
from minreq.errors import UnknownLock

# click adds --help itself, and knows no heading.
_LAST_HEADING = "This command"

#: What a declaration decorates.
Function = TypeVar("Function", bound=Callable[..., Any])


def converting(
    convert: Callable[[str], Any], *, commas: bool = False
) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return the callback of an option whose texts *convert* reads; its ``ValueError`` is a usage error."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                parts = [part.strip() for text in value for part in (text.split(",") if commas else [text])]
                return tuple(convert(part) for part in parts if part)
            return None if value is None else convert(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


class _GroupedOption(click.Option):
    """An option that knows under which heading the help has it."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose options stand in the help under headings, in the order they were declared."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", _LAST_HEADING), []).append(record)
        for group, records in groups.items():
            with formatter.section(group):
                formatter.write_dl(records, col_max=26)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's.
        """Examples stay as they were written."""
        formatter.write_paragraph()
        formatter.write(self.epilog or "")


class Group:
    """A heading of the help, under which options are declared."""

    def __init__(self, heading: str) -> None:
        self._heading = heading

    def option(
        self,
        name: str,
        text: str,
        *short: str,
        metavar: str = "",
        known: Mapping[str, options.Option] = options.OPTIONS,
    ) -> Callable[[Function], Function]:
        """Declare the option *name* of the configuration; *text* is its help.

        What can be switched on in ``pyproject.toml`` can be switched off here.
        """
        option = known[name]
        if option.switch:
            names = f"--{name}/--no-{name}" if option.configurable and name != "no-index" else f"--{name}"
            return self.declare(*short, names, option.field, is_flag=True, default=None, help=text)
        return self.declare(
            *short,
            f"--{name}",
            option.field,
            callback=converting(option.convert, commas=option.commas),
            multiple=option.many,
            metavar=metavar,
            help=text,
        )

    def declare(self, *names: str, **attributes: Any) -> Callable[[Function], Function]:
        """Declare an option of the command line alone, as ``click.option`` does."""
        return click.option(*names, cls=_GroupedOption, group=self._heading, **attributes)


def index_options(function: Function) -> Function:
    """Declare pip's index options."""
    group = Group("Index (as in pip, whose configuration files and variables count too)")
    return declared(
        function,
        group.option("index-url", "Base URL of the index.", "-i", metavar="URL"),
        group.option("extra-index-url", "Another index beside it.", metavar="URL"),
        group.option("find-links", "A folder of archives, or a page that links to them.", "-f", metavar="LOCATION"),
        group.option(
            "index-strategy",
            "first-index (the default): take a project from the first that has it; unsafe-best-match: as pip does.",
            metavar="STRATEGY",
        ),
        group.option("no-index", "Look in --find-links alone."),
        group.option("offline", "Ask no index: what is not in the cache cannot be had."),
        group.option("cert", "Certificate authorities to trust.", metavar="PATH"),
        group.option("client-cert", "Certificate to show, with its key.", metavar="PATH"),
        group.option("trusted-host", "A host whose certificate is not checked.", metavar="HOST"),
        group.option("only-binary", "Use no source distribution of these; :all: for all.", metavar="NAMES"),
        group.option("no-binary", "Use no wheel of these; :all: for all.", metavar="NAMES"),
    )


def run_options(function: Function) -> Function:
    """Declare how much a run may take."""
    group = Group("Runs")
    return declared(
        function,
        group.option("jobs", "How many runs at once; as many as processors if not said.", "-j", metavar="N"),
        group.option("timeout", "What one run of the smoke may take; 300 if not said.", metavar="SECONDS"),
        group.option("require-sandbox", "Run nothing unless the kernel walls it off."),
    )


def report_options(function: Function) -> Function:
    """Declare what is printed, and which lock is meant."""
    group = Group(_LAST_HEADING)
    return declared(
        function,
        group.declare("--name", metavar="NAME", help="Which of the [tool.minreq.locks] of pyproject.toml is meant."),
        output_options,
        group.declare("-q", "--quiet", is_flag=True, help="Print errors alone."),
        group.declare("-v", "--verbose", is_flag=True, help="Print every event on a line of its own."),
    )


def output_options(function: Function) -> Function:
    """Declare how a result is printed, as every command takes it."""
    group = Group(_LAST_HEADING)
    return declared(
        function,
        group.declare("--json", "as_json", is_flag=True, help="Print the result, or the error, as JSON."),
        group.declare(
            "--no-color",
            is_flag=True,
            expose_value=False,
            callback=_without_color,
            help="No colours, as NO_COLOR.",
        ),
    )


def _without_color(_context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 # click's.
    """What prints asks the variable, and so do the tools that are started."""
    if value:
        os.environ["NO_COLOR"] = "1"


def declared(function: Function, *declarations: Callable[[Function], Function]) -> Function:
    """Declare options in the order in which the help has them."""
    for declare in reversed(declarations):
        function = declare(function)
    return function


def configured(name: str | None) -> Mapping[str, Any]:
    """Return what ``pyproject.toml`` says, by field of the settings."""
    configuration = _configuration(name)
    return pyproject.values(configuration, name) if configuration else {}


def configured_build(name: str | None) -> Mapping[str, Any]:
    """Return what ``pyproject.toml`` says of builds, by field of their settings."""
    configuration = _configuration(name)
    return pyproject.build_values(configuration, name) if configuration else {}


def _configuration(name: str | None) -> pyproject.Configuration | None:
    configuration = pyproject.find(Path())
    if configuration is None and name is not None:
        raise UnknownLock(name, ())
    return configuration
