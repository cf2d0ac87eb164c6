"""``minreq analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Function, Group, GroupedCommand, converting, declared, output_options
from minreq.cli.reported import document, judging
from minreq.config import AnalyzeSettings
from minreq.config.options import byte_count

_EXAMPLES = """\
Examples:
  minreq analyze .venv
  minreq analyze layer.zip --budget 262144000 --function-bytes 1200000
  minreq analyze .venv --lock requirements-minimal.txt --html analysis.html
"""


def _options(function: Function) -> Function:
    budget, result = Group("Budget"), Group("This command")
    size = converting(byte_count)
    return declared(
        function,
        budget.declare("--budget", callback=size, metavar="BYTES", help="Fail if it comes to more, unpacked."),
        budget.declare(
            "--function-bytes", callback=size, metavar="BYTES", help="What else counts: the function, other layers."
        ),
        result.declare(
            "--lock", type=Path, metavar="FILE", help="Tell what this lock leaves out, and what that saves."
        ),
        result.declare("--html", type=Path, metavar="FILE", help="Write a page to look at, with a map of the sizes."),
        output_options,
    )


@click.command("analyze", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("path", type=Path)
@_options
@click.pass_obj
def command(engine: Engine, /, *, as_json: bool, **flags: Any) -> None:
    """Tell what PATH is made of: a folder, a virtual environment, a wheel, or a zip such as a Lambda layer.

    Nothing of it is run. Over budget is exit status 1.
    """
    # Imported here, since a usage error or help needs nothing of them.
    from minreq.analyze import analyze  # noqa: PLC0415
    from minreq.cli import composition  # noqa: PLC0415
    from minreq.lockfile import writing  # noqa: PLC0415

    told = AnalyzeSettings(**{name: value for name, value in flags.items() if value is not None})
    if told.html is not None:
        writing.check(told.html)
    analysis = engine.analyze(told)
    if told.html is not None:
        writing.write({told.html: composition.page(analysis)})
    if as_json:
        click.echo(document(composition.data(analysis)))
    else:
        for line in composition.lines(analysis):
            click.echo(line)
    with judging():
        analyze.check_budget(analysis)
