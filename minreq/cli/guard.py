"""``minreq guard``."""

from __future__ import annotations

from pathlib import Path

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand, configured, output_options
from minreq.cli.reported import document
from minreq.config.settings import DEFAULT_OUTPUT

_EXAMPLES = """\
Examples:
  minreq guard -o python/
  minreq guard requirements-minimal.txt -o src/
"""
_GROUP = Group("This command")


@click.command("guard", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_GROUP.declare("-o", "--output", "folder", type=Path, required=True, metavar="DIR", help="Where it is written.")
@_GROUP.declare("--name", metavar="NAME", help="Which of the [tool.minreq.locks] of pyproject.toml is meant.")
@output_options
@click.pass_obj
def command(engine: Engine, /, *, lock: Path | None, folder: Path, name: str | None, as_json: bool) -> None:
    """Write minreq_guard.py, a module with which a miss tells itself, for a program that runs on LOCK.

    The program imports it first. It needs the standard library alone.
    """
    path = lock or configured(name).get("output", DEFAULT_OUTPUT)
    file = engine.guard(path, folder)
    if as_json:
        click.echo(document({"file": file.as_posix()}))
    else:
        click.echo(f"wrote {file}; `import {file.stem}` before anything else", err=True)
