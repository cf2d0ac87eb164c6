"""``minreq sync``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    cache_dir,
    configured,
    declared,
    index_options,
    report_options,
)
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
@report_options
@click.pass_obj
def command(engine: Engine, /, *, name: str | None, as_json: bool, quiet: bool, verbose: bool, **flags: Any) -> None:
    """Bring an environment to exactly LOCK, what `minreq lock` writes if not said.

    pip-tools' pip-sync does it, without dependencies: what is missing is installed, what is not in the lock removed.
    """
    # Imported here, since a usage error or help needs nothing of it.
    from minreq.cli.progress import watching  # noqa: PLC0415

    told = environment_settings({**flags, "cache_dir": cache_dir()}, configured(name))
    with watching(quiet=quiet, verbose=verbose) as progress:
        standing = engine.sync(told, progress)
        number = counted(len(standing.lock.selection.kept), "distribution")
        done = "Nothing changed (--dry-run)" if told.dry_run else f"{told.environment} is {told.lock}: {number}"
        progress.finished([done])
    if as_json:
        installed = {each: str(version) for each, version in sorted(standing.installed.items())}
        result = {"schema": 1, "lock": told.lock.as_posix(), "dry_run": told.dry_run, "installed": installed}
        click.echo(json.dumps(result, indent=1))
