"""``minreq export``."""

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
from minreq.config.exports import FORMATS, export_settings

_EXAMPLES = """\
Examples:
  minreq export --format pylock
  minreq export --format uv -o uv-minimal.toml
  minreq export --format uv-excludes -o excludes.txt
  minreq export --format wheelhouse -o wheelhouse && pip install -r wheelhouse/requirements.txt
"""


def _format_options(function: Function) -> Function:
    group = Group("The format")
    return declared(
        function,
        group.declare(
            "--format",
            type=click.Choice([*FORMATS]),
            required=True,
            help="pylock (PEP 751); uv, a [tool.uv] block; uv-excludes, for uv pip compile; wheelhouse, a folder of "
            "wheels that plain pip accepts.",
        ),
        group.declare("-o", "--output", type=Path, metavar="FILE", help="Where it is written; beside the lock."),
    )


@click.command("export", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_format_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Write LOCK, what `minreq lock` writes if not said, as other tools read it.

    Nothing is resolved: the set is that of the lock.
    """
    told = report.settings(export_settings, flags)
    with report.watching() as progress:
        exported = engine.export(told, progress)
        number = len(exported.lock.selection.kept)
        made = f", {len(exported.repacked)} of them repacked" if exported.repacked else ""
        progress.finished([f"Wrote {exported.output} with {counted(number, 'distribution')}{made}"])
    report.result(
        lambda: {
            "lock": told.lock.as_posix(),
            "format": told.format,
            "output": exported.output.as_posix(),
            "distributions": number,
            "repacked": list(exported.repacked),
        }
    )
