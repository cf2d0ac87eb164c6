"""``minreq check``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand
from minreq.cli.report import Report, pass_report
from minreq.cli.text import align_columns, printable
from minreq.config.exports import EnvironmentSettings, environment_settings
from minreq.counts import pluralize

if TYPE_CHECKING:
    from minreq.environment import EnvironmentStatus

_EXAMPLES = """\
Examples:
  minreq check .venv
  minreq check .venv/bin/python --lock requirements-minimal.txt
  minreq check build/layer.zip
"""


@click.command("check", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("environment", default=".venv", metavar="[ENV]")
@Group("This command").declare(
    "--lock", type=Path, metavar="FILE", help="The lock. Default: the output of `minreq lock`."
)
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Check that ENV (default: .venv) has exactly the distributions of the lock.

    `pip check` reports each distribution that the lock leaves out as missing; this command knows that they are left
    out. ENV is an interpreter, a virtual environment, a folder of packages or a zip. This command runs nothing;
    `minreq verify` runs the smoke.
    """
    settings = report.settings(environment_settings, flags)
    standing = engine.check(settings)
    for line in _format_lines(settings, standing):
        report.note(line)
    report.print_result(lambda: _to_json_data(settings, standing))


def _format_lines(settings: EnvironmentSettings, standing: EnvironmentStatus) -> Iterator[str]:
    number = pluralize(len(standing.lock.selection.kept), "distribution")
    gaps = f", {pluralize(len(standing.gaps), 'unmet requirement')}" if standing.gaps else ""
    yield f"{settings.environment} matches {settings.lock}: {number}{gaps}"
    rows = [(f"  {gap.of}", f"declares {gap.requirement}", printable(gap.reason)) for gap in standing.gaps]
    yield from align_columns(rows) if rows else ()


def _to_json_data(settings: EnvironmentSettings, standing: EnvironmentStatus) -> dict[str, Any]:
    return {
        "lock": settings.lock.as_posix(),
        "environment": settings.environment,
        "holds": True,
        "distributions": len(standing.lock.selection.kept),
        "gaps": [{"of": gap.of, "requirement": gap.requirement, "why": gap.reason} for gap in standing.gaps],
    }
