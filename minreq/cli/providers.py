"""``minreq providers``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    FEATURES_OF_LITELLM,
    Function,
    Group,
    GroupedCommand,
    add_options,
    convert_with,
    index_options,
    run_options,
)
from minreq.cli.report import Report, after_result, pass_report
from minreq.cli.text import align_columns, printable
from minreq.config.options import parse_requirement
from minreq.config.settings import providers_settings
from minreq.counts import pluralize
from minreq.errors import ProvidersNotMeasured

if TYPE_CHECKING:
    from minreq.providers.needs import Measurement, NeededDistribution, ProviderNeeds

_EXAMPLES = """\
Examples:
  minreq providers
  minreq providers litellm==1.78.7 --providers openai,bedrock,vertex_ai
  minreq providers --features chat,streaming --json
  minreq providers --providers openai,bedrock --by-feature
"""


#: The most distributions that a row names, the largest first.
_MAX_NAMED = 4


def _options(function: Function) -> Function:
    group = Group("Measurement")
    return add_options(
        function,
        group.option("profiles", "Read your own profile from this folder.", metavar="DIR"),
        group.option("providers", "The providers to measure. Default: all of the profile.", "-p", metavar="NAMES"),
        group.option("features", f"The features to run. {FEATURES_OF_LITELLM}", metavar="NAMES"),
        group.option(
            "by-feature",
            "Also measure what each other feature, or each of --features, adds to the default ones. Later locks of the "
            "release then show it.",
        ),
        group.option("python", "The interpreter of the runs. Default: the one that runs minreq.", metavar="EXE"),
        group.option(
            "allow-pth", "Accept a .pth file of this distribution, which runs at every start of Python.", metavar="NAME"
        ),
        group.option(
            "exclude-newer",
            "Ignore files uploaded after this date, or in this period: 2026-10-01, 3 days.",
            metavar="WHEN",
        ),
    )


@click.command("providers", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("root", required=False, callback=convert_with(parse_requirement))
@_options
@run_options
@index_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, report: Report, **flags: Any) -> None:
    """Measure what each provider of ROOT (default: litellm) needs in addition to the import of the root.

    minreq imports the root once and runs each provider in a fork, against the emulator. It then runs it once more for
    each distribution, without that one. minreq caches the results.

    This command ignores `providers` and `features` in [tool.minreq], which are for the lock.
    """
    settings = report.settings(providers_settings, flags)
    with report.show_progress() as progress:
        needs = engine.providers(settings, progress)
        progress.finish()
    report.print_result(lambda: _to_json_data(needs), map(printable, _format_lines(needs)))
    failed = [_row_name(each) for each in needs.providers if each.failure]
    if failed:
        with after_result():
            raise ProvidersNotMeasured(failed)


def _format_lines(needs: Measurement) -> Iterator[str]:
    size = sum(part.bytes for part in needs.base)
    yield (
        f"{needs.root} {needs.version} on Python {needs.platform.python_version}: the import needs "
        f"{pluralize(len(needs.base), 'distribution')}, {size:,} bytes; in addition"
    )
    yield ""
    rows = [["provider", "distributions", "bytes", "features", "largest"]]
    rows += [[_row_name(each), *_totals(each)] for each in needs.providers]
    yield from align_columns(rows, right=frozenset({1, 2, 3}))
    yield ""
    yield from _feature_lines(needs)
    yield from _skipped_lines(needs)


def _totals(need: ProviderNeeds) -> tuple[str, str, str, str]:
    features = str(len(need.features))
    if need.failure:
        return "?", "?", features, need.failure
    if not need.features:
        return "-", "-", features, "skipped, see below"
    return str(len(need.distributions)), f"{need.bytes:,}", features, _name_largest(need.distributions)


def _row_name(need: ProviderNeeds) -> str:
    """Return the provider, with the feature if the row has only what it adds to the default ones."""
    return f"{need.provider} + {need.feature}" if need.feature else need.provider


def _name_largest(distributions: Iterable[NeededDistribution]) -> str:
    largest = sorted(distributions, key=_largest_first)
    named = [f"{part.name} {part.version}" for part in largest[:_MAX_NAMED]]
    more = [f"and {len(largest) - _MAX_NAMED} more"] if len(largest) > _MAX_NAMED else []
    return ", ".join([*named, *more]) or "none"


def _largest_first(part: NeededDistribution) -> tuple[int, str]:
    return -part.bytes, part.name


def _feature_lines(needs: Measurement) -> Iterator[str]:
    """Yield the features that were run, with the providers that have the same features on one line."""
    together: dict[tuple[str, ...], list[str]] = {}
    for each in needs.providers:
        if not each.feature:
            together.setdefault(each.features, []).append(each.provider)
    for features, names in together.items():
        yield f"{', '.join(features)}: {', '.join(names)}"


def _skipped_lines(needs: Measurement) -> Iterator[str]:
    """Yield each reason why this release cannot run some stages, with these stages."""
    reasons: dict[str, dict[str, None]] = {}
    for each in needs.providers:
        for skipped in each.skipped:
            reasons.setdefault(skipped.reason, {})[skipped.stage] = None
    if reasons:
        yield ""
    for reason, stages in reasons.items():
        yield f"skipped in part or whole: {', '.join(stages)}: {reason}"


def _to_json_data(needs: Measurement) -> dict[str, Any]:
    return {
        "root": needs.root,
        "version": str(needs.version),
        "python": str(needs.platform.python_version),
        "base": {"bytes": sum(part.bytes for part in needs.base), "distributions": [*map(_part, needs.base)]},
        "providers": [*map(_provider, needs.providers)],
    }


def _provider(need: ProviderNeeds) -> dict[str, Any]:
    return {
        "provider": need.provider,
        "feature": need.feature or None,
        "bytes": None if need.failure else need.bytes,
        "distributions": [*map(_part, need.distributions)],
        "features": list(need.features),
        "more_features": list(need.more),
        "skipped": [{"stage": each.stage, "call": each.call, "reason": each.reason} for each in need.skipped],
        "failure": need.failure or None,
    }


def _part(part: NeededDistribution) -> dict[str, Any]:
    why = {"why": part.why} if part.why else {}
    return {"name": part.name, "version": str(part.version), "bytes": part.bytes, **why}
