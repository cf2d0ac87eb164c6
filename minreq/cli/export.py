"""``minreq export``."""

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
    index_options,
    to_path,
)
from minreq.cli.report import Report, pass_report
from minreq.config import STDOUT
from minreq.config.exports import FORMATS, export_settings
from minreq.counts import pluralize

_EXAMPLES = """\
Examples:
  minreq export --format pylock
  minreq export --format uv -o uv-minimal.toml
  minreq export --format uv-excludes -o excludes.txt
  minreq export --format cyclonedx -o bom.cdx.json
  minreq export --format vex --advisories audit.json --build layer.zip
  minreq export --format wheelhouse -o wheelhouse
"""


def _format_options(function: Function) -> Function:
    group = Group("Format")
    return add_options(
        function,
        group.declare(
            "--format",
            type=click.Choice([*FORMATS]),
            required=True,
            metavar="FORMAT",
            help="pylock: a pylock.toml (PEP 751); uv: a [tool.uv] block; uv-excludes: a file for `uv pip compile`; "
            "pdm: a [tool.pdm.resolution] block; pex: arguments of pex; dockerfile: an image with the lock; "
            "cyclonedx: a bill of materials (CycloneDX 1.6); vex, openvex: which known vulnerabilities do not "
            "affect it; "
            "wheelhouse: a folder of wheels that pip installs without extra options.",
        ),
        group.declare(
            "-o",
            "--output",
            callback=to_path,
            metavar="FILE|-",
            help="Write to this file or folder; - prints it. Default: beside the lock.",
        ),
        group.declare(
            "--advisories",
            multiple=True,
            type=Path,
            metavar="FILE",
            help="For vex and openvex: a result of `pip-audit --format json`, or advisories of OSV.",
        ),
        group.declare(
            "--build",
            type=Path,
            metavar="TREE",
            help="For vex and openvex: what `minreq build` made of the lock, a folder or zip.",
        ),
    )


@click.command("export", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_format_options
@Group("Runs").option("require-sandbox", "Build no source distribution unless the kernel isolates the build.")
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Write LOCK (default: the output of `minreq lock`) in the format of another tool.

    minreq resolves nothing: it writes exactly the distributions of the lock.
    """
    settings = report.settings(export_settings, flags)
    with report.show_progress() as progress:
        exported = engine.export(settings, progress)
        number = len(exported.lock.selection.kept)
        repacked = f", {len(exported.repacked)} of them repacked" if exported.repacked else ""
        is_printed = exported.output == STDOUT
        written = f"Wrote {exported.output} with {pluralize(number, 'distribution')}{repacked}"
        progress.finish([] if is_printed else [written])
    report.print_text(
        lambda: {
            "lock": settings.lock.as_posix(),
            "format": settings.format,
            "output": None if is_printed else exported.output.as_posix(),
            **({"text": exported.text} if is_printed else {}),
            "distributions": number,
            "repacked": list(exported.repacked),
        },
        exported.text if is_printed else "",
    )
