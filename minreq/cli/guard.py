"""``minreq guard``."""

from __future__ import annotations

from pathlib import Path

import click

from minreq.cli import output
from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand, output_options, read_configuration
from minreq.config.settings import DEFAULT_OUTPUT

_EXAMPLES = """\
Examples:
  minreq guard -o python/
  minreq guard requirements-minimal.txt -o src/
"""
_GROUP = Group("This command")


@click.command("guard", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_GROUP.declare("-o", "--output", "folder", type=Path, required=True, metavar="DIR", help="The folder of the module.")
@_GROUP.declare("--name", metavar="NAME", help="The table [tool.minreq.locks.NAME] of pyproject.toml to use.")
@output_options
@click.pass_obj
def command(engine: Engine, /, *, lock: Path | None, folder: Path, name: str | None, as_json: bool) -> None:
    """Write minreq_guard.py, a module that logs misses, for a program that runs on LOCK.

    The program imports this module first. The module needs only the standard library.
    """
    path = lock or read_configuration(name).get("output", DEFAULT_OUTPUT)
    file = engine.guard(path, folder)
    if as_json:
        output.print_json({"file": file.as_posix()})
    else:
        output.print_note(f"wrote {file}; put `import {file.stem}` before all other imports")
