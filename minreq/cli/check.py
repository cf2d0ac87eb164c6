"""``minreq check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Function, Group, GroupedCommand, cache_dir, configured, declared, output_options
from minreq.cli.reported import document
from minreq.cli.text import columns, counted, printable
from minreq.config.exports import EnvironmentSettings, environment_settings

if TYPE_CHECKING:
    from minreq.environment import Standing

_EXAMPLES = """\
Examples:
  minreq check .venv
  minreq check .venv/bin/python --lock requirements-minimal.txt
  minreq check build/layer.zip
"""


def _options(function: Function) -> Function:
    group = Group("This command")
    return declared(
        function,
        group.declare("--lock", type=Path, metavar="FILE", help="The lock; what `minreq lock` writes if not said."),
        group.declare("--name", metavar="NAME", help="Which of the [tool.minreq.locks] of pyproject.toml is meant."),
        output_options,
        group.declare("-q", "--quiet", is_flag=True, help="Print errors alone."),
    )


@click.command("check", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("environment", default=".venv", metavar="[ENV]")
@_options
@click.pass_obj
def command(engine: Engine, /, *, name: str | None, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Tell whether ENV (.venv if not said) holds exactly the lock, where `pip check` complains of intended gaps.

    ENV is an interpreter, a virtual environment, a folder of packages or a zip. Nothing is run; `minreq verify` does.
    """
    told = environment_settings({**flags, "cache_dir": cache_dir()}, configured(name))
    standing = engine.check(told)
    if as_json:
        click.echo(document(_data(told, standing)))
    elif not quiet:
        number = counted(len(standing.lock.selection.kept), "distribution")
        gaps = f"; {counted(len(standing.gaps), 'intended gap')}" if standing.gaps else ""
        click.echo(f"{told.environment} is {told.lock}: {number}{gaps}")
        rows = [(f"  {gap.of}", f"declares {gap.requirement}", printable(gap.reason)) for gap in standing.gaps]
        for line in columns(rows) if rows else ():
            click.echo(line)


def _data(told: EnvironmentSettings, standing: Standing) -> dict[str, Any]:
    return {
        "lock": told.lock.as_posix(),
        "environment": told.environment,
        "holds": True,
        "distributions": len(standing.lock.selection.kept),
        "gaps": [{"of": gap.of, "requirement": gap.requirement, "why": gap.reason} for gap in standing.gaps],
    }
