"""``minreq diff``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.lockbudget import read_budget
from minreq.cli.options import Group, GroupedCommand, read_configuration
from minreq.cli.report import Report, pass_report
from minreq.cli.text import align_columns, format_size, printable
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.counts import pluralize
from minreq.model import LAMBDA_LIMIT, Kept, LeftOut, Lock

if TYPE_CHECKING:
    from minreq.lockfile.difference import AddedDistribution, DroppedDistribution, LockDifference, VersionChange

_EXAMPLES = """\
Examples:
  minreq diff HEAD~1
  minreq diff old/requirements-minimal.txt
  minreq diff v1.2 locks/function.txt
  minreq diff old/requirements-minimal.txt --format markdown > pull-request.md
"""


@click.command("diff", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("old")
@click.argument("new", required=False, type=Path)
@Group("This command").declare(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    help="markdown: for the text of a pull request.",
)
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, old: str, new: Path | None, form: str, report: Report) -> None:
    """Show the differences between the locks OLD and NEW, with the reason for each and the sizes.

    OLD is a file, or a revision of git: then the lock NEW is compared with what it was in that revision. NEW is by
    default the output of `minreq lock`. minreq reads only the evidence beside each lock. The exit status is 0 also if
    the locks differ.
    """
    difference = engine.diff(old, new or read_configuration(report.name).get("output", DEFAULT_OUTPUT))
    if form == "markdown":
        text = "".join(f"{printable(line)}\n" for line in format_markdown(difference))
        report.print_text(lambda: to_json_data(difference), text)
    else:
        report.print_result(lambda: to_json_data(difference), format_text(difference))


def format_text(difference: LockDifference) -> Iterator[str]:
    """Return the lines for a terminal."""
    yield _title(difference)
    for heading, rows in _sections(difference):
        yield ""
        yield heading
        yield from align_columns([("  " + row[0], *row[1:]) for row in rows], right=frozenset({2}))
    yield ""
    yield from _bytes(difference)


def format_markdown(difference: LockDifference) -> Iterator[str]:
    """Return the lines of Markdown for the text of a pull request."""
    yield f"**{_title(difference)}**"
    for heading, rows in _sections(difference):
        yield ""
        yield f"#### {heading}"
        yield ""
        yield "| distribution | version | unpacked | why |"
        yield "| --- | --- | ---: | --- |"
        for row in rows:
            yield f"| {' | '.join(_cell(each) for each in row)} |"
    yield ""
    yield from _bytes(difference)


def to_json_data(difference: LockDifference) -> dict[str, Any]:
    """Return the differences as a dictionary for ``--json``."""
    return {
        "old": _lock_data(difference.old, difference.bytes_before),
        "new": _lock_data(difference.new, difference.bytes_now),
        "added": [
            {**_facts(each.now), "was_left_out": each.before is not None, "why": _why_added(each)}
            for each in difference.added
        ],
        "dropped": [
            {**_facts(each.before), "is_left_out": each.now is not None, "why": _why_dropped(each)}
            for each in difference.dropped
        ],
        "moved": [
            {
                **_facts(each.now),
                "from": str(each.before.candidate.version),
                "bytes_before": each.before.bytes,
            }
            for each in difference.moved
        ],
        "newly_left_out": [{**_facts(each), "why": each.reason} for each in difference.newly_left_out],
        "idle_exclusions": [_facts(each) for each in difference.idle],
        "bytes_left": difference.bytes_left,
        "lambda_limit": LAMBDA_LIMIT,
    }


def _sections(difference: LockDifference) -> Iterator[tuple[str, Sequence[tuple[str, str, str, str]]]]:
    """Return each heading that has rows, with its rows: name, version, size, reason."""
    needed = [each for each in difference.added if each.before is not None]
    new = [each for each in difference.added if each.before is None]
    if needed:
        rows = [_row(each.now, _why_added(each)) for each in needed]
        yield f"Left out before, needed now: {pluralize(len(needed), 'distribution')}", rows
    if new:
        yield f"Added {pluralize(len(new), 'distribution')}", [_row(each.now, _why_added(each)) for each in new]
    if difference.dropped:
        rows = [_row(each.before, _why_dropped(each)) for each in difference.dropped]
        yield f"No longer in the lock: {pluralize(len(rows), 'distribution')}", rows
    if difference.moved:
        yield (
            f"Other version of {pluralize(len(difference.moved), 'distribution')}",
            [_moved(each) for each in difference.moved],
        )
    if difference.newly_left_out:
        rows = [_row(each, each.reason) for each in difference.newly_left_out]
        yield f"Newly left out: {pluralize(len(rows), 'distribution')}", rows
    if difference.idle:
        rows = [_row(each, "nothing in the new closure declares it") for each in difference.idle]
        yield f"No longer declared: {pluralize(len(rows), 'distribution')}", rows


def _title(difference: LockDifference) -> str:
    old, new = _root(difference.old), _root(difference.new)
    if difference.is_empty:
        return f"{new}: no changes"
    return f"{old} -> {new}" if old != new else f"{new}, locked again"


def _root(lock: Lock) -> str:
    return f"{lock.resolution.root} {lock.resolution.pins[lock.resolution.root].version}"


def _bytes(difference: LockDifference) -> Iterator[str]:
    before, now, budget = difference.bytes_before, difference.bytes_now, read_budget(difference.new)
    yield f"Unpacked {before:,} -> {now:,} bytes ({now - before:+,})"
    yield f"{budget.kind.capitalize()} {'' if budget.is_measured else 'about '}{budget.size:,} bytes"
    yield budget.verdict


def _why_added(added: AddedDistribution) -> str:
    why = _why(added.now)
    return f"{why}; left out before: {added.before.reason}" if added.before is not None else why


def _why(kept: Kept) -> str:
    from minreq.cli import wording  # noqa: PLC0415 # It imports rich, which --json does not need.

    return wording.describe_kept(kept)


def _why_dropped(dropped: DroppedDistribution) -> str:
    return f"left out: {dropped.now.reason}" if dropped.now is not None else "nothing in the new closure declares it"


def _row(member: Kept | LeftOut, why: str) -> tuple[str, str, str, str]:
    return member.candidate.name, str(member.candidate.version), format_size(member.bytes), why


def _moved(moved: VersionChange) -> tuple[str, str, str, str]:
    versions = f"{moved.before.candidate.version} -> {moved.now.candidate.version}"
    return (
        moved.now.candidate.name,
        versions,
        format_size(moved.now.bytes),
        f"{moved.now.bytes - moved.before.bytes:+,} bytes",
    )


def _cell(content: str) -> str:
    """Escape markup: the text may come from an index or a program."""
    words = " ".join(content.split())
    return "".join(f"\\{each}" if each in "\\|<>*_`[]#@" else each for each in words)


def _facts(member: Kept | LeftOut) -> dict[str, Any]:
    return {"name": member.candidate.name, "version": str(member.candidate.version), "bytes": member.bytes}


def _lock_data(lock: Lock, count: int) -> dict[str, Any]:
    return {
        "root": lock.resolution.root,
        "version": str(lock.resolution.pins[lock.resolution.root].version),
        "kept": len(lock.selection.kept),
        "left_out": len(lock.declared_left_out),
        "bytes": count,
        "installed": lock.selection.installed_bytes,
    }
