"""``minreq cache``."""

from __future__ import annotations

import click

from minreq.cli.engine import Engine
from minreq.cli.messages import message_options
from minreq.cli.options import GroupedCommand, cache_dir
from minreq.cli.report import Report, pass_output
from minreq.cli.text import format_size


@click.group("cache")
@message_options
def command() -> None:
    """Show or shrink the cache of wheels and index pages."""


@command.command("dir", cls=GroupedCommand)
@pass_output
def _dir(*, report: Report) -> None:
    """Print the folder of the cache. MINREQ_CACHE_DIR sets another folder."""
    folder = cache_dir()
    report.print_text(lambda: {"dir": str(folder)}, f"{folder}\n")


@command.command("prune", cls=GroupedCommand, short_help="Delete old files from the cache.")
@pass_output
@click.pass_obj
def _prune(engine: Engine, /, *, report: Report) -> None:
    """Delete old files from the cache. minreq downloads them again when it needs them."""
    freed = engine.prune(cache_dir())
    report.print_result(lambda: {"freed": freed}, [f"freed {format_size(freed)}"])
