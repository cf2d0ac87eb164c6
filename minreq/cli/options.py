"""Click options, made from `minreq.config.options`, and help that shows them under headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from minreq.cli import choices, output
from minreq.cli.messages import Function as Function, message_options  # noqa: PLC0414 # Re-exported for the commands.
from minreq.config import options, pyproject
from minreq.config.paths import cache_dir as cache_dir  # noqa: PLC0414 # Re-exported for the commands.
from minreq.errors import UnknownLock

# click adds --help itself, without a heading.
_LAST_HEADING = "This command"
_INDEX_HEADING = "Index (as pip; minreq also reads pip's configuration files and variables)"
#: Takes the place of a hyphen while click wraps a text: it would break a name such as ``tools-streaming``.
_HYPHEN = "\ue000"
#: The features of litellm, for the help of every command that takes features.
FEATURES_OF_LITELLM = (
    "Of litellm, by default: chat, streaming, async, async-streaming, tools, tools-streaming, embeddings, tokens, "
    "errors, credentials, client; by name also: text, router, caching, disk-caching, images, audio, rerank, responses, "
    "tokenizers, http2, structured."
)
#: The key of ``Context.meta`` whose value says which options the help shows: ``index`` for the index options alone,
#: ``all`` for all; without it the help has one line for the index options.
SHOWN_OPTIONS = "minreq.options"


def convert_with(
    convert: Callable[[str], Any], *, commas: bool = False
) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """Return an option callback that converts the text by *convert*; a ``ValueError`` becomes a usage error."""

    def callback(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
        try:
            if isinstance(value, tuple):
                parts = [part.strip() for text in value for part in (text.split(",") if commas else [text])]
                return tuple(convert(part) for part in parts if part)
            return None if value is None else convert(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return callback


#: The callback of an option that is a path, or ``-``.
to_path = convert_with(options.parse_path)


class _GroupedOption(click.Option):
    """An option with the heading under which the help shows it."""

    def __init__(self, *args: Any, group: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help shows the options under headings, in the order of declaration."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a section for each heading."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                groups.setdefault(getattr(parameter, "group", _LAST_HEADING), []).append(record)
        shown, start = ctx.meta.get(SHOWN_OPTIONS), len(formatter.buffer)
        for group, records in groups.items():
            is_index = group == _INDEX_HEADING
            if shown == "index" and not is_index:
                continue
            with formatter.section(group):
                if is_index and shown is None:
                    records = [("--help-index", f"Show the {len(records) - 1} options of the index and exit.")]  # noqa: PLW2901
                formatter.write_dl([(names, text.replace("-", _HYPHEN)) for names, text in records], col_max=26)
        formatter.buffer[start:] = [part.replace(_HYPHEN, "-") for part in formatter.buffer[start:]]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 # click's.
        """Write the examples without wrapping them."""
        formatter.write_paragraph()
        formatter.write(self.epilog or "")


class Group:
    """A heading of the help; its methods declare options under it."""

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
        """Declare the option *name* of the configuration with the help *text*.

        A switch that ``pyproject.toml`` can turn on also gets a ``--no-`` form.
        """
        option = known[name]
        if option.switch:
            names = f"--{name}/--no-{name}" if option.configurable and name != "no-index" else f"--{name}"
            return self.declare(*short, names, option.field, is_flag=True, default=None, help=text)
        return self.declare(
            *short,
            f"--{name}",
            option.field,
            callback=convert_with(option.convert, commas=option.commas),
            multiple=option.many,
            shell_complete=choices.find_completion(name, commas=option.commas),
            metavar=metavar,
            help=text,
        )

    def declare(self, *names: str, **attributes: Any) -> Callable[[Function], Function]:
        """Declare an option that is not in ``pyproject.toml``; the arguments are those of ``click.option``."""
        return click.option(*names, cls=_GroupedOption, group=self._heading, **attributes)


_INDEX = Group(_INDEX_HEADING)


def index_options(function: Function) -> Function:
    """Declare pip's index options."""
    return add_options(
        function,
        location_options,
        _INDEX.option("only-binary", "Use no source distributions of these projects; :all: for all.", metavar="NAMES"),
        _INDEX.option("no-binary", "Use no wheels of these projects; :all: for all.", metavar="NAMES"),
    )


