"""``minreq build``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    configured_build,
    declared,
    index_options,
    run_options,
)
from minreq.cli.reported import Report, reported
from minreq.config.artifacts import BUILD_OPTIONS, build_settings

_EXAMPLES = """\
Examples:
  minreq build -o layer.zip
  minreq build requirements-minimal.txt -o package/ --slim unused
  minreq build -o layer.zip --slim traced --smoke my_smoke.py --reserve 1200000 --budget 262144000
  minreq build -o layers/ --layers --slim unused
  minreq build -o layer.zip --keep 'litellm/proxy/*' --drop 'litellm/llms/vertex_ai/*'
"""


def _slim_options(function: Function) -> Function:
    option = partial(Group("What is left out").option, known=BUILD_OPTIONS)
    return declared(
        function,
        option(
            "slim",
            "none: nothing; safe (the default): what no program reads; unused: what the smoke does not reach; traced: "
            "what it does not open.",
            metavar="LEVEL",
        ),
        option("keep", "Keep these paths, whatever the level says.", metavar="PATTERN"),
        option("drop", "Leave out these paths.", metavar="PATTERN"),
        option(
            "bytecode",
            "add: compiled files beside the sources (the default); none; only: in their place.",
            metavar="WHAT",
        ),
        option("smoke", "Run this script too.", metavar="FILE"),
        option("yes-traced", "Trace with the smokes of minreq alone."),
    )


def _output_options(function: Function) -> Function:
    group = Group("What is written")
    option = partial(group.option, known=BUILD_OPTIONS)
    return declared(
        function,
        option("output", "A folder, or a file.zip.", "-o", metavar="OUT"),
        option("prefix", "Where in it packages lie; python in a zip if not said.", metavar="DIR"),
        option("layers", "A zip for all functions, and one per provider."),
        option("max-zip", "Write no archive that is larger.", metavar="BYTES"),
        option("platform", "Which of the lock's platforms.", metavar="NAME"),
        group.option("python", "The interpreter that runs the smoke, and compiles.", metavar="EXE"),
        group.option("budget", "Write nothing that comes to more, unpacked.", metavar="BYTES"),
        option("html", "Write a page about it, with a map of the sizes.", metavar="FILE"),
        option("reserve", "What the function and other layers need.", metavar="BYTES"),
    )


@click.command("build", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_slim_options
@_output_options
@run_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Install LOCK into a folder or a zip for AWS Lambda, leave out what is not needed, and prove the result.

    The smoke runs on the very tree that is written; what fails is not written.
    """
    # Imported here, since a usage error or help needs nothing of them.
    from minreq.cli import outcome  # noqa: PLC0415
    from minreq.lockfile import writing  # noqa: PLC0415

    told = report.settings(partial(build_settings, build=configured_build(report.name)), flags)
    if told.html is not None:
        writing.check(told.html)
    with report.watching() as progress:
        built = engine.build(told, progress)
        progress.finished(() if report.as_json else outcome.lines(built, progress.seconds))
    if told.html is not None:
        writing.write({told.html: outcome.page(built)})
    report.result(lambda: outcome.data(built))
