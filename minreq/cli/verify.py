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
from minreq.config.settings import VerifySettings, verify_settings

_EXAMPLES = """\
Examples:
  minreq verify
  minreq verify requirements-minimal.txt
  minreq verify --path build/function.zip
  minreq verify --python .venv/bin/python
  minreq verify --export-smoke canary.py
"""


def _artifact_options(function: Function) -> Function:
    group = Group("What is verified, if not a fresh environment made from the lock")
    return declared(
        function,
        group.declare("--path", type=Path, metavar="DIR|ZIP", help="What some other tool built from the lock."),
        group.declare("--python", metavar="EXE", help="The interpreter of an environment made from the lock."),
        group.declare(
            "--export-smoke",
            "canary",
            type=Path,
            metavar="FILE",
            help="Verify nothing; write the smoke as a script that calls the real endpoints, for you to run.",
        ),
        group.option("smoke", "Where a smoke script of the lock is now, if it was moved.", metavar="FILE"),
    )


@click.command("verify", cls=GroupedCommand, short_help="Prove a lock again.", epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_artifact_options
@run_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, canary: Path | None, **flags: Any) -> None:
    """Prove LOCK again: run its smoke on nothing but the lock, and compare with what was recorded.

    LOCK is what `minreq lock` writes if not said.
    """
    told = report.settings(verify_settings, flags)
    if canary is not None:
        _export(engine, told, canary, report)
        return
    with report.watching() as progress:
        lock = engine.verify(told, progress)
        progress.finished([f"{told.lock} holds: {counted(len(lock.selection.kept), 'distribution')}, proven again"])
    report.result(lambda: {"lock": told.lock.as_posix(), "holds": True, "stages": list(lock.stages)})


def _export(engine: Engine, told: VerifySettings, file: Path, report: Report) -> None:
    """Write the canary of a lock, and say what it is."""
    made = engine.canary(told, file)
    report.result(lambda: {"file": file.as_posix(), "stages": list(made.stages), "left_out": list(made.left_out)})
    if report.as_json:
        return
    if made.left_out:
        click.echo(f"left out, since only an emulator can be asked for it: {', '.join(made.left_out)}", err=True)
    calls = "with your credentials in its environment it calls the real endpoints; minreq never runs it"
    click.echo(f"wrote {file}, {counted(len(made.stages), 'stage')}; {calls}", err=True)
