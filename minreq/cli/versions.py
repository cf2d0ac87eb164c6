"""``minreq versions``."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    converting,
    declared,
    index_options,
    run_options,
)
from minreq.cli.reported import Report, reported
from minreq.cli.text import columns, printable
from minreq.config.artifacts import versions_settings
from minreq.config.options import count, requirement

if TYPE_CHECKING:
    from minreq.versions import Release, Survey

_EXAMPLES = """\
Examples:
  minreq versions
  minreq versions 'litellm<1.92' --last 20 --plot sizes.svg
  minreq versions --platform lambda-python3.11-x86_64 --platform lambda-python3.13-arm64
  minreq versions --trace --providers openai,bedrock --last 3
"""

#: How many parts of a release are told on its line.
_FEW = 2


def _options(function: Function) -> Function:
    group, trace = Group("What is read"), Group("The minimal total")
    return declared(
        function,
        group.declare("--last", callback=converting(count), metavar="N", help="How many releases; 10 if not said."),
        group.option("platform", "Where they are to load; this machine if not said.", metavar="NAME"),
        group.option("python", "The interpreter they are for; this one if not said.", metavar="EXE"),
        group.declare("--plot", type=Path, metavar="FILE", help="Write the sizes as a picture (SVG)."),
        trace.declare("--trace", is_flag=True, help="Lock each release, and tell what that installs."),
        trace.option("providers", "With --trace: the providers the program uses.", "-p", metavar="NAMES"),
        trace.option("smoke", "With --trace: a script that exercises the program.", metavar="FILE"),
    )


@click.command("versions", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("root", required=False, callback=converting(requirement))
@_options
@run_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, trace: bool, report: Report, **flags: Any) -> None:
    """Tell how large recent releases of ROOT (litellm if not said) are, unpacked, and whether they load on a platform.

    Read by range requests: no wheel is downloaded, unless --trace runs it.
    """
    # Imported here, since a usage error or help needs nothing of them.
    from minreq.lockfile import writing  # noqa: PLC0415
    from minreq.pages import plot  # noqa: PLC0415

    told = report.settings(partial(versions_settings, trace=trace), flags)
    if told.plot is not None:
        writing.check(told.plot)
    with report.watching() as progress:
        survey = engine.versions(told, progress)
        progress.finished(())
    if told.plot is not None:
        writing.write({told.plot: plot.bars(*_picture(survey), mark="what a lock of it installs")})
    report.result(lambda: _data(survey), _lines(survey))


def _lines(survey: Survey) -> Iterator[str]:
    minimal = any(release.minimal is not None for release in survey.releases)
    heading = [survey.root, "unpacked", "requires", *(["minimal"] if minimal else []), "loads", "largest parts"]
    rows = [heading]
    for release in survey.releases:
        parts = ", ".join(f"{path} {count:,}" for path, count in [*release.parts.items()][:_FEW])
        total = [f"{release.minimal:,}" if isinstance(release.minimal, int) else "failed"] if minimal else []
        loads = release.unfit or "yes"
        rows.append([str(release.version), f"{release.unpacked:,}", str(release.requirements), *total, loads, parts])
    yield from columns([[*map(printable, row)] for row in rows], right=frozenset({1, 2, *([3] if minimal else [])}))
    for release in survey.releases:
        if isinstance(release.minimal, str):
            yield f"{release.version}: {printable(release.minimal)}"
    yield from map(printable, survey.warnings)


def _data(survey: Survey) -> dict[str, Any]:
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
        "loads": release.unfit is None,
        "why_not": release.unfit,
        "requirements": release.requirements,
        "minimal_bytes": release.minimal if isinstance(release.minimal, int) else None,
        "minimal_failed": release.minimal if isinstance(release.minimal, str) else None,
    }


def _picture(survey: Survey) -> tuple[str, list[str], list[Any]]:
    """Title, legend and columns, the oldest first; the same parts for all, the largest of the newest."""
    from minreq.pages.plot import Bar  # noqa: PLC0415 # As above.

    parts = [*survey.releases[0].parts][:4]
    bars = []
    for release in reversed(survey.releases):
        sizes = [release.parts.get(part, 0) for part in parts]
        mark = release.minimal if isinstance(release.minimal, int) else None
        rest = release.unpacked - sum(sizes)
        bars.append(Bar(label=str(release.version), parts=(*sizes, rest), mark=mark, pale=release.unfit is not None))
    return f"{survey.root}: unpacked bytes of the wheel", [*parts, "the rest"], bars
