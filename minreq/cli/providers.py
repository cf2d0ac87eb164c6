"""``minreq providers``."""

from __future__ import annotations

from collections.abc import Iterator
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
from minreq.cli.reported import Report, judging, reported
from minreq.cli.text import columns, counted, printable
from minreq.config.options import requirement
from minreq.config.settings import providers_settings
from minreq.errors import NotMeasured

if TYPE_CHECKING:
    from minreq.providers.needs import Need, Needs, Part

_EXAMPLES = """\
Examples:
  minreq providers
  minreq providers litellm==1.78.7 --providers openai,bedrock,vertex_ai
  minreq providers --features chat,streaming --json
"""


#: How many distributions are named on a line, the largest first.
_FEW = 4


def _options(function: Function) -> Function:
    group = Group("What is measured")
    return declared(
        function,
        group.option("profiles", "A folder with a profile of your own.", metavar="DIR"),
        group.option("providers", "Which providers; all of the profile if not said.", "-p", metavar="NAMES"),
        group.option("features", "With which features; those a lock covers unasked if not said.", metavar="NAMES"),
        group.option("python", "The interpreter they run on; this one if not said.", metavar="EXE"),
        group.option("allow-pth", "Accept files of it that run at every start of Python.", metavar="NAME"),
        group.option("exclude-newer", "Ignore what was uploaded later, a date or '3 days'.", metavar="WHEN"),
    )


@click.command("providers", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("root", required=False, callback=converting(requirement))
@_options
@run_options
@index_options
@reported
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Measure what each provider of ROOT (litellm if not said) needs beside the import of the root itself.

    All of them run against the emulator in forks of one import, each with what it asked for and nothing else; each
    distribution was tried without. What was measured before is read from the cache.

    Of [tool.minreq], `providers` and `features` are for the lock: only flags of those names count here.
    """
    told = report.settings(providers_settings, flags)
    with report.watching() as progress:
        needs = engine.providers(told, progress)
        progress.finished()
    report.result(lambda: _data(needs), map(printable, _lines(needs)))
    failed = [each.provider for each in needs.providers if each.failure]
    if failed:
        with judging():
            raise NotMeasured(failed)


def _lines(needs: Needs) -> Iterator[str]:
    size = sum(part.bytes for part in needs.base)
    yield (
        f"{needs.root} {needs.version} on Python {needs.platform.python_version}: its import needs "
        f"{counted(len(needs.base), 'distribution')}, {size:,} bytes; beside them"
    )
    yield ""
    rows = [["provider", "distributions", "bytes", "features", "what it needs"]]
    for each in needs.providers:
        largest = sorted(each.parts, key=_largest_first)
        named = [f"{part.name} {part.version}" for part in largest[:_FEW]]
        parts = ", ".join([*named, *([f"and {len(largest) - _FEW} more"] if len(largest) > _FEW else [])])
        told = ["?", "?"] if each.failure else [str(len(each.parts)), f"{each.bytes:,}"]
        rows.append([each.provider, *told, str(len(each.features)), each.failure or parts or "nothing more"])
    yield from columns(rows, right=frozenset({1, 2, 3}))
    yield ""
    yield from _of_features(needs)
    yield from _skipped(needs)


def _largest_first(part: Part) -> tuple[int, str]:
    return -part.bytes, part.name


def _of_features(needs: Needs) -> Iterator[str]:
    """Which features were covered, the providers with the same ones together."""
    together: dict[tuple[str, ...], list[str]] = {}
    for each in needs.providers:
        together.setdefault(each.features, []).append(each.provider)
    for features, names in together.items():
        yield f"{', '.join(features)}: {', '.join(names)}"


def _skipped(needs: Needs) -> Iterator[str]:
    """What this release cannot do, each reason once."""
    reasons: dict[str, dict[str, None]] = {}
    for each in needs.providers:
        for skipped in each.skipped:
            reasons.setdefault(skipped.reason, {})[skipped.stage] = None
    if reasons:
        yield ""
    for reason, stages in reasons.items():
        yield f"skipped, in part or whole: {', '.join(stages)}: {reason}"


def _data(needs: Needs) -> dict[str, Any]:
    return {
        "root": needs.root,
        "version": str(needs.version),
        "python": str(needs.platform.python_version),
        "base": {"bytes": sum(part.bytes for part in needs.base), "distributions": [*map(_part, needs.base)]},
        "providers": [*map(_provider, needs.providers)],
    }


def _provider(need: Need) -> dict[str, Any]:
    return {
        "provider": need.provider,
        "bytes": None if need.failure else need.bytes,
        "distributions": [*map(_part, need.parts)],
        "features": list(need.features),
        "more_features": list(need.more),
        "skipped": [{"stage": each.stage, "call": each.call, "reason": each.reason} for each in need.skipped],
        "failure": need.failure or None,
    }


def _part(part: Part) -> dict[str, Any]:
    why = {"why": part.why} if part.why else {}
    return {"name": part.name, "version": str(part.version), "bytes": part.bytes, **why}
