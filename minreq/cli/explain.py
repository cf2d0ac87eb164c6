"""``minreq explain``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from packaging.utils import canonicalize_name

from minreq.cli.engine import Engine
from minreq.cli.options import Group, GroupedCommand, add_options, read_configuration
from minreq.cli.report import Report, pass_report
from minreq.cli.text import align_columns, describe_absence, format_size
from minreq.config.settings import DEFAULT_OUTPUT
from minreq.counts import pluralize
from minreq.model import Asker, Difference, Failure, Kept, LeftOut, Lock, Masked, QuestionKind, Request

if TYPE_CHECKING:
    from minreq.explain.explain import ChainStep, Explanation, ImportTreeNode

_EXAMPLES = """\
Examples:
  minreq explain tokenizers
  minreq explain yaml
  minreq explain --tree
"""
#: The most places that the text shows.
_MAX_PLACES = 12


def _options(function: Any) -> Any:
    group = Group("This command")
    return add_options(
        function,
        group.declare("--tree", is_flag=True, help="Show the whole lock as a tree of imports."),
        group.declare("--lock", type=Path, metavar="FILE", help="The lock. Default: the output of `minreq lock`."),
    )


@click.command("explain", cls=GroupedCommand, epilog=_EXAMPLES)
@click.argument("distribution", required=False, metavar="[NAME]")
@_options
@pass_report
@click.pass_obj
def command(engine: Engine, /, *, distribution: str | None, tree: bool, lock: Path | None, report: Report) -> None:
    """Explain why NAME, a distribution or a module, is in the lock or left out.

    minreq runs nothing: it reads the evidence beside the lock.
    """
    if (distribution is None) is not tree:
        raise click.UsageError("name a distribution, or show the whole lock with --tree")
    path = lock or read_configuration(report.name).get("output", DEFAULT_OUTPUT)
    if distribution is None:
        branches = engine.tree(path)
        data, lines = {"distributions": [_branch_data(each) for each in branches]}, _tree(branches)
    else:
        read, explanation = engine.explain(path, distribution)
        data, lines = _to_json_data(read, explanation), _format_lines(read, explanation)
    report.print_result(lambda: data, lines)


def _format_lines(lock: Lock, explanation: Explanation) -> Iterator[str]:
    entry = explanation.entry
    name = f"{entry.candidate.name} {entry.candidate.version}"
    if isinstance(entry, Kept):
        yield f"{name} is in the lock ({format_size(entry.bytes)})"
        rows = [*_why_in(entry), *_relations(explanation), *_cost(explanation)]
    else:
        yield f"{name} is not in the lock ({format_size(entry.bytes)})"
        rows = [*_why_out(lock, entry), *_relations(explanation), *_cost(explanation)]
    yield from align_columns([("", label, text) for label, text in rows])
    if explanation.chain and entry.question is not None:
        yield f"From the smoke to the first question (stage {entry.question.stage}):"
        yield from _chain(explanation.chain, f"{_verb(entry.question.need)} {entry.question.name}")
    yield from _askers(entry.askers, optional=isinstance(entry, LeftOut))
    if isinstance(entry, LeftOut) and not entry.askers and not explanation.declared_by:
        yield f"No stage of the smoke imported it or looked it up ({', '.join(lock.stages)})."


def _why_in(kept: Kept) -> Iterator[tuple[str, str]]:
    match kept.evidence:
        case Failure(stage=stage, error=error, method=method):
            yield "failure", f"{stage} fails {describe_absence(kept.evidence.hidden)}: {error}"
            yield "seen by", _METHODS[method]
        case Difference(stage=stage, what=what, with_it=with_it, without_it=without_it):
            yield "difference", f"{stage} differs {describe_absence(kept.evidence.hidden)}: {what}"
            yield "with it", _one_line(with_it)
            yield "without it", _one_line(without_it)
        case Request(asked_by=asked_by):
            yield "request", asked_by
        case Masked(place=place):
            yield (
                "masked",
                f"{place} imports it; the tools of the smoke require it too, so no run was possible without it",
            )
    if kept.question is None and isinstance(kept.evidence, Failure | Difference):
        yield "found by", "running without it in an environment; no trace shows who uses it"
    if kept.extra is not None:
        yield "extra", f"{kept.extra} supplied it; no base dependency has it"
    if kept.providers:
        yield "providers", ", ".join(kept.providers)


_METHODS = {
    "fork": "a fork at the import, which continued without it",
    "feature": "a run of that feature without it",
    "trace": "a trace that declined it",
    "run": "a run in a clean environment that lacked only this distribution",
}


def _why_out(lock: Lock, left_out: LeftOut) -> Iterator[tuple[str, str]]:
    is_provided = left_out.reason == "provided"
    yield "because", _who_provides(lock, left_out) if is_provided else _REASONS.get(left_out.reason, left_out.reason)
    if left_out.degraded is not None:
        yield "with it", _one_line(left_out.degraded.with_it)
        yield "without it", _one_line(left_out.degraded.without_it)
    if left_out.modules:
        yield "modules", ", ".join(left_out.modules)


_REASONS = {
    "never asked for": "never asked for: no stage imported it, probed for it or looked up its metadata",
    "passed without it": "the smoke passed and behaved the same without it",
    "project": "it is the project itself; the lock has what the project needs",
    "excluded": "excluded (--exclude), and the proof passed",
}


def _who_provides(lock: Lock, left_out: LeftOut) -> str:
    """Return with which option the user said that the runtime has *left_out*."""
    from minreq.task import fromlock  # noqa: PLC0415 # Heavy; no other answer needs it.

    options = fromlock.read_command(lock)
    named = {each.name for each in options.get("provided", ())}
    is_preset = "runtime" in options and left_out.candidate.name not in named
    option = f"--runtime {options['runtime']}" if is_preset else "--provided"
    return f"the runtime provides it ({option})"


def _relations(explanation: Explanation) -> Iterator[tuple[str, str]]:
    if explanation.outcome is not None:
        match explanation.outcome.result:
            case Failure(stage=stage, error=error):
                yield "certified", f"if only this distribution is missing, {stage} fails: {_one_line(error)}"
            case Difference(stage=stage, what=what):
                yield "certified", f"if only this distribution is missing, {stage} differs: {what}"
            case None:
                yield "certified", "if only this distribution is missing, the smoke passes and behaves the same"
    if explanation.stages:
        yield "asked in", ", ".join(explanation.stages)
    if explanation.declared_by:
        yield "declared by", ", ".join(explanation.declared_by)
    if isinstance(explanation.entry, Kept) and explanation.entry.via:
        yield "imported by", ", ".join(explanation.entry.via)
    if explanation.imports:
        yield "imports", ", ".join(explanation.imports)


def _cost(explanation: Explanation) -> Iterator[tuple[str, str]]:
    brings, entry = explanation.brings, explanation.entry
    if isinstance(entry, LeftOut) and entry.reason == "project":
        return
    total = entry.bytes + sum(brings.values())
    along = "".join(f", {name} {format_size(count)}" for name, count in brings.items())
    label = "it costs" if isinstance(entry, Kept) else "it would cost"
    text = (
        f"{format_size(total)} with the distributions that only it requires: itself {format_size(entry.bytes)}{along}"
        if brings
        else format_size(total)
    )
    yield label, f"{text} ({total:,} bytes)"


def _chain(chain: tuple[ChainStep, ...], last: str) -> Iterator[str]:
    rows = [(f"  {step.frame.file}:{step.frame.line}", step.frame.function, _name_owner(step)) for step in chain]
    yield from align_columns(rows)
    yield f"    {last}"


def _name_owner(step: ChainStep) -> str:
    """Return the distribution of *step*, unless the first folder of its file has that name."""
    folder = step.frame.file.partition("/")[0].removesuffix(".py")
    return step.distribution if step.distribution and step.distribution != canonicalize_name(folder) else ""


def _askers(askers: tuple[Asker, ...], *, optional: bool) -> Iterator[str]:
    if not askers:
        return
    yield f"Questions from {pluralize(len(askers), 'place')}:"
    shown = askers[:_MAX_PLACES]
    rows = [
        (f"  {_where(each)}", f"{_verb(each.need)} {each.name}", _why_asked(each, optional=optional)) for each in shown
    ]
    yield from align_columns(rows)
    if len(askers) > len(shown):
        yield f"  and {len(askers) - len(shown)} more; --json has them all"


def _where(asker: Asker) -> str:
    return f"{asker.frame.file}:{asker.frame.line}" if asker.frame else "outside of Python code"


def _why_asked(asker: Asker, *, optional: bool) -> str:
    stages = ", ".join(asker.stages)
    if asker.why_optional is not None:
        return f"{stages}; optional: {asker.why_optional}"
    if not optional:
        return stages
    if asker.far_handlers:
        caught = ", ".join(f"{each.text} at {each.file}:{each.line}" for each in asker.far_handlers)
        return f"{stages}; a caller catches the failure: {caught}"
    return f"{stages}; no handler nearby catches the failure"


def _verb(need: QuestionKind) -> str:
    return {
        QuestionKind.IMPORT: "import",
        QuestionKind.PROBE: "find_spec",
        QuestionKind.METADATA: "metadata of",
        QuestionKind.LIST: "list of entry points",
    }[need]


def _one_line(text: str) -> str:
    return " | ".join(text.splitlines()) or "nothing"


def _tree(branches: tuple[ImportTreeNode, ...]) -> Iterator[str]:
    rows = []
    for each in branches:
        kept = each.kept
        label = f"{'  ' * each.depth}{kept.candidate.name} {kept.candidate.version}"
        where = f"; {_where(each.asker)}" if each.asker else ""
        rows.append((label, format_size(kept.bytes), "(above)" if each.repeated else _short(kept) + where))
    yield from align_columns(rows, right=frozenset({1}))


def _short(kept: Kept) -> str:
    match kept.evidence:
        case Failure(stage=stage):
            return f"{stage} fails {describe_absence(kept.evidence.hidden)}"
        case Difference(stage=stage, what=what):
            return f"{stage} differs {describe_absence(kept.evidence.hidden)}: {what}"
        case Request(asked_by=asked_by):
            return f"requested: {asked_by}"
        case Masked(place=place):
            return f"masked: {place} imports it"


def _branch_data(branch: ImportTreeNode) -> dict[str, Any]:
    kept = branch.kept
    return {
        "name": kept.candidate.name,
        "version": str(kept.candidate.version),
        "depth": branch.depth,
        "repeated": branch.repeated,
        "why": _short(kept),
    }


def _to_json_data(lock: Lock, explanation: Explanation) -> dict[str, Any]:
    entry = explanation.entry
    is_in = isinstance(entry, Kept)
    rows = _why_in(entry) if isinstance(entry, Kept) else _why_out(lock, entry)
    return {
        "name": entry.candidate.name,
        "version": str(entry.candidate.version),
        "in": is_in,
        "bytes": entry.bytes,
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
                "far_handlers": [asdict(handler) for handler in each.far_handlers],
            }
            for each in entry.askers
        ],
        "stages": list(explanation.stages),
        "declared_by": list(explanation.declared_by),
        "imports": list(explanation.imports),
        "brings": dict(explanation.brings),
        "certified": explanation.outcome is not None,
    }