def location_options(function: Function) -> Function:
    """Declare those of pip's index options that say where files come from."""
    group = _INDEX
    return add_options(
        function,
        group.declare(
            "--help-index",
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_show_index_options,
            help="Show these options and exit.",
        ),
        group.option("index-url", "Base URL of the index.", "-i", metavar="URL"),
        group.option("extra-index-url", "An additional index.", metavar="URL"),
        group.option("find-links", "A folder of archives, or a page that links to them.", "-f", metavar="LOCATION"),
        group.option(
            "index-strategy",
            "first-index (the default): use the first index that has the project; unsafe-best-match: all, as pip.",
            metavar="STRATEGY",
        ),
        group.option("no-index", "Use only --find-links."),
        group.option("offline", "Use only the cache; ask no index."),
        group.option("cert", "A bundle of CA certificates to trust.", metavar="PATH"),
        group.option("client-cert", "The client certificate, with its key.", metavar="PATH"),
        group.option("trusted-host", "Do not check the certificate of this host.", metavar="HOST"),
    )


def run_options(function: Function) -> Function:
    """Declare the limits of a run."""
    group = Group("Runs")
    return add_options(
        function,
        group.option("jobs", "The number of parallel runs. Default: the number of processors.", "-j", metavar="N"),
        group.option("timeout", "The time limit of one run of the smoke. Default: 300.", metavar="SECONDS"),
        group.option("require-sandbox", "Run nothing unless the kernel isolates it."),
    )


def report_options(function: Function) -> Function:
    """Declare the options of the output, and the name of the lock."""
    group = Group(_LAST_HEADING)
    return add_options(
        function,
        group.declare("--name", metavar="NAME", help="The table [tool.minreq.locks.NAME] of pyproject.toml to use."),
        output_options,
    )


def output_options(function: Function) -> Function:
    """Declare the options of the output that every command has."""
    group = Group(_LAST_HEADING)
    return add_options(
        function,
        group.declare("--json", "as_json", is_flag=True, help="Print the result, or the error, as JSON."),
        message_options,
    )


def _show_index_options(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 # click's.
    """Print the help of the index options and exit."""
    if value and not context.resilient_parsing:
        context.meta[SHOWN_OPTIONS] = "index"
        formatter = context.make_formatter()
        context.command.format_options(context, formatter)
        output.print_file(formatter.getvalue())
        context.exit()


def add_options(function: Function, *declarations: Callable[[Function], Function]) -> Function:
    """Add options to *function* so that the help shows them in this order."""
    for declare in reversed(declarations):
        function = declare(function)
    return function


def read_configuration(name: str | None) -> Mapping[str, Any]:
    """Return the values in ``pyproject.toml``, by field of ``Settings``."""
    configuration = _find_configuration(name)
    return pyproject.read_values(configuration, name) if configuration else {}


def read_shared_configuration() -> Mapping[str, Any]:
    """Return the values in ``[tool.minreq]`` itself, by field of ``Settings``."""
    configuration = _find_configuration(None)
    return pyproject.read_shared_values(configuration) if configuration else {}


def read_build_configuration(name: str | None) -> Mapping[str, Any]:
    """Return the values for builds in ``pyproject.toml``, by field of ``BuildSettings``."""
    configuration = _find_configuration(name)
    return pyproject.read_build_values(configuration, name) if configuration else {}


def _find_configuration(name: str | None) -> pyproject.Configuration | None:
    configuration = pyproject.find_configuration(Path())
    if configuration is None and name is not None:
        raise UnknownLock(name, ())
    return configuration
