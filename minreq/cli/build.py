"""``minreq build``."""

from __future__ import annotations

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
    converting,
    declared,
    index_options,
    report_options,
    run_options,
)
from minreq.cli.reported import document
from minreq.config.artifacts import build_settings
from minreq.config.options import byte_count
from minreq.slimming.leaves import LEVELS

_EXAMPLES = """\
Examples:
  minreq build -o layer.zip
  minreq build requirements-minimal.txt -o package/ --slim unused
  minreq build -o layer.zip --slim traced --smoke my_smoke.py --reserve 1200000 --budget 262144000
  minreq build -o layers/ --layers --slim unused
  minreq build -o layer.zip --keep 'litellm/proxy/*' --drop 'litellm/llms/vertex_ai/*'
"""


def _slim_options(function: Function) -> Function:
    group = Group("What is left out")
    patterns = {"multiple": True, "metavar": "PATTERN"}
    return declared(
        function,
        group.declare(
            "--slim",
            type=click.Choice(LEVELS),
            help="Nothing; what no program reads (the default); what the smoke does not reach; what it does not open.",
        ),
        group.declare("--keep", **patterns, help="Keep these paths, whatever the level says."),
        group.declare("--drop", **patterns, help="Leave out these paths."),
        group.declare(
            "--bytecode",
            type=click.Choice(("add", "none", "only")),
            help="Compiled files beside the sources (the default), none, or in their place.",
        ),
        group.declare("--smoke", "smokes", type=Path, multiple=True, metavar="FILE", help="Run this script too."),
        group.declare("--yes-traced", is_flag=True, default=None, help="Trace with the smokes of minreq alone."),
    )


def _output_options(function: Function) -> Function:
    group = Group("What is written")
    size = converting(byte_count)
    return declared(
        function,
        group.declare("-o", "--output", type=Path, required=True, metavar="OUT", help="A folder, or a file.zip."),
        group.declare("--prefix", metavar="DIR", help="Where in it packages lie; python in a zip if not said."),
        group.declare("--layers", is_flag=True, default=None, help="A zip for all functions, and one per provider."),
        group.declare("--max-zip", callback=size, metavar="BYTES", help="Write no layer whose archive is larger."),
        group.declare("--platform", metavar="NAME", help="Which of the lock's platforms."),
        group.declare("--python", metavar="EXE", help="The interpreter that runs the smoke, and compiles."),
        group.declare("--budget", callback=size, metavar="BYTES", help="Write nothing that comes to more, unpacked."),
        group.declare("--html", type=Path, metavar="FILE", help="Write a page about it, with a map of the sizes."),
        group.declare("--reserve", callback=size, metavar="BYTES", help="What the function and other layers need."),
    )


@click.command("build", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_slim_options
@_output_options
@run_options
@index_options
@report_options
@click.pass_obj
def command(engine: Engine, /, *, name: str | None, as_json: bool, quiet: bool, verbose: bool, **flags: Any) -> None:
    """Install LOCK into a folder or a zip for AWS Lambda, leave out what is not needed, and prove the result.

    The smoke runs on the very tree that is written; what fails is not written.
    """
    # Imported here, since a usage error or help needs nothing of them.
    from minreq.cli import outcome  # noqa: PLC0415
    from minreq.cli.progress import watching  # noqa: PLC0415
    from minreq.lockfile import writing  # noqa: PLC0415

    told = build_settings({**flags, "cache_dir": cache_dir()}, configured(name))
    if told.html is not None:
        writing.check(told.html)
    with watching(quiet=quiet, verbose=verbose) as progress:
        built = engine.build(told, progress)
        progress.finished(() if as_json else outcome.lines(built, progress.seconds))
    if told.html is not None:
        writing.write({told.html: outcome.page(built)})
    if as_json:
        click.echo(document(outcome.data(built)))
