"""``minreq cache``."""

from __future__ import annotations

import click

from minreq.cli.engine import Engine
from minreq.cli.options import cache_dir, output_options
from minreq.cli.reported import document
from minreq.cli.text import size


@click.group("cache")
def command() -> None:
    """Where minreq keeps wheels and what it knows of them."""


@command.command("dir")
@output_options
def _dir(*, as_json: bool) -> None:
    """Print the folder; MINREQ_CACHE_DIR names another."""
    folder = cache_dir()
    click.echo(document({"dir": str(folder)}) if as_json else folder)


@command.command("prune")
@output_options
@click.pass_obj
def _prune(engine: Engine, /, *, as_json: bool) -> None:
    """Make the folder smaller; what is needed again is fetched again."""
    freed = engine.prune(cache_dir())
    click.echo(document({"freed": freed}) if as_json else f"freed {size(freed)}")
