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
    converting,
    declared,
    index_options,
)
from minreq.cli.reported import Report, reported
from minreq.cli.text import columns, counted, printable
from minreq.config.options import requirement
from minreq.config.settings import Settings, scan_settings
from minreq.scan.usage import Usage

_EXAMPLES = """\
Examples:
  minreq scan
  minreq scan src config.yaml
  minreq scan . --root litellm==1.78.7 --json
"""


def _scan_options(function: Function) -> Function:
    group = Group("What is looked for")
    return declared(
        function,
        group.declare(
            "--root", metavar="REQ", callback=converting(requirement), help="Uses of it; litellm if not said."
        ),
        group.option("profiles", "A folder with a profile of your own.", metavar="DIR"),
        group.option("jobs", "How many processes read; as many as processors if not said.", "-j", metavar="N"),
    )


@click.command("scan", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("scan", required=False, nargs=-1, type=Path, metavar="[PATH]...")
@_scan_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Find the providers and features that the code in PATH uses, the working directory if not said.

    Read are Python, JavaScript, TypeScript, YAML, TOML, JSON and .env files, without what git ignores; nothing is run.
    The last line is the command that makes the lock.
    """
    told = report.settings(scan_settings, flags)
    with report.watching() as progress:
        usage = engine.scan(told, progress)
        progress.finished(f"{each.file} {each.why}: passed over" for each in usage.skipped)
    report.result(lambda: _data(usage, told), _lines(usage, told))


def _lines(usage: Usage, settings: Settings) -> Iterator[str]:
    rows = [[str(each.place), each.provider, each.model, each.seen] for each in usage.sightings]
    rows += [[str(each.place), "unknown", "", f"{each.seen}: the model {each.why}"] for each in usage.unknown]
    if rows:
        yield from _table(rows)
        yield ""
    features = {feature: [each for each in usage.uses if each.feature == feature] for feature in usage.features}
    if features:
        yield "Features"
        yield from _table(
            [f"  {feature}", f"{uses[0].place} {uses[0].seen}", f"and {len(uses) - 1} more" if len(uses) > 1 else ""]
            for feature, uses in features.items()
        )
        yield ""
    for feature in usage.uncovered:
        yield f"No smoke of these providers covers {feature}: add a --smoke of your own"
    if usage.unknown:
        yield f"{counted(len(usage.unknown), 'call')} of unknown models: lock --scan needs --allow-unknown"
    command = _command(usage, settings)
    yield command or f"no provider is used in {counted(usage.files, 'file')}"


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    return columns([[printable(cell) for cell in row] for row in rows])


def _command(usage: Usage, settings: Settings) -> str | None:
    """The command that makes the lock, ``None`` where no provider was seen."""
    if not usage.providers:
        return None
    root = [] if settings.root == Requirement("litellm") else [str(settings.root)]
    # What runs only when it is named; the rest runs unasked.
    features = ["--features", ",".join(["default", *usage.named])] if usage.named else []
    profiles = [word for folder in settings.profiles for word in ("--profiles", str(folder))]
    return shlex.join(["minreq", "lock", *root, *profiles, "--providers", ",".join(usage.providers), *features])


def _data(usage: Usage, settings: Settings) -> dict[str, Any]:
    return {
        "providers": list(usage.providers),
        "features": list(usage.features),
        "uncovered": list(usage.uncovered),
        "sightings": [
            {
                "file": each.place.file,
                "line": each.place.line,
                "provider": each.provider,
                "model": each.model,
                "seen": each.seen,
            }
            for each in usage.sightings
        ],
        "unknown": [
            {"file": each.place.file, "line": each.place.line, "seen": each.seen, "why": each.why}
            for each in usage.unknown
        ],
        "uses": [
            {"file": each.place.file, "line": each.place.line, "feature": each.feature, "seen": each.seen}
            for each in usage.uses
        ],
        "passed_over": [{"file": each.file, "why": each.why} for each in usage.skipped],
        "files": usage.files,
        "command": _command(usage, settings),
    }
