"""``minreq exposure``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import (
    Function,
    Group,
    GroupedCommand,
    add_options,
    location_options,
)
from minreq.cli.report import Report, after_result, pass_report
from minreq.cli.text import align_columns, printable
from minreq.config.settings import verify_settings
from minreq.counts import pluralize
from minreq.errors import UnguardedImports

if TYPE_CHECKING:
    from minreq.exposure.callers import PublicFunction
    from minreq.exposure.command import Exposure
    from minreq.exposure.sites import ImportSite

_EXAMPLES = """\
Examples:
  minreq exposure
  minreq exposure --all
  minreq exposure --fail-on unguarded
"""
#: The number of places that the text shows without --all.
_FIRST = 10
#: The most lines of a file that a row names beside the first.
_MAX_LINES = 3
#: The number of functions that the text names for a place.
_MAX_NAMES = 3


def _options(function: Function) -> Function:
    group = Group("Output")
    return add_options(
        function,
        group.declare("--all", "everything", is_flag=True, help=f"Print all places, not only the first {_FIRST}."),
        group.declare(
            "--fail-on",
            type=click.Choice(["unguarded"]),
            help="Exit 1 if traced code leads to an import without a handler.",
        ),
    )


@click.command("exposure", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_options
@location_options
@pass_report
@click.pass_obj
def command(
    engine: Engine,
    /,
    *,
    everything: bool,
    fail_on: str | None,
    report: Report,
    **flags: Any,
) -> None:
    """List the imports of left-out distributions in the kept code of LOCK, the most important first.

    LOCK: default is the output of `minreq lock`. minreq reads the source and runs nothing.
    """
    settings = report.settings(verify_settings, flags)
    with report.show_progress() as progress:
        exposure = engine.expose(settings, progress)
    unguarded = [site for site in exposure.sites if site.unguarded]
    report.print_result(
        lambda: {"unguarded": len(unguarded), "sites": list(map(_to_json_data, exposure.sites))},
        map(printable, _format_lines(exposure, everything=everything)),
    )
    if fail_on is not None and unguarded:
        with after_result():
            raise UnguardedImports(str(settings.lock), [_where(site) for site in unguarded])


def _format_lines(exposure: Exposure, *, everything: bool) -> Iterator[str]:
    sites = exposure.sites
    if not sites:
        yield "No import in the kept code leads to a left-out distribution."
        return
    unguarded = sum(site.unguarded for site in sites)
    declined = sum(site.declined for site in sites)
    apart = sum(site.reach == "apart" and not site.declined for site in sites)
    verb = "leads" if len(sites) == 1 else "lead"
    yield (
        f"{pluralize(len(sites), 'import')} in the kept code {verb} to left-out distributions: {unguarded} unguarded, "
        f"{len(sites) - unguarded - declined - apart} caught, {declined} declined by the trace, "
        f"{apart} not reachable from traced code"
    )
    grouped = _grouped(sites)
    shown = grouped if everything else list(islice(grouped, _FIRST))
    rows = align_columns([_row(number, group) for number, group in enumerate(shown, start=1)], right=frozenset({0}))
    for row, group in zip(rows, shown, strict=True):
        yield row
        yield from (f"      {line}" for line in _detail_lines(group))
    if len(grouped) > len(shown):
        yield f"and {pluralize(len(grouped) - len(shown), 'more file')}; --all prints them, --json has every line"
    yield "`minreq explain NAME` explains why a distribution is left out; `minreq lock --include NAME` keeps it."
    if any(site.features for group in shown for site in group):
        yield "`minreq lock --features default,NAME` runs a feature of the profile, and keeps what the feature needs."


def _grouped(sites: Sequence[ImportSite]) -> list[list[ImportSite]]:
    """Group the sites by file, left-out distribution and whether they are unguarded; keep the order of first sites."""
    groups: dict[tuple[object, ...], list[ImportSite]] = {}
    for site in sites:
        groups.setdefault((site.frame.file, site.distribution, site.unguarded), []).append(site)
    return list(groups.values())


def _row(number: int, group: Sequence[ImportSite]) -> tuple[str, ...]:
    first, *others = group
    lines = [str(line) for line in sorted({site.frame.line for site in others} - {first.frame.line})]
    rest = f" and {len(lines) - _MAX_LINES} more" if len(lines) > _MAX_LINES else ""
    also = f" (also {', '.join(lines[:_MAX_LINES])}{rest})" if lines else ""
    return f"{number}", str(first.distribution), f"{_where(first)}{also}", first.frame.function, _why(first)


def _detail_lines(group: Sequence[ImportSite]) -> Iterator[str]:
    """The functions that lead to the places of *group*, and what keeps the distribution."""
    functions = {(each.name, each.handler): each for site in group for each in site.functions}.values()
    raising = [each for each in functions if each.handler is None]
    altered = [each for each in functions if each.handler is not None]
    if raising:
        yield f"{_list_names(raising)} {'lead' if len(raising) > 1 else 'leads'} there"
    if altered:
        returns = "return" if len(altered) > 1 else "returns"
        yield f"{_list_names(altered)} {returns} another result: the {altered[0].handler} goes on without it"
    if functions or group[0].features:
        features = " or ".join(group[0].features)
        covers = f"the feature {features}, or " if features else ""
        yield f"covered by {covers}--include {group[0].distribution}"


def _list_names(functions: Sequence[PublicFunction]) -> str:
    names = [each.name for each in functions[:_MAX_NAMES]]
    return ", ".join(names) + (f" and {len(functions) - _MAX_NAMES} more" if len(functions) > _MAX_NAMES else "")


def _where(site: ImportSite) -> str:
    return f"{site.frame.file}:{site.frame.line}"


def _why(site: ImportSite) -> str:
    caught = f"; {site.handler}" if site.handler else ""
    if site.raised_again:
        caught = f"; raised again by the {site.raised_again}"
    if site.declined:
        return f"declined by the trace{caught}"
    if site.led_by is not None:
        steps = pluralize(site.steps, "import")
        return f"{steps} from traced code: {site.led_by.file}:{site.led_by.line} {site.led_by.function}{caught}"
    return ("in traced code" if site.reach == "traced" else "not reachable from traced code") + caught


def _to_json_data(site: ImportSite) -> dict[str, Any]:
    led_by = site.led_by
    return {
        "distribution": site.distribution,
        "module": site.module,
        "importer": site.importer,
        "file": site.frame.file,
        "line": site.frame.line,
        "function": site.frame.function,
        "handler": site.handler,
        "raised_again": site.raised_again,
        "reach": site.reach,
        "steps": site.steps,
        "led_by": {"file": led_by.file, "line": led_by.line, "function": led_by.function} if led_by else None,
        "declined": site.declined,
        "unguarded": site.unguarded,
        "functions": list(map(_function_to_json_data, site.functions)),
        "features": list(site.features),
    }


def _function_to_json_data(function: PublicFunction) -> dict[str, Any]:
    return {
        "name": function.name,
        "distribution": function.distribution,
        "exported": function.is_exported,
        "file": function.frame.file,
        "line": function.frame.line,
        "calls": function.calls,
        "handler": function.handler,
    }
