"""``minreq verify``."""

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
    run_options,
)
from minreq.cli.reported import Report, reported
from minreq.cli.text import counted
from minreq.config.settings import verify_settings

_EXAMPLES = """\
Examples:
  minreq verify
  minreq verify requirements-minimal.txt
  minreq verify --path build/function.zip
  minreq verify --python .venv/bin/python
"""


def _artifact_options(function: Function) -> Function:
    group = Group("What is verified, if not a fresh environment made from the lock")
    return declared(
        function,
        group.declare("--path", type=Path, metavar="DIR|ZIP", help="What some other tool built from the lock."),
        group.declare("--python", metavar="EXE", help="The interpreter of an environment made from the lock."),
        group.option("smoke", "Where a smoke script of the lock is now, if it was moved.", metavar="FILE"),
    )


@click.command("verify", cls=GroupedCommand, short_help="Prove a lock again.", epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_artifact_options
@run_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Prove LOCK again: run its smoke on nothing but the lock, and compare with what was recorded.

    LOCK is what `minreq lock` writes if not said.
    """
    told = report.settings(verify_settings, flags)
    with report.watching() as progress:
        lock = engine.verify(told, progress)
        progress.finished([f"{told.lock} holds: {counted(len(lock.selection.kept), 'distribution')}, proven again"])
    report.result(lambda: {"lock": told.lock.as_posix(), "holds": True, "stages": list(lock.stages)})
