"""``minreq sync``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    index_options,
)
from minreq.cli.report import Report, pass_report
from minreq.config.exports import environment_settings
from minreq.counts import pluralize

_EXAMPLES = """\
Examples:
  minreq sync --python .venv/bin/python
  minreq sync --python .venv requirements-minimal.txt --dry-run
"""


def _environment_options(function: Function) -> Function:
    group = Group("Environment")
    return add_options(
        function,
        group.declare(
            "--python",
            "environment",
            required=True,
            metavar="EXE",
            help="The interpreter of the environment. It must not be minreq's own.",
        ),
        group.declare("--dry-run", is_flag=True, help="Only print what would change."),
    )


@click.command("sync", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_environment_options
@Group("Runs").option("require-sandbox", "Build no source distribution unless the kernel isolates the build.")
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Make an environment equal to LOCK (default: the output of `minreq lock`).

    minreq starts pip-sync of pip-tools, without dependencies. pip-sync installs what is missing and removes
    distributions that are not in the lock.
    """
    settings = report.settings(environment_settings, flags)
    with report.show_progress() as progress:
        standing = engine.sync(settings, progress)
        number = pluralize(len(standing.lock.selection.kept), "distribution")
        summary = (
            "Nothing changed (--dry-run)"
            if settings.dry_run
            else f"{settings.environment} matches {settings.lock}: {number}"
        )
        progress.finish([summary])
    report.print_result(
        lambda: {
            "lock": settings.lock.as_posix(),
            "dry_run": settings.dry_run,
            "installed": {each: str(version) for each, version in sorted(standing.installed.items())},
        }
    )
