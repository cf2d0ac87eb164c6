"""``minreq explain``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand, configured, declared, output_options
from minreq.cli.reported import document
from minreq.cli.text import columns, counted, printable, size
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.model import Asker, Difference, Failure, Kept, LeftOut, Lock, Masked, Need, Request

if TYPE_CHECKING:
    from minreq.explain.explain import Branch, Explanation, Step

_EXAMPLES = """\
Examples:
  minreq explain tokenizers
  minreq explain yaml
  minreq explain --tree
"""
#: Of places that asked, so many are told to a person.
_MOST = 12


def _options(function: Any) -> Any:
    group = Group("This command")
    return declared(
        function,
        group.declare("--tree", is_flag=True, help="Tell of the whole lock, who imports whom."),
        group.declare("--lock", type=Path, metavar="FILE", help="The lock; what `minreq lock` writes if not said."),
        group.declare("--name", "section", metavar="NAME", help="Which of the [tool.minreq.locks] is meant."),
        output_options,
    )


@click.command("explain", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("name", required=False)
@_options
@click.pass_obj
def command(
    engine: Engine, /, *, name: str | None, tree: bool, lock: Path | None, section: str | None, as_json: bool
) -> None:
    """Tell why NAME, a distribution or a module, is in the lock, or out of it.

    Nothing is run: the evidence beside the lock says it.
    """
    if (name is None) is not tree:
        raise click.UsageError("name a distribution, or ask for the whole lock with --tree")
    path = lock or configured(section).get("output", DEFAULT_OUTPUT)
    if name is None:
        branches = engine.tree(path)
        lines = [document({"distributions": [_branch_data(each) for each in branches]})] if as_json else _tree(branches)
    else:
        told, explanation = engine.explain(path, name)
        lines = [document(_data(explanation))] if as_json else _lines(told, explanation)
    for line in lines:
        click.echo(line if as_json else printable(line))


def _lines(lock: Lock, explanation: Explanation) -> Iterator[str]:
    member = explanation.member
    name = f"{member.candidate.name} {member.candidate.version}"
    if isinstance(member, Kept):
        yield f"{name} is in the lock ({size(member.bytes)})"
        rows = [*_why_in(member), *_relations(explanation), *_cost(explanation)]
    else:
        yield f"{name} is not in the lock ({size(member.bytes)})"
        rows = [*_why_out(member), *_relations(explanation), *_cost(explanation)]
    yield from columns([("", label, text) for label, text in rows])
    if explanation.chain and member.question is not None:
        yield f"From the smoke to the first that asked (stage {member.question.stage}):"
        yield from _chain(explanation.chain, f"{_verb(member.question.need)} {member.question.name}")
    yield from _askers(member.askers, optional=isinstance(member, LeftOut))
    if isinstance(member, LeftOut) and not member.askers and not explanation.declared_by:
        yield f"Nothing in the run asked for it ({', '.join(lock.stages)})."


def _why_in(kept: Kept) -> Iterator[tuple[str, str]]:
    match kept.evidence:
        case Failure(stage=stage, error=error, method=method):
            yield "failure", f"{stage} fails without it: {error}"
            yield "seen by", _METHODS[method]
        case Difference(stage=stage, what=what, with_it=with_it, without_it=without_it):
            yield "difference", f"{what} of {stage} differ without it"
            yield "with it", _one_line(with_it)
            yield "without it", _one_line(without_it)
        case Request(asked_by=asked_by):
            yield "request", asked_by
        case Masked(place=place):
            yield "masked", f"{place} imports it; the tools of the smoke have it too, so no run could go without it"
    if kept.extra is not None:
        yield "extra", f"{kept.extra} supplied it: no base dependency has it"
    if kept.providers:
        yield "providers", ", ".join(kept.providers)


_METHODS = {
    "fork": "a fork at the very import, which went on without it",
    "feature": "a run of that feature without it",
    "trace": "a trace that declined it",
    "run": "a run of its own in a clean environment that lacked it alone",
}


def _why_out(left_out: LeftOut) -> Iterator[tuple[str, str]]:
    yield "because", _REASONS.get(left_out.reason, left_out.reason)
    if left_out.degraded is not None:
        yield "with it", _one_line(left_out.degraded.with_it)
        yield "without it", _one_line(left_out.degraded.without_it)
    if left_out.modules:
        yield "modules", ", ".join(left_out.modules)


_REASONS = {
    "never asked for": "never asked for: nothing that ran imported it, probed for it or looked up its metadata",
    "passed without it": "the smoke was run without it, passed, and behaved the same",
    "provided": "the runtime provides it (--provided)",
    "excluded": "asked to leave it out (--exclude), and the proof held",
}


def _relations(explanation: Explanation) -> Iterator[tuple[str, str]]:
    if explanation.outcome is not None:
        match explanation.outcome.result:
            case Failure(stage=stage, error=error):
                yield "certified", f"without it alone {stage} fails: {_one_line(error)}"
            case Difference(stage=stage, what=what):
                yield "certified", f"without it alone {what} of {stage} differ"
            case None:
                yield "certified", "without it alone the smoke passes and behaves the same"
    if explanation.stages:
        yield "asked in", ", ".join(explanation.stages)
    if explanation.declared_by:
        yield "declared by", ", ".join(explanation.declared_by)
    if isinstance(explanation.member, Kept) and explanation.member.via:
        yield "imported by", ", ".join(explanation.member.via)
    if explanation.imports:
        yield "imports", ", ".join(explanation.imports)


def _cost(explanation: Explanation) -> Iterator[tuple[str, str]]:
    brings, member = explanation.brings, explanation.member
    total = member.bytes + sum(brings.values())
    along = "".join(f", {name} {size(count)}" for name, count in brings.items())
    label = "it costs" if isinstance(member, Kept) else "it would cost"
    text = f"{size(total)} with what only it brings: itself {size(member.bytes)}{along}" if brings else size(total)
    yield label, f"{text} ({total:,} bytes)"


def _chain(chain: tuple[Step, ...], last: str) -> Iterator[str]:
    rows = [(f"  {step.frame.file}:{step.frame.line}", step.frame.function, step.distribution or "") for step in chain]
    yield from columns(rows)
    yield f"    {last}"


def _askers(askers: tuple[Asker, ...], *, optional: bool) -> Iterator[str]:
    if not askers:
        return
    yield f"Asked for at {counted(len(askers), 'place')}:"
    shown = askers[:_MOST]
    rows = [
        (f"  {_where(each)}", f"{_verb(each.need)} {each.name}", _why_asked(each, optional=optional)) for each in shown
    ]
    yield from columns(rows)
    if len(askers) > len(shown):
        yield f"  and {len(askers) - len(shown)} more; --json has them all"


def _where(asker: Asker) -> str:
    return f"{asker.frame.file}:{asker.frame.line}" if asker.frame else "outside of Python"


def _why_asked(asker: Asker, *, optional: bool) -> str:
    stages = ", ".join(asker.stages)
    if asker.why_optional is not None:
        return f"{stages}; optional: {asker.why_optional}"
    return f"{stages}; nothing near catches its absence" if optional else stages


def _verb(need: Need) -> str:
    return {
        Need.IMPORT: "import",
        Need.PROBE: "find_spec",
        Need.METADATA: "metadata of",
        Need.LIST: "list of entry points",
    }[need]


def _one_line(text: str) -> str:
    return " | ".join(text.splitlines()) or "nothing"


def _tree(branches: tuple[Branch, ...]) -> Iterator[str]:
    rows = []
    for each in branches:
        kept = each.kept
        label = f"{'  ' * each.depth}{kept.candidate.name} {kept.candidate.version}"
        where = f"; {_where(each.asker)}" if each.asker else ""
        rows.append((label, size(kept.bytes), "(above)" if each.repeated else _short(kept) + where))
    yield from columns(rows, right=frozenset({1}))


def _short(kept: Kept) -> str:
    match kept.evidence:
        case Failure(stage=stage):
            return f"{stage} fails without it"
        case Difference(stage=stage, what=what):
            return f"{what} of {stage} differ without it"
        case Request(asked_by=asked_by):
            return f"asked for: {asked_by}"
        case Masked(place=place):
            return f"masked: {place} imports it"


def _branch_data(branch: Branch) -> dict[str, Any]:
    kept = branch.kept
    return {
        "name": kept.candidate.name,
        "version": str(kept.candidate.version),
        "depth": branch.depth,
        "repeated": branch.repeated,
        "why": _short(kept),
    }


def _data(explanation: Explanation) -> dict[str, Any]:
    member = explanation.member
    is_in = isinstance(member, Kept)
    rows = _why_in(member) if isinstance(member, Kept) else _why_out(member)
    return {
        "name": member.candidate.name,
        "version": str(member.candidate.version),
        "in": is_in,
        "bytes": member.bytes,
        "why": dict(rows),
        "chain": [
            {
                "file": step.frame.file,
                "line": step.frame.line,
                "function": step.frame.function,
                "distribution": step.distribution,
            }
            for step in explanation.chain
        ],
        "asked": [
            {
                "need": each.need.value,
                "name": each.name,
                "file": each.frame.file if each.frame else None,
                "line": each.frame.line if each.frame else None,
                "distribution": each.distribution,
                "stages": list(each.stages),
                "optional": each.why_optional,
            }
            for each in member.askers
        ],
        "stages": list(explanation.stages),
        "declared_by": list(explanation.declared_by),
        "imports": list(explanation.imports),
        "brings": dict(explanation.brings),
        "certified": explanation.outcome is not None,
    }
