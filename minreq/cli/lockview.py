"""Shows the result of ``minreq lock``: what is kept and left out, the sizes, and the next commands."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName
from rich.text import Text

from minreq.cli import wording
from minreq.cli.lockbudget import LockBudget, read_budget
from minreq.cli.text import align_columns, format_duration, format_size, printable
from minreq.config import STDOUT, Settings
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.counts import pluralize
from minreq.lockfile.difference import LockDifference
from minreq.lockfile.evidence import evidence_path
from minreq.lockfile.requirements import render
from minreq.model import LAMBDA_LIMIT, BuildForecast, Certificate, Kept, LeftOut, Lock
from minreq.providers.needs import FeatureAddition

#: With it, the longest row has 80 columns.
_BAR_WIDTH = 30


def format_lines(
    lock: Lock,
    settings: Settings,
    seconds: float,
    *,
    wrote: bool = True,
    changed: LockDifference | None = None,
    html: Path | None = None,
    uncovered: Sequence[FeatureAddition] = (),
    build: BuildForecast | None = None,
) -> Iterator[Text]:
    """Return the lines for a person: the largest first, the totals last, where a terminal shows them.

    *wrote* is false if the existing lock is unchanged. *changed* is the difference to the previous lock, *html* the
    page that was written, *uncovered* are features of the providers that the smoke does not cover, *build* is what a
    smaller build comes to.
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
            yield Text(rows[each.candidate.name])
    yield Text()
    if lock.noise:
        yield _not_compared(lock.noise)
        yield Text()
    if lock.certificate is not None:
        yield _certified(lock.certificate)
        yield from map(Text, lock.certificate.notes)
        yield Text()
    if uncovered:
        yield from _uncovered(uncovered)
        yield Text()
    yield from _changes(changed)
    budget = read_budget(lock, settings, build)
    yield from _sizes(lock, budget)
    yield Text()
    yield from _ending(lock, settings, budget, seconds, wrote=wrote)
    if html is not None:
        yield Text(f"Wrote {html}")


def _uncovered(uncovered: Sequence[FeatureAddition]) -> Iterator[Text]:
    """Yield the features that a lock does not cover, with what each would add if that was measured."""
    is_measured = any(each.distributions is not None for each in uncovered)
    named = ", ".join(_addition(each) if is_measured else each.feature for each in uncovered)
    add = ", and what each would add" if is_measured else ""
    yield Text(f"Not covered by this lock{add}: {named}")
    yield Text("Name what the program uses with --features, or let --scan find it in the code")
    if not is_measured:
        providers = sorted({name for each in uncovered for name in each.providers})
        yield Text(
            f"What each would add: minreq providers {uncovered[0].release} -p {','.join(providers)} --by-feature"
        )


def _addition(feature: FeatureAddition) -> str:
    if feature.distributions is None:
        return f"{feature.feature} (not measured)"
    if not feature.distributions:
        return f"{feature.feature} (nothing)"
    first, *others = feature.distributions
    more = f" and {len(others)} more" if others else ""
    return f"{feature.feature} ({first.name}{more}, {format_size(feature.bytes)})"


def to_json_data(
    lock: Lock, settings: Settings, uncovered: Sequence[FeatureAddition] = (), build: BuildForecast | None = None
) -> dict[str, Any]:
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
            "kept": lock.selection.bytes,
            "left_out": sum(each.bytes for each in left_out if not lock.is_of_extra(each)),
            "compiled": sum(each.compiled_bytes for each in kept),
            "installed": lock.selection.installed_bytes,
            "measured": lock.is_measured,
            "budget": settings.budget,
            "build": {"slim": build.slim, "bytes": build.bytes} if build else None,
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
        "features_not_run": [each.feature for each in uncovered],
        "features_add": [
            {
                "feature": each.feature,
                "bytes": None if each.distributions is None else each.bytes,
                "distributions": None if each.distributions is None else [part.name for part in each.distributions],
            }
            for each in uncovered
        ],
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


def _sizes(lock: Lock, budget: LockBudget) -> Iterator[Text]:
    left_out, of_extras, provided = (
        sum(each.bytes for each in part)
        for part in (
            lock.declared_left_out,
            (each for each in lock.selection.kept if lock.is_of_extra(each)),
            lock.provided,
        )
    )
    yield Text(f"Unpacked bytes, compared with {budget.heading}", style="bold")
    sizes = {"full closure": sum(each.bytes for each in lock.declared), "left out": left_out}
    if provided:
        sizes["provided by the runtime"] = provided
    if of_extras:
        sizes["added by extras"] = of_extras
    sizes["this lock"] = lock.selection.bytes
    if budget.size != lock.selection.bytes:
        sizes[f"{budget.kind}{'' if budget.is_measured else ', about'}"] = budget.size
    cells = [(f"  {label}", f"{count:,}", budget.share(count)) for label, count in sizes.items()]
    for row, count in zip(align_columns(cells, right=frozenset({1, 2})), sizes.values(), strict=True):
        yield Text(f"{row}  ").append(_bar(count, budget.limit), style="green" if count <= budget.limit else "red")


def _bar(count: int, limit: int) -> str:
    """Return a bar whose full length is the limit; the percentage shows what is over the limit."""
    filled = min(_BAR_WIDTH, round(count / limit * _BAR_WIDTH))
    return f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}]"


def _ending(lock: Lock, settings: Settings, budget: LockBudget, seconds: float, *, wrote: bool) -> Iterator[Text]:
    """Yield what was written, and the next step: a build where the lock is over the limit or near it."""
    if budget.is_near:
        yield Text(budget.verdict, style="red" if budget.is_over else "yellow")
    if settings.dry_run:
        yield Text(f"Nothing written (--dry-run), in {format_duration(seconds)}")
        return
    if settings.output == STDOUT:
        return
    files, took = f"{settings.output} and {evidence_path(settings.output).name}", format_duration(seconds)
    yield Text(f"Wrote {files} in {took}" if wrote else f"{files} are unchanged ({took})")
    install, build = _install_command(lock, settings), _build_command(budget, settings)
    if budget.is_over:
        yield Text(f"Build a smaller, proven layer{budget.of_build} with")
        yield Text(f"  {build}")
        yield Text("or, where the size does not matter, install the lock with")
        yield Text(f"  {install}")
        return
    yield Text("Install the lock with")
    yield Text(f"  {install}")
    yield Text(f"or build a smaller, proven layer{budget.of_build} with")
    yield Text(f"  {build}")


def _install_command(lock: Lock, settings: Settings) -> str:
    options = " --require-hashes" if lock.hashes else ""
    options += "" if settings.compiles else " --no-compile"
    return f"pip install --no-deps{options} -r {shlex.quote(str(settings.output))} -t python/"


def _build_command(budget: LockBudget, settings: Settings) -> str:
    """Return the next command, with the level that fits if the lock is near the limit."""
    name = "" if settings.output == DEFAULT_OUTPUT else f" {shlex.quote(str(settings.output))}"
    options = f" --slim {budget.slim}" if budget.is_near else ""
    options += "" if settings.compiles else " --bytecode none"
    return f"minreq build{name} -o layer.zip{options}"
