"""``minreq check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli import output
from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    cache_dir,
    output_options,
    read_configuration,
)
from minreq.cli.text import align_columns, pluralize, printable
from minreq.config.exports import EnvironmentSettings, environment_settings

if TYPE_CHECKING:
    from minreq.environment import EnvironmentStatus

_EXAMPLES = """\
Examples:
  minreq check .venv
  minreq check .venv/bin/python --lock requirements-minimal.txt
  minreq check build/layer.zip
"""


def _options(function: Function) -> Function:
    group = Group("This command")
    return add_options(
        function,
        group.declare("--lock", type=Path, metavar="FILE", help="The lock. Default: the output of `minreq lock`."),
        group.declare("--name", metavar="NAME", help="The table [tool.minreq.locks.NAME] of pyproject.toml to use."),
        output_options,
        group.declare("-q", "--quiet", is_flag=True, help="Print only errors."),
    )


@click.command("check", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("environment", default=".venv", metavar="[ENV]")
@_options
@click.pass_obj
def command(engine: Engine, /, *, name: str | None, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Check that ENV (default: .venv) has exactly the distributions of the lock.

    `pip check` reports each distribution that the lock leaves out as missing; this command knows that they are left
    out. ENV is an interpreter, a virtual environment, a folder of packages or a zip. This command runs nothing;
    `minreq verify` runs the smoke.
    """
    settings = environment_settings({**flags, "cache_dir": cache_dir()}, read_configuration(name))
    standing = engine.check(settings)
    if as_json:
        output.print_json(_to_json_data(settings, standing))
    elif not quiet:
        number = pluralize(len(standing.lock.selection.kept), "distribution")
        gaps = f", {pluralize(len(standing.gaps), 'unmet requirement')}" if standing.gaps else ""
        output.print_lines([f"{settings.environment} matches {settings.lock}: {number}{gaps}"])
        rows = [(f"  {gap.of}", f"declares {gap.requirement}", printable(gap.reason)) for gap in standing.gaps]
        output.print_lines(align_columns(rows) if rows else ())


def _to_json_data(settings: EnvironmentSettings, standing: EnvironmentStatus) -> dict[str, Any]:
    return {
        "lock": settings.lock.as_posix(),
        "environment": settings.environment,
        "holds": True,
        "distributions": len(standing.lock.selection.kept),
        "gaps": [{"of": gap.of, "requirement": gap.requirement, "why": gap.reason} for gap in standing.gaps],
    }
