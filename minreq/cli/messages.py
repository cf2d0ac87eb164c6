"""The options that say how much minreq prints on stderr; every command has them, and the group of commands too."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from minreq.errors import InvalidOptions

#: A function that an option decorates.
Function = TypeVar("Function", bound=Callable[..., Any])

_QUIET, _VERBOSE = "minreq.quiet", "minreq.verbose"


def message_options(function: Function) -> Function:
    """Declare the options. They work before and after the name of the command."""
    for declare in (
        _switch("-v", "--verbose", help="Print each event, and each file of yours, on its own line."),
        _switch("-q", "--quiet", help="Print only the result, and errors."),
        _switch("--no-color", help="Print without colours (as NO_COLOR=1)."),
    ):
        function = declare(function)
    return function


def _switch(*names: str, help: str) -> Callable[[Function], Function]:  # noqa: A002 - click's.
    return click.option(*names, is_flag=True, expose_value=False, callback=_keep, help=help)


def _keep(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's.
    """Keep the value where the group and the command find it."""
    if not value:
        return
    if parameter.name == "no_color":
        # Obeyed by minreq and by the tools that it starts.
        os.environ["NO_COLOR"] = "1"
    context.meta[f"minreq.{parameter.name}"] = True


def is_quiet() -> bool:
    """Whether ``--quiet`` was given; raise ``InvalidOptions`` if ``--verbose`` was given, too."""
    meta = click.get_current_context().meta
    if _QUIET in meta and _VERBOSE in meta:
        raise InvalidOptions(["--quiet and --verbose exclude each other; give one"])
    return _QUIET in meta


def is_verbose() -> bool:
    """Whether ``--verbose`` was given."""
    return _VERBOSE in click.get_current_context().meta
