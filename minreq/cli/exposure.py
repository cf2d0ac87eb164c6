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
    declared,
    index_options,
)
from minreq.cli.reported import Report, judging, reported
from minreq.cli.text import columns, counted, printable
from minreq.config.settings import verify_settings
from minreq.errors import Exposed

if TYPE_CHECKING:
    from minreq.exposure.command import Exposure
    from minreq.exposure.sites import Site

_EXAMPLES = """\
Examples:
  minreq exposure
  minreq exposure --all
  minreq exposure --fail-on unguarded
"""
#: So many a person reads.
_FIRST = 10


def _options(function: Function) -> Function:
    group = Group("What is told")
    return declared(
        function,
        group.declare("--all", "everything", is_flag=True, help=f"Print all places, not the first {_FIRST}."),
        group.declare(
            "--fail-on",
            type=click.Choice(["unguarded"]),
            help="Exit 1 where traced code leads to an import that nothing catches.",
        ),
    )


@click.command("exposure", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("lock", required=False, type=Path)
@_options
@index_options
@reported
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
    """Tell where the code of LOCK would import what is left out, the places that matter most first.

    LOCK is what `minreq lock` writes if not said. The source is read, nothing is run.
    """
    told = report.settings(verify_settings, flags)
    with report.watching() as progress:
        exposure = engine.expose(told, progress)
    unguarded = [site for site in exposure.sites if site.unguarded]
    report.result(
        lambda: {"unguarded": len(unguarded), "sites": list(map(_data, exposure.sites))},
        map(printable, _lines(exposure, everything=everything)),
    )
    if fail_on is not None and unguarded:
        with judging():
            raise Exposed(str(told.lock), [_where(site) for site in unguarded])


def _lines(exposure: Exposure, *, everything: bool) -> Iterator[str]:
    sites = exposure.sites
    if not sites:
        yield "No import in the kept code would reach what is left out."
        return
    unguarded = sum(site.unguarded for site in sites)
    declined = sum(site.declined for site in sites)
    apart = sum(site.reach == "apart" and not site.declined for site in sites)
    yield (
        f"{counted(len(sites), 'import')} in the kept code would reach what is left out: {unguarded} unguarded, "
        f"{len(sites) - unguarded - declined - apart} caught, {declined} declined by the trace, "
        f"{apart} that no traced code leads to"
    )
    grouped = _grouped(sites)
    shown = grouped if everything else list(islice(grouped, _FIRST))
    yield from columns([_row(number, group) for number, group in enumerate(shown, start=1)], right=frozenset({0}))
    if len(grouped) > len(shown):
        yield f"and {len(grouped) - len(shown)} more files; --all prints them, --json has every line"
    yield "`minreq explain NAME` tells why a distribution is out, `minreq lock --include NAME` keeps it."


def _grouped(sites: Sequence[Site]) -> list[list[Site]]:
    """One group for each file and what it misses, where its first site is."""
    groups: dict[tuple[object, ...], list[Site]] = {}
    for site in sites:
        groups.setdefault((site.frame.file, site.distribution, site.unguarded), []).append(site)
    return list(groups.values())


def _row(number: int, group: Sequence[Site]) -> tuple[str, ...]:
    first, *others = group
    lines = ", ".join(str(line) for line in sorted({site.frame.line for site in others} - {first.frame.line}))
    also = f" (also {lines})" if lines else ""
    return f"{number}", str(first.distribution), f"{_where(first)}{also}", first.frame.function, _why(first)


def _where(site: Site) -> str:
    return f"{site.frame.file}:{site.frame.line}"


def _why(site: Site) -> str:
    caught = f"; {site.handler}" if site.handler else ""
    if site.raised_again:
        caught = f"; raised again by the {site.raised_again}"
    if site.declined:
        return f"declined by the trace{caught}"
    if site.led_by is not None:
        steps = counted(site.steps, "import")
        return f"{steps} from traced code: {site.led_by.file}:{site.led_by.line} {site.led_by.function}{caught}"
    return ("in traced code" if site.reach == "traced" else "no traced code leads here") + caught


def _data(site: Site) -> dict[str, Any]:
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
    }
