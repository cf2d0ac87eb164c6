"""``minreq versions``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    convert_with,
    index_options,
    run_options,
    to_path,
)
from minreq.cli.report import Report, pass_report
from minreq.cli.text import align_columns, printable
from minreq.config import STDOUT
from minreq.config.artifacts import versions_settings
from minreq.config.options import parse_count, parse_requirement

if TYPE_CHECKING:
    from minreq.versions import Release, Survey

_EXAMPLES = """\
Examples:
  minreq versions
  minreq versions 'litellm<1.92' --last 20 --plot sizes.svg
  minreq versions --platform lambda-python3.13-arm64
  minreq versions --trace --providers openai,bedrock --last 3
"""

#: The most parts that the row of a release shows.
_MAX_PARTS = 2


def _options(function: Function) -> Function:
    group, trace = Group("Releases"), Group("Minimal size")
    return add_options(
        function,
        group.declare(
            "--last", callback=convert_with(parse_count), metavar="N", help="The number of releases. Default: 10."
        ),
        group.option(
            "platform", "The platform on which the releases have to load. Default: this machine.", metavar="NAME"
        ),
        group.option("python", "The interpreter. Default: the one that runs minreq.", metavar="EXE"),
        group.declare("--plot", callback=to_path, metavar="FILE|-", help="Write the sizes as an SVG chart."),
        trace.declare("--trace", is_flag=True, help="Lock each release, and show the size of the lock."),
        trace.option("providers", "With --trace: the providers that the program calls.", "-p", metavar="NAMES"),
        trace.option("smoke", "With --trace: a script that shows that the program works.", metavar="FILE"),
        trace.option(
            "smoke-file",
            "With --trace: copy this file or folder into the working directory of the scripts.",
            metavar="PATH",
        ),
    )


@click.command("versions", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("root", required=False, callback=convert_with(parse_requirement))
@_options
@run_options
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, trace: bool, report: Report, **flags: Any) -> None:
    """Show the unpacked sizes of recent releases of ROOT (default: litellm), and whether they load on a platform.

    minreq reads them by range requests and downloads no wheel, except with --trace.
    """
    # Imported here: help and usage errors do not need these modules.
    from minreq.pages import plot  # noqa: PLC0415

    settings = report.settings(partial(versions_settings, trace=trace), flags)
    report.check_document("--plot", settings.plot)
    with report.show_progress() as progress:
        survey = engine.versions(settings, progress)
        progress.finish(())
    report.write_document(settings.plot, lambda: plot.render_bars(*_chart(survey), mark="size of a lock"))
    report.print_result(lambda: _to_json_data(survey), () if settings.plot == STDOUT else _format_lines(survey))


def _format_lines(survey: Survey) -> Iterator[str]:
    minimal = any(release.lock_size is not None for release in survey.releases)
    heading = [survey.root, "unpacked", "requires", *(["minimal"] if minimal else []), "loads", "largest parts"]
    rows = [heading]
    for release in survey.releases:
        parts = ", ".join(f"{path} {count:,}" for path, count in [*release.parts.items()][:_MAX_PARTS])
        total = [f"{release.lock_size:,}" if isinstance(release.lock_size, int) else "failed"] if minimal else []
        loads = release.incompatibility or "yes"
        rows.append([str(release.version), f"{release.unpacked:,}", str(release.requirements), *total, loads, parts])
    yield from align_columns(
        [[*map(printable, row)] for row in rows], right=frozenset({1, 2, *([3] if minimal else [])})
    )
    for release in survey.releases:
        if isinstance(release.lock_size, str):
            yield f"{release.version}: {printable(release.lock_size)}"
    yield from map(printable, survey.warnings)


def _to_json_data(survey: Survey) -> dict[str, Any]:
    return {
        "root": survey.root,
        "target": survey.target.name,
        "releases": [_release(release) for release in survey.releases],
        "warnings": list(survey.warnings),
    }


def _release(release: Release) -> dict[str, Any]:
    uploaded = release.wheel.upload_time if release.wheel else None
    return {
        "version": str(release.version),
        "wheel": release.wheel.filename if release.wheel else None,
        "wheel_bytes": release.wheel.size if release.wheel else None,
        "uploaded": uploaded.isoformat() if uploaded else None,
        "bytes": release.unpacked,
        "parts": dict(release.parts),
        "platforms": list(release.platforms),
        "loads": release.incompatibility is None,
        "why_not": release.incompatibility,
        "requirements": release.requirements,
        "minimal_bytes": release.lock_size if isinstance(release.lock_size, int) else None,
        "minimal_failed": release.lock_size if isinstance(release.lock_size, str) else None,
    }


def _chart(survey: Survey) -> tuple[str, list[str], list[Any]]:
    """Return title, legend and bars, the oldest first. All bars show the largest parts of the newest release."""
    from minreq.pages.plot import Bar  # noqa: PLC0415 # Only for --plot.

    parts = [*survey.releases[0].parts][:4]
    bars = []
    for release in reversed(survey.releases):
        sizes = [release.parts.get(part, 0) for part in parts]
        mark = release.lock_size if isinstance(release.lock_size, int) else None
        rest = release.unpacked - sum(sizes)
        bars.append(
            Bar(label=str(release.version), parts=(*sizes, rest), mark=mark, pale=release.incompatibility is not None)
        )
    return f"{survey.root}: unpacked bytes of the wheel", [*parts, "other"], bars
