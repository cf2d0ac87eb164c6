"""``minreq guard``."""

from __future__ import annotations

from pathlib import Path

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand, read_configuration, to_path
from minreq.cli.report import Report, pass_report
from minreq.config.settings import DEFAULT_OUTPUT, STDOUT
from minreq.errors import InvalidOptions

_EXAMPLES = """\
Examples:
  minreq guard -o python/
  minreq guard requirements-minimal.txt -o src/
"""


@click.command("guard", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@Group("This command").declare(
    "-o",
    "--output",
    "folder",
    callback=to_path,
    required=True,
    metavar="DIR|-",
    help="The folder of the module; - prints it.",
)
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, lock: Path | None, folder: Path, report: Report) -> None:
    """Write minreq_guard.py, a module that logs misses, for a program that runs on LOCK.

    The program imports this module first. The module needs only the standard library.
    """
    path = lock or read_configuration(report.name).get("output", DEFAULT_OUTPUT)
    if folder.suffix == ".py":
        raise InvalidOptions([f"--output {folder}: name the folder of minreq_guard.py, or - to print it"])
    if folder == STDOUT:
        text = engine.render_guard(path)
        report.print_text(lambda: {"file": None, "text": text}, text)
        return
    file = engine.guard(path, folder)
    report.note(f"wrote {file}; put `import {file.stem}` before all other imports")
    report.print_result(lambda: {"file": file.as_posix()})
