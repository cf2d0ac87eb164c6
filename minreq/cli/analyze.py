"""``minreq analyze``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    convert_with,
    read_shared_configuration,
    to_path,
)
from minreq.cli.report import Report, after_result, pass_output
from minreq.config import STDOUT
from minreq.config.artifacts import analyze_settings
from minreq.config.options import parse_byte_count

_EXAMPLES = """\
Examples:
  minreq analyze .venv
  minreq analyze layer.zip --budget 262144000 --reserve 1200000
  minreq analyze .venv --lock requirements-minimal.txt --html analysis.html
  minreq analyze .venv --imports --module litellm --html imports.html
"""


def _options(function: Function) -> Function:
    budget, imports, result = Group("Budget"), Group("Imports"), Group("This command")
    size = convert_with(parse_byte_count)
    return add_options(
        function,
        budget.declare("--budget", callback=size, metavar="BYTES", help="Exit 1 if the unpacked size is larger."),
        budget.declare(
            "--reserve",
            callback=size,
            metavar="BYTES",
            help="Bytes of the function and of other layers, added to the size.",
        ),
        imports.declare(
            "--imports",
            is_flag=True,
            help="Import the program of the lock in isolation, and show what each import costs and which line pays.",
        ),
        imports.declare("--module", "modules", multiple=True, metavar="NAME", help="Import this module instead."),
        imports.declare("--python", metavar="EXE", help="The interpreter that imports. Default: that of PATH, if any."),
        imports.option("require-sandbox", "Run nothing unless the kernel isolates it."),
        result.declare(
            "--lock", type=Path, metavar="FILE", help="Show what this lock leaves out and how much that saves."
        ),
        result.declare(
            "--html", callback=to_path, metavar="FILE|-", help="Write an HTML page with a map of the sizes."
        ),
    )


@click.command("analyze", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("path", type=Path)
@_options
@pass_output
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Show what PATH consists of: a folder, a virtual environment, a wheel, or a zip such as a Lambda layer.

    Without --imports minreq runs nothing in PATH. The exit status is 1 if the size is over the budget.
    """
    # Imported here: help and usage errors do not need these modules.
    from minreq.analyze import analyze  # noqa: PLC0415
    from minreq.cli import analysisview  # noqa: PLC0415

    if flags["imports"] and flags["require_sandbox"] is None:
        flags["require_sandbox"] = read_shared_configuration().get("require_sandbox")
    settings = analyze_settings(flags)
    report.check_document("--html", settings.html)
    analysis, imports = engine.analyze(settings), None
    if settings.imports:
        with report.show_progress() as progress:
            imports = engine.analyze_imports(settings, progress)
            progress.finish()
    report.write_document(settings.html, lambda: analysisview.render_page(analysis, imports))
    lines = () if settings.html == STDOUT else analysisview.format_lines(analysis, imports)
    report.print_result(lambda: analysisview.to_json_data(analysis, imports), lines)
    with after_result():
        analyze.check_budget(analysis)
