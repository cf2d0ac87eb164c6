"""``minreq scan``."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from packaging.requirements import Requirement

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    convert_with,
    index_options,
)
from minreq.cli.report import Report, pass_report
from minreq.cli.text import align_columns, printable
from minreq.config.options import DEFAULT_ROOT, parse_requirement
from minreq.config.settings import Settings, scan_settings
from minreq.counts import pluralize
from minreq.scan.usage import Usage

_EXAMPLES = """\
Examples:
  minreq scan
  minreq scan src config.yaml
  minreq scan . --root litellm==1.78.7 --json
"""


def _scan_options(function: Function) -> Function:
    group = Group("Scan")
    return add_options(
        function,
        group.declare(
            "--root",
            metavar="REQ",
            callback=convert_with(parse_requirement),
            help="Find calls of this root. Default: litellm.",
        ),
        group.option("profiles", "Read your own profile from this folder.", metavar="DIR"),
        group.option("jobs", "The number of parallel processes. Default: the number of processors.", "-j", metavar="N"),
    )


@click.command("scan", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("scan", required=False, nargs=-1, type=Path, metavar="[PATH]...")
@_scan_options
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Find the providers and features that the code in PATH (default: the working directory) uses.

    minreq reads Python, JavaScript, TypeScript, YAML, TOML, JSON and .env files, except those that git ignores. It
    runs nothing. The last line of the output is the command that makes the lock.
    """
    settings = report.settings(scan_settings, flags)
    with report.show_progress() as progress:
        usage = engine.scan(settings, progress)
        progress.finish(f"{each.file} {each.reason}: passed over" for each in usage.skipped)
    report.print_result(lambda: _to_json_data(usage, settings), _format_lines(usage, settings))


def _format_lines(usage: Usage, settings: Settings) -> Iterator[str]:
    rows = [[str(each.place), each.provider, each.model, each.description] for each in usage.provider_uses]
    rows += [[str(each.place), "unknown", "", f"{each.description}: the model {each.reason}"] for each in usage.unknown]
    if rows:
        yield from _table(rows)
        yield ""
    features = {feature: [each for each in usage.feature_uses if each.feature == feature] for feature in usage.features}
    if features:
        yield "Features"
        yield from _table(
            [
                f"  {feature}",
                f"{uses[0].place} {uses[0].description}",
                f"and {len(uses) - 1} more" if len(uses) > 1 else "",
            ]
            for feature, uses in features.items()
        )
        yield ""
    for feature in usage.uncovered_features:
        yield f"No smoke of these providers covers {feature}: add your own --smoke"
    if usage.unknown:
        yield f"{pluralize(len(usage.unknown), 'call')} of unknown models: lock --scan needs --allow-unknown"
    command = _command(usage, settings)
    yield command or f"no provider is used in {pluralize(usage.files, 'file')}"


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    return align_columns([[printable(cell) for cell in row] for row in rows])


def _command(usage: Usage, settings: Settings) -> str | None:
    """Return the command that makes the lock, ``None`` if the code uses no provider."""
    if not usage.providers:
        return None
    root = [] if settings.root == Requirement(DEFAULT_ROOT) else [str(settings.root)]
    # These features run only when they are named; the others run by default.
    features = ["--features", ",".join(["default", *usage.opt_in_features])] if usage.opt_in_features else []
    profiles = [word for folder in settings.profiles for word in ("--profiles", str(folder))]
    return shlex.join(["minreq", "lock", *root, *profiles, "--providers", ",".join(usage.providers), *features])


def _to_json_data(usage: Usage, settings: Settings) -> dict[str, Any]:
    return {
        "providers": list(usage.providers),
        "features": list(usage.features),
        "uncovered": list(usage.uncovered_features),
        "sightings": [
            {
                "file": each.place.file,
                "line": each.place.line,
                "provider": each.provider,
                "model": each.model,
                "seen": each.description,
            }
            for each in usage.provider_uses
        ],
        "unknown": [
            {"file": each.place.file, "line": each.place.line, "seen": each.description, "why": each.reason}
            for each in usage.unknown
        ],
        "uses": [
            {"file": each.place.file, "line": each.place.line, "feature": each.feature, "seen": each.description}
            for each in usage.feature_uses
        ],
        "passed_over": [{"file": each.file, "why": each.reason} for each in usage.skipped],
        "files": usage.files,
        "command": _command(usage, settings),
    }
