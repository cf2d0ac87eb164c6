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
    declared,
    index_options,
)
from minreq.cli.reported import Report, reported
from minreq.cli.text import counted
from minreq.config.exports import environment_settings

_EXAMPLES = """\
Examples:
  minreq sync --python .venv/bin/python
  minreq sync --python .venv requirements-minimal.txt --dry-run
"""


def _environment_options(function: Function) -> Function:
    group = Group("The environment")
    return declared(
        function,
        group.declare(
            "--python", "environment", required=True, metavar="EXE", help="Its interpreter; never minreq's own."
        ),
        group.declare("--dry-run", is_flag=True, help="Only tell what would be done."),
    )


@click.command("sync", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_environment_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Bring an environment to exactly LOCK, what `minreq lock` writes if not said.

    pip-tools' pip-sync does it, without dependencies: what is missing is installed, what is not in the lock removed.
    """
    told = report.settings(environment_settings, flags)
    with report.watching() as progress:
        standing = engine.sync(told, progress)
        number = counted(len(standing.lock.selection.kept), "distribution")
        done = "Nothing changed (--dry-run)" if told.dry_run else f"{told.environment} is {told.lock}: {number}"
        progress.finished([done])
    report.result(
        lambda: {
            "lock": told.lock.as_posix(),
            "dry_run": told.dry_run,
            "installed": {each: str(version) for each, version in sorted(standing.installed.items())},
        }
    )
