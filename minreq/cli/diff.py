"""``minreq diff``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Function, Group, GroupedCommand, declared, output_options
from minreq.cli.reported import document
from minreq.cli.text import columns, counted, printable, size
from minreq.model import LAMBDA_LIMIT, Kept, LeftOut, Lock

if TYPE_CHECKING:
    from minreq.lockfile.difference import Added, Dropped, LockDifference, Moved

_EXAMPLES = """\
Examples:
  minreq diff old/requirements-minimal.txt requirements-minimal.txt
  minreq diff old/requirements-minimal.txt requirements-minimal.txt --format markdown > pull-request.md
"""


def _options(function: Function) -> Function:
    group = Group("This command")
    return declared(
        function,
        group.declare(
            "--format",
            "form",
            type=click.Choice(["text", "markdown"]),
            default="text",
            help="markdown is for the text of a pull request.",
        ),
        output_options,
    )


@click.command("diff", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("old", type=Path)
@click.argument("new", type=Path)
@_options
@click.pass_obj
def command(engine: Engine, /, *, old: Path, new: Path, form: str, as_json: bool) -> None:
    """Tell what lies between the locks OLD and NEW: added, left out, moved, why each, and bytes.

    The evidence beside each is read, and nothing else. The exit status is 0 whether they differ or not.
    """
    difference = engine.diff(old, new)
    if as_json:
        click.echo(document(data(difference)))
        return
    for line in markdown(difference) if form == "markdown" else text(difference):
        click.echo(printable(line))


def text(difference: LockDifference) -> Iterator[str]:
    """Return the lines for a terminal."""
    yield _title(difference)
    for heading, rows in _sections(difference):
        yield ""
        yield heading
        yield from columns([("  " + row[0], *row[1:]) for row in rows], right=frozenset({2}))
    yield ""
    yield _bytes(difference)


def markdown(difference: LockDifference) -> Iterator[str]:
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
    yield _bytes(difference)


def data(difference: LockDifference) -> dict[str, Any]:
    """Return the same for a program."""
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
    """The headings that have something below them, with rows of name, version, size and why."""
    needed = [each for each in difference.added if each.before is not None]
    new = [each for each in difference.added if each.before is None]
    if needed:
        rows = [_row(each.now, _why_added(each)) for each in needed]
        yield f"Exclusions that the new lock cannot do without: {len(needed)}", rows
    if new:
        yield f"Added {counted(len(new), 'distribution')}", [_row(each.now, _why_added(each)) for each in new]
    if difference.dropped:
        rows = [_row(each.before, _why_dropped(each)) for each in difference.dropped]
        yield f"Not in the lock any more: {counted(len(rows), 'distribution')}", rows
    if difference.moved:
        yield f"Moved {counted(len(difference.moved), 'distribution')}", [_moved(each) for each in difference.moved]
    if difference.newly_left_out:
        rows = [_row(each, each.reason) for each in difference.newly_left_out]
        yield f"Newly left out: {counted(len(rows), 'distribution')}", rows
    if difference.idle:
        rows = [_row(each, "nothing in the new closure declares it") for each in difference.idle]
        yield f"Exclusions that hit nothing any more: {len(rows)}", rows


def _title(difference: LockDifference) -> str:
    old, new = _root(difference.old), _root(difference.new)
    if difference.is_empty:
        return f"{new}: nothing has changed"
    return f"{old} -> {new}" if old != new else f"{new}, locked again"


def _root(lock: Lock) -> str:
    return f"{lock.resolution.root} {lock.resolution.pins[lock.resolution.root].version}"


def _bytes(difference: LockDifference) -> str:
    before, now, left = difference.bytes_before, difference.bytes_now, difference.bytes_left
    room = f"{left:,} bytes are left of" if left >= 0 else f"that is {-left:,} bytes over"
    return f"Unpacked {before:,} -> {now:,} bytes ({now - before:+,}); {room} AWS Lambda's {LAMBDA_LIMIT:,}"


def _why_added(added: Added) -> str:
    why = _why(added.now)
    return f"{why}; was left out: {added.before.reason}" if added.before is not None else why


def _why(kept: Kept) -> str:
    from minreq.cli import narration  # noqa: PLC0415 # It needs rich, and --json does not.

    via = f"; imported by {', '.join(kept.via)}" if kept.via else ""
    return narration.why_kept(kept.evidence) + via


def _why_dropped(dropped: Dropped) -> str:
    return f"left out: {dropped.now.reason}" if dropped.now is not None else "nothing in the new closure declares it"


def _row(member: Kept | LeftOut, why: str) -> tuple[str, str, str, str]:
    return member.candidate.name, str(member.candidate.version), size(member.bytes), why


def _moved(moved: Moved) -> tuple[str, str, str, str]:
    versions = f"{moved.before.candidate.version} -> {moved.now.candidate.version}"
    return moved.now.candidate.name, versions, size(moved.now.bytes), f"{moved.now.bytes - moved.before.bytes:+,} bytes"


def _cell(content: str) -> str:
    """Nothing of an index or a program is markup of ours."""
    words = " ".join(content.split())
    return "".join(f"\\{each}" if each in "\\|<>*_`[]#@" else each for each in words)


def _facts(member: Kept | LeftOut) -> dict[str, Any]:
    return {"name": member.candidate.name, "version": str(member.candidate.version), "bytes": member.bytes}


def _lock_data(lock: Lock, count: int) -> dict[str, Any]:
    return {
        "root": lock.resolution.root,
        "version": str(lock.resolution.pins[lock.resolution.root].version),
        "kept": len(lock.selection.kept),
        "left_out": len(lock.left_out),
        "bytes": count,
    }
