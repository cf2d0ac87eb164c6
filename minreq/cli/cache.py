"""``minreq cache``."""

from __future__ import annotations

import click

from minreq.cli import output
from minreq.cli.engine import Engine
from minreq.cli.options import cache_dir, output_options
from minreq.cli.text import format_size


@click.group("cache")
def command() -> None:
    """Show or shrink the cache of wheels and index pages."""


@command.command("dir")
@output_options
def _dir(*, as_json: bool) -> None:
    """Print the folder of the cache. MINREQ_CACHE_DIR sets another folder."""
    folder = cache_dir()
    output.print_file(f"{output.to_json({'dir': str(folder)}) if as_json else folder}\n")


@command.command("prune")
@output_options
@click.pass_obj
def _prune(engine: Engine, /, *, as_json: bool) -> None:
    """Delete old files from the cache. minreq downloads them again when it needs them."""
    freed = engine.prune(cache_dir())
    output.print_file(f"{output.to_json({'freed': freed}) if as_json else f'freed {format_size(freed)}'}\n")
