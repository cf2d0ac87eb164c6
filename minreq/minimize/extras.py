"""Add an extra to the closure where the smoke fails although nothing is left out, and an extra has what it misses.

A plain install answers every import of an undeclared module with an error, whether the program handles that or not.
So no extra is looked into while the smoke passes: the program would behave as no install of it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from packaging.utils import NormalizedName

from minreq.minimize.trace import TracedQuestion
from minreq.model import QuestionKind
from minreq.smoke.paths import STANDARD_LIBRARY, PathMap
from minreq.smoke.results import StageResult
from minreq.wheels.closure import Closure


def add_missing_extras(
    failures: Iterable[StageResult],
    questions: Iterable[TracedQuestion],
    closure: Closure,
    path_map: PathMap,
    report: Callable[[str], None] = lambda _sentence: None,
) -> bool:
    """Add for each of *failures* one extra that has a module which the stage misses; return whether one was added.

    *failures* are those of runs with everything that the closure has; *questions* are their questions that nothing in
    the closure answers. *report* gets a sentence for each extra.
    """
    before = closure.resolution
    for failure in failures:
        if failure.ended_by != "itself":
            continue
        for module, importer in _missing(failure, questions, closure, path_map):
            size = len(closure.resolution.pins)
            owner = closure.supply(module, importer)
            if owner is None:
                continue
            if len(closure.resolution.pins) > size:
                stage, extra = failure.behaviour.stage, closure.resolution.extras[owner]
                report(f"a plain install fails at {stage}, since it lacks {module}: {extra} supplies {owner}")
            break
    return closure.resolution is not before


def undeclared_modules(failure: StageResult, closure: Closure) -> Iterator[str]:
    """Yield the modules that *failure* names as missing, and that nothing in *closure* has."""
    import_map = closure.import_map
    for module in failure.missing_modules:
        parent = module.rpartition(".")[0]
        # A missing part of a package is undeclared only if other distributions may have it.
        if module not in import_map.owners and (not parent or parent in import_map.shared):
            yield module


def _missing(
    failure: StageResult, questions: Iterable[TracedQuestion], closure: Closure, path_map: PathMap
) -> Iterator[tuple[str, NormalizedName | None]]:
    """Yield the undeclared modules that *failure* may come from, each with the distribution that imports it.

    The error of the smoke may name none, as where a process that it started fails: then it is one of *questions*, and
    more likely a late one.
    """
    if failure.missing_modules:
        for module in undeclared_modules(failure, closure):
            place = failure.importers.get(module)
            # Python's own code imports modules of other platforms, which no distribution has.
            if place is None or not path_map.make_portable(place.file).startswith(STANDARD_LIBRARY):
                yield module, path_map.owner_of(place.file) if place else None
        return
    stage = failure.behaviour.stage
    for traced in sorted(questions, key=lambda each: each.question.order, reverse=True):
        question = traced.question
        if question.stage == stage and question.need is QuestionKind.IMPORT and traced.why_optional is None:
            first = question.frames[0].file if question.frames else ""
            if question.name not in closure.import_map.owners and not first.startswith((STANDARD_LIBRARY, "<frozen ")):
                yield question.name, traced.owner
