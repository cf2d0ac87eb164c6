"""Makes the HTML page of ``minreq lock --html``."""

from __future__ import annotations

from collections.abc import Iterator

from minreq.cli import wording
from minreq.cli.lockbudget import LockBudget
from minreq.counts import pluralize
from minreq.explain import explain
from minreq.model import Asker, Difference, Failure, Kept, LeftOut, Lock, QuestionKind
from minreq.pages import report

#: The most places that the page shows for one distribution.
_MAX_PLACES = 25
_VERBS = {
    QuestionKind.IMPORT: "imports",
    QuestionKind.PROBE: "probes for",
    QuestionKind.METADATA: "looks up the metadata of",
}


def render_page(lock: Lock, budget: LockBudget) -> str:
    """Return the page: each distribution, kept or left out, with its imports and its evidence."""
    kept, left_out = lock.selection.kept, lock.selection.left_out
    size = lock.selection.bytes
    other = sum(each.bytes for each in left_out if not lock.is_of_extra(each))
    provided = f", {len(lock.provided)} provided by the runtime" if lock.provided else ""
    root = lock.resolution.root
    facts = [
        (f"{pluralize(len(kept), 'distribution')} kept, {size:,} bytes.", False),
        (f"{len(lock.declared_left_out)} left out{provided}, {other:,} bytes.", False),
        *_fit(budget),
        (f"Proven by {pluralize(len(lock.stages), 'stage')} of the smoke.", False),
    ]
    return report.render_page(
        f"{root} {lock.resolution.pins[root].version}: contents of the lock, with reasons",
        facts,
        [*(_kept(lock, each) for each in kept), *(_left_out(lock, each) for each in left_out)],
        providers=sorted({name for each in kept for name in each.providers}),
        limit=budget.limit,
    )


def _fit(budget: LockBudget) -> Iterator[tuple[str, bool]]:
    """Yield how the lock fits its limit, and what a smaller build would have, each with whether it is bad news."""
    yield (
        f"{budget.size:,} bytes {budget.kind}{'' if budget.is_measured else ', estimated'}.",
        False,
    )
    yield f"{budget.verdict}.", budget.is_over
    if budget.build is not None:
        yield f"minreq build --slim {budget.slim} makes a tree{budget.of_build}.", False


def _kept(lock: Lock, kept: Kept) -> report.Entry:
    explanation = explain.explain(lock, kept.candidate.name, filename="")
    return report.Entry(
        name=kept.candidate.name,
        version=str(kept.candidate.version),
        bytes=kept.bytes,
        kind=kept.evidence.kind,
        why=wording.describe_evidence(kept.evidence),
        providers=kept.providers,
        evidence=tuple(_why_kept(kept)),
        chain=_chain(explanation),
        via=kept.via,
        imports=tuple(explanation.imports),
        declared=tuple(explanation.declared_by),
        askers=tuple(_asker(each) for each in kept.askers[:_MAX_PLACES]),
        asked=len(kept.askers),
    )


def _left_out(lock: Lock, left_out: LeftOut) -> report.Entry:
    explanation = explain.explain(lock, left_out.candidate.name, filename="")
    return report.Entry(
        name=left_out.candidate.name,
        version=str(left_out.candidate.version),
        bytes=left_out.bytes,
        kind="out",
        why=left_out.reason,
        evidence=tuple(_why_left_out(left_out)),
        chain=_chain(explanation),
        via=tuple(sorted({str(each.distribution or "smoke") for each in left_out.askers})),
        declared=tuple(explanation.declared_by),
        brings=tuple(explanation.brings),
        askers=tuple(_asker(each) for each in left_out.askers[:_MAX_PLACES]),
        asked=len(left_out.askers),
    )


def _chain(explanation: explain.Explanation) -> tuple[tuple[str, str], ...]:
    return tuple(
        (f"{step.frame.file}:{step.frame.line}", f"{step.frame.function} {step.distribution or ''}".rstrip())
        for step in explanation.chain
    )


def _why_kept(kept: Kept) -> Iterator[tuple[str, str]]:
    evidence = kept.evidence
    yield evidence.kind, wording.describe_evidence(evidence)
    match evidence:
        case Failure(error=error, method=method):
            yield "error", error
            yield "seen by", f"a {method}"
        case Difference(with_it=with_it, without_it=without_it):
            yield "with it", with_it or "nothing"
            yield "without it", without_it or "nothing"
        case _:
            pass
    if kept.extra is not None:
        yield "extra", f"{kept.extra} supplied it"
    yield "for", ", ".join(kept.providers) or "every provider"


def _why_left_out(left_out: LeftOut) -> Iterator[tuple[str, str]]:
    yield "because", left_out.reason
    if left_out.degraded is not None:
        yield "with it", left_out.degraded.with_it or "nothing"
        yield "without it", left_out.degraded.without_it or "nothing"
    if left_out.modules:
        yield "modules", ", ".join(left_out.modules)


def _asker(asker: Asker) -> tuple[str, str]:
    place = f"{asker.frame.file}:{asker.frame.line}" if asker.frame else "outside of Python code"
    optional = f"; optional: {asker.why_optional}" if asker.why_optional else ""
    return place, f"{_VERBS[asker.need]} {asker.name} ({', '.join(asker.stages)}){optional}"
