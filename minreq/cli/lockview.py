"""Shows the result of ``minreq lock``: what is kept and left out, the sizes, and the next commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName
from rich.text import Text

from minreq.cli import wording
from minreq.cli.text import align_columns, format_duration, format_size, pluralize, printable
from minreq.config import STDOUT, Settings
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.lockfile.difference import LockDifference
from minreq.lockfile.evidence import evidence_path
from minreq.lockfile.requirements import render
from minreq.model import LAMBDA_LIMIT, Certificate, Kept, LeftOut, Lock

#: With it, the longest row has 80 columns.
_BAR_WIDTH = 30
#: Above this part of the limit the lock suggests a higher level of slimming.
_NEAR_LIMIT = 0.75


def format_lines(
    lock: Lock,
    settings: Settings,
    seconds: float,
    *,
    wrote: bool = True,
    changed: LockDifference | None = None,
    html: Path | None = None,
    not_run: Sequence[str] = (),
) -> Iterator[Text]:
    """Return the lines for a person: the largest first, the totals last, where a terminal shows them.

    *wrote* is false if the existing lock is unchanged. *changed* is the difference to the previous lock, *html* the
    page that was written, *not_run* are features of the providers that the smoke does not cover.
    """
    kept, left_out = lock.selection.kept, lock.selection.left_out
    rows = _rows(
        [*((each, wording.describe_kept(each)) for each in kept), *((each, _why_left_out(each)) for each in left_out)]
    )
    parts: dict[str, Sequence[Kept | LeftOut]] = {
        "Kept": kept,
        "Left out": lock.declared_left_out,
    }
    if of_extras := [each for each in lock.left_out if lock.is_of_extra(each)]:
        parts["Left out of extras"] = of_extras
    if lock.provided:
        parts["Provided by the runtime"] = lock.provided
    for heading, members in parts.items():
        yield Text()
        yield Text(f"{heading} {pluralize(len(members), 'distribution')}", style="bold")
        for each in sorted(members, key=lambda each: (-each.bytes, each.candidate.name)):
            yield Text(rows[each.candidate.name], no_wrap=True, overflow="ellipsis")
    yield Text()
    if lock.noise:
        yield _not_compared(lock.noise)
        yield Text()
    if lock.certificate is not None:
        yield _certified(lock.certificate)
        yield from map(Text, lock.certificate.notes)
        yield Text()
    if not_run:
        yield Text(f"Not covered by this lock: {', '.join(not_run)}. Name what the program uses with --features, or")
        yield Text("let --scan find it in the code")
        yield Text()
    yield from _changes(changed)
    yield from _sizes(lock)
    yield Text()
    yield from _ending(lock, settings, seconds, wrote=wrote)
    if html is not None:
        yield Text(f"Wrote {html}")


def to_json_data(lock: Lock, settings: Settings, not_run: Sequence[str] = ()) -> dict[str, Any]:
    """Return the result as a dictionary for ``--json``."""
    kept, left_out = lock.selection.kept, lock.selection.left_out
    is_written = settings.output != STDOUT and not settings.dry_run
    return {
        "root": lock.root,
        "output": settings.output.as_posix() if is_written else None,
        "evidence": evidence_path(settings.output).as_posix() if is_written else None,
        "requirements": render(lock, filename=settings.output.name) if is_written else render(lock),
        "bytes": {
            "declared": sum(each.bytes for each in lock.declared),
            "kept": sum(each.bytes for each in kept),
            "left_out": sum(each.bytes for each in left_out if not lock.is_of_extra(each)),
            "compiled": sum(each.sources for each in kept),
            "lambda_limit": LAMBDA_LIMIT,
        },
        "kept": [
            {
                **_facts(each),
                "evidence": each.evidence.kind,
                "why": wording.describe_kept(each),
                "via": list(each.via),
                "providers": list(each.providers),
                "extra": each.extra,
            }
            for each in kept
        ],
        "left_out": [
            {**_facts(each), "why": _why_left_out(each), "extra": lock.resolution.extras.get(each.candidate.name)}
            for each in left_out
        ],
        "passed_over": [
            {"name": each.name, "version": str(each.version), "why": each.reason}
            for each in lock.resolution.passed_over
        ],
        "notes": list(lock.resolution.notes),
        "noise": list(lock.noise),
        "features_not_run": list(not_run),
        "certified": lock.certificate is not None,
    }


def _facts(each: Kept | LeftOut) -> dict[str, Any]:
    return {"name": each.candidate.name, "version": str(each.candidate.version), "bytes": each.bytes}


def _why_left_out(left_out: LeftOut) -> str:
    place = f" ({wording.describe_place(left_out.question)})" if left_out.question else ""
    return left_out.reason + place


def _rows(members: Sequence[tuple[Kept | LeftOut, str]]) -> Mapping[NormalizedName, str]:
    """Return a row for each distribution, with the columns aligned over all tables."""
    cells = [
        (f"  {each.candidate.name}", str(each.candidate.version), format_size(each.bytes), printable(why))
        for each, why in members
    ]
    names = (each.candidate.name for each, _ in members)
    return dict(zip(names, align_columns(cells, right=frozenset({2})), strict=True))


def _not_compared(noise: Sequence[str]) -> Text:
    """Return the note on noise: a difference could hide in what is never the same."""
    names = printable(", ".join(noise))
    return Text(f"Not compared, since it differs between two runs of one set: {names}", style="yellow")


def _certified(certificate: Certificate) -> Text:
    runs = pluralize(len(certificate.outcomes), "run")
    stages = pluralize(len(certificate.plain_stages), "stage")
    parts = [f"{runs} without one distribution each", *certificate.orders]
    if certificate.plain_stages:
        parts.append(f"{stages} without minreq's hook")
    return Text(f"Certified: {', '.join(parts)}: no contradiction")


def _changes(changed: LockDifference | None) -> Iterator[Text]:
    """Return notes that a hand-written list of exclusions would need: newly needed, no longer declared."""
    if changed is None:
        return
    needed = [each.now.candidate.name for each in changed.added if each.before is not None]
    idle = [each.candidate.name for each in changed.idle]
    if needed:
        yield Text(f"Left out by the previous lock, needed now: {', '.join(needed)}", style="yellow")
    if idle:
        yield Text(f"Left out by the previous lock, no longer declared: {', '.join(idle)}", style="yellow")
    if needed or idle:
        yield Text()


def _sizes(lock: Lock) -> Iterator[Text]:
    kept = sum(each.bytes for each in lock.selection.kept)
    left_out, of_extras, provided = (
        sum(each.bytes for each in part)
        for part in (
            lock.declared_left_out,
            (each for each in lock.selection.kept if lock.is_of_extra(each)),
            lock.provided,
        )
    )
    compiled = sum(each.sources for each in lock.selection.kept)
    yield Text(f"Unpacked bytes, compared with the {LAMBDA_LIMIT:,} of AWS Lambda", style="bold")
    sizes = {"full closure": sum(each.bytes for each in lock.declared), "left out": left_out}
    if provided:
        sizes["provided by the runtime"] = provided
    if of_extras:
        sizes["added by extras"] = of_extras
    sizes["this lock"] = kept
    if compiled:
        # A compiled file is about as large as its source.
        sizes["with bytecode, about"] = kept + compiled
    cells = [(f"  {label}", f"{count:,}", f"{count / LAMBDA_LIMIT:.1%}") for label, count in sizes.items()]
    for row, count in zip(align_columns(cells, right=frozenset({1, 2})), sizes.values(), strict=True):
        yield Text(f"{row}  ").append(_bar(count), style="green" if count <= LAMBDA_LIMIT else "red")


def _bar(count: int) -> str:
    """Return a bar whose full length is the limit; the percentage shows what is over the limit."""
    filled = min(_BAR_WIDTH, round(count / LAMBDA_LIMIT * _BAR_WIDTH))
    return f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}]"


def _ending(lock: Lock, settings: Settings, seconds: float, *, wrote: bool) -> Iterator[Text]:
    if settings.dry_run:
        yield Text(f"Nothing written (--dry-run), in {format_duration(seconds)}")
        return
    if settings.output == STDOUT:
        return
    files, took = f"{settings.output} and {evidence_path(settings.output).name}", format_duration(seconds)
    yield Text(f"Wrote {files} in {took}" if wrote else f"{files} are unchanged ({took})")
    yield Text("Install the lock with")
    require_hashes = " --require-hashes" if lock.hashes else ""
    yield Text(f"  pip install --no-deps{require_hashes} -r {shlex.quote(str(settings.output))} -t python/")
    yield Text(f"or build a smaller, proven layer: {_build_command(lock, settings)}")


def _build_command(lock: Lock, settings: Settings) -> str:
    """Return the next command, with a higher level if the compiled lock would come near the limit."""
    name = "" if settings.output == DEFAULT_OUTPUT else f" {shlex.quote(str(settings.output))}"
    full = sum(each.bytes + each.sources for each in lock.selection.kept) > _NEAR_LIMIT * LAMBDA_LIMIT
    return f"minreq build{name} -o layer.zip" + (" --slim unused" if full else "")
