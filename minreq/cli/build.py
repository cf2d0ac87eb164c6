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
    add_options,
    index_options,
    read_build_configuration,
    run_options,
)
from minreq.cli.report import Report, pass_report
from minreq.config.artifacts import BUILD_OPTIONS, build_settings

_EXAMPLES = """\
Examples:
  minreq build -o layer.zip
  minreq build requirements-minimal.txt -o package/ --slim unused
  minreq build -o layer.zip --slim traced --smoke my_smoke.py --budget 250MiB
  minreq build -o layer.zip --slim cold --hot production.log
  minreq build -o layer.zip --slim cold --lazy
  minreq build -o layers/ --layers --slim unused
  minreq build -o layer.zip --keep 'litellm/proxy/*' --drop '*/vertex_ai/*'
"""


def _slim_options(function: Function) -> Function:
    option = partial(Group("Files to leave out").option, known=BUILD_OPTIONS)
    return add_options(
        function,
        option(
            "slim",
            "none: keep all files; safe (the default): leave out files that no program reads; cold: leave out no file, "
            "but pack those that the smoke does not open, and serve them on demand; unused: leave out also files that "
            "the smoke cannot reach; traced: also those that the smoke does not open.",
            metavar="LEVEL",
        ),
        option("keep", "Keep these paths at every level.", metavar="PATTERN"),
        option("drop", "Leave out these paths.", metavar="PATTERN"),
        option("keep-service", "Keep the data of this AWS service, such as s3.", metavar="NAME"),
        option("hot", "Do not pack the cold files that this log of a function names.", metavar="LOG"),
        option(
            "prove-modules",
            "With --slim cold or --lazy, import these modules on the whole lock and on the tree, and compare: all (the "
            "default), cold or none.",
            metavar="WHICH",
        ),
        option("scan", "Keep the data of the AWS services that this code uses.", metavar="PATH"),
        option(
            "bytecode",
            "add: compiled files beside the sources (the default); none: no compiled files; only: no sources.",
            metavar="WHAT",
        ),
        option("smoke", "Run this script in addition to the smoke of the lock.", metavar="FILE"),
        option("smoke-file", "Copy this file or folder into the working directory of the scripts.", metavar="PATH"),
        option("yes-traced", "Allow --slim traced without a --smoke of your own."),
    )


def _lazy_options(function: Function) -> Function:
    option = partial(Group("Imports").option, known=BUILD_OPTIONS)
    return add_options(
        function,
        option(
            "lazy",
            "Change the sources in the tree so that imports which nothing uses yet run at their first use, and prove "
            "that.",
        ),
        option(
            "lazy-bound",
            "Defer an import only if that saves at least this much time. Default: 0.2ms.",
            metavar="TIME",
        ),
        option("lazy-diff", "Write all changes of sources into this file, as one unified diff.", metavar="FILE"),
    )


def _output_options(function: Function) -> Function:
    group = Group("Output")
    option = partial(group.option, known=BUILD_OPTIONS)
    return add_options(
        function,
        option("output", "Write to this folder or FILE.zip.", "-o", metavar="OUT"),
        option(
            "prefix",
            "Put the packages into this folder of the output. Default: python in a zip, the top in a folder.",
            metavar="DIR",
        ),
        option("layers", "Write one zip for all functions and one for each provider."),
        option(
            "max-zip",
            "Exit 1 if an archive is larger. AWS Lambda takes 50MiB in a direct upload, and more only through S3.",
            metavar="BYTES",
        ),
        option("platform", "Build for this platform of the lock.", metavar="NAME"),
        group.option("python", "The interpreter that runs the smoke and compiles.", metavar="EXE"),
        option(
            "budget",
            "Exit 1 and write nothing if the unpacked size is larger, compiled files included. Default: that of the "
            "lock in the configuration.",
            metavar="BYTES",
        ),
        option("html", "Write an HTML page with a map of the sizes.", metavar="FILE|-"),
        option("sbom", "Write a bill of materials of the tree, CycloneDX 1.6.", metavar="FILE"),
        option("reserve", "Bytes to reserve for the function and other layers.", metavar="BYTES"),
    )


@click.command("build", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_slim_options
@_lazy_options
@_output_options
@run_options
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Install LOCK into a folder or a zip for AWS Lambda, leave out unneeded files, and prove the result.

    The smoke runs on the tree before minreq writes it. If the smoke fails, minreq writes nothing.
    """
    # Imported here: help and usage errors do not need these modules.
    from minreq.cli import buildview  # noqa: PLC0415

    settings = report.settings(partial(build_settings, build=read_build_configuration(report.name)), flags)
    report.check_document("--html", settings.html)
    report.check_document("--lazy-diff", settings.lazy_diff)
    report.check_document("--sbom", settings.sbom)
    with report.show_progress() as progress:
        built = engine.build(settings, progress)
        progress.finish(() if report.as_json else buildview.format_lines(built, progress.seconds))
    report.write_document(settings.html, lambda: buildview.render_page(built))
    report.print_result(lambda: buildview.to_json_data(built))
