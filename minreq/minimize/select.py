"""Partition the closure into what is kept, with evidence, and what is left out, with a reason; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from packaging.utils import NormalizedName

from minreq.minimize import MinimalSet
from minreq.minimize.handlers import find_declined_questions
from minreq.minimize.trace import TracedQuestion
from minreq.model import Answer, Asker, FarHandler, Kept, LeftOut, Request, Resolution, Selection
from minreq.smoke.paths import PathMap
from minreq.wheels.importmap import ImportMap

#: Stands for the smoke in a list of distributions.
SMOKE = "smoke"


def request_evidence(resolution: Resolution, origins: Mapping[NormalizedName, str]) -> dict[NormalizedName, Request]:
    """Return a request as evidence for all that is kept even if the smoke does not ask for it.

    *origins* has what the user named, and how. The rest of a closure that is kept whole has the distributions that
    require it. What the runtime provides is not kept.
    """
    found: dict[NormalizedName, Request] = {}
    for name in sorted((resolution.whole | set(origins)) - resolution.provided):
        requirers = sorted(
            resolution.whole & {each for each, required in resolution.requires.items() if name in required}
        )
        origin = origins.get(name) or f"required by {', '.join(requirers)}"
        found[name] = Request(distribution=name, asked_by=origin)
    return found


def select(
    resolution: Resolution,
    minimal_set: MinimalSet,
    *,
    size: Callable[[NormalizedName], int],
    source_bytes: Callable[[NormalizedName], int],
    import_map: ImportMap,
    loaded: Mapping[NormalizedName, tuple[str, ...]],
    excluded: frozenset[NormalizedName],
    declined: Mapping[NormalizedName, tuple[TracedQuestion, ...]],
) -> Selection:
    """Return the partition of the closure by *minimal_set*, sorted by name.

    *size* returns the unpacked bytes of a distribution, *source_bytes* those of its Python files. *loaded* has the
    files of each distribution that were loaded, *declined* the questions about each that is left out.
    """
    kept: list[Kept] = []
    left_out: list[LeftOut] = []
    for name, candidate in sorted(resolution.pins.items()):
        answer = minimal_set.trace.answers.get(name)
        if name in minimal_set.evidence:
            kept.append(
                Kept(
                    candidate=candidate,
                    evidence=minimal_set.evidence[name],
                    bytes=size(name),
                    via=_asking_distributions(minimal_set, name),
                    providers=_asking_groups(minimal_set, name),
                    question=answer.question if answer else None,
                    askers=_askers(minimal_set.trace.questions.get(name, ())),
                    loaded=loaded.get(name, ()),
                    sources=source_bytes(name),
                    extra=resolution.extras.get(name),
                )
            )
        else:
            left_out.append(
                LeftOut(
                    candidate=candidate,
                    bytes=size(name),
                    reason=_reason(name, answer, resolution, minimal_set, excluded),
                    question=answer.question if answer else None,
                    askers=_askers(declined.get(name, ())),
                    modules=_missing_modules(name, import_map, frozenset(minimal_set.evidence)),
                    degraded=minimal_set.degraded.get(name),
                )
            )
    return Selection(kept=tuple(kept), left_out=tuple(left_out))


def declined_questions(
    resolution: Resolution, minimal_set: MinimalSet, path_map: PathMap
) -> Mapping[NormalizedName, tuple[TracedQuestion, ...]]:
    """Return the questions about each distribution that is left out, with the handlers that caught the failures."""
    names = resolution.pins.keys() - minimal_set.evidence.keys()
    return find_declined_questions(minimal_set.trace, names, path_map)


def loaded_files(minimal_set: MinimalSet, path_map: PathMap) -> Mapping[NormalizedName, tuple[str, ...]]:
    """Return the files of each distribution that the trace loaded, sorted; their names are the same on every machine.

    For what the trace did not load, they are those that the proof loaded.
    """
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for observation in (minimal_set.proof, minimal_set.trace):
        files: dict[NormalizedName, set[str]] = {}
        for file in observation.importer_of_file:
            owner = path_map.owner_of(file)
            if owner is not None:
                files.setdefault(owner, set()).add(path_map.make_portable(file))
        found |= {name: tuple(sorted(each)) for name, each in files.items()}
    return found


def _askers(questions: tuple[TracedQuestion, ...]) -> tuple[Asker, ...]:
    """Return the places that asked *questions*, each once and sorted."""
    questions_of: dict[Asker, list[TracedQuestion]] = {}
    for traced in questions:
        question, frames = traced.question, traced.question.frames
        # Where Python's own code asks, it does so for the distribution that called it.
        position = next((index for index, owner in enumerate(traced.owners) if owner is not None), 0)
        asker = Asker(
            need=question.need,
            name=question.name,
            frame=frames[position] if position < len(frames) else None,
            distribution=traced.owners[position] if position < len(traced.owners) else None,
            why_optional=traced.why_optional,
        )
        questions_of.setdefault(asker, []).append(traced)
    askers = (
        replace(asker, stages=tuple(sorted({each.question.stage for each in asked})), far_handlers=_far_handlers(asked))
        for asker, asked in questions_of.items()
    )
    return tuple(sorted(askers, key=_sort_key))


def _far_handlers(asked: Sequence[TracedQuestion]) -> tuple[FarHandler, ...]:
    """Return the handlers that caught the failures; none if one of them is unknown."""
    if not all(each.far_handlers for each in asked):
        return ()
    handlers = {handler for each in asked for handler in each.far_handlers}
    return tuple(sorted(handlers, key=lambda each: (each.file, each.line, each.first)))


def _sort_key(asker: Asker) -> tuple[str, int, str, str, str]:
    file, line = (asker.frame.file, asker.frame.line) if asker.frame else ("", 0)
    return file, line, asker.name, asker.need.value, asker.why_optional or ""


def _missing_modules(name: NormalizedName, import_map: ImportMap, kept: frozenset[NormalizedName]) -> tuple[str, ...]:
    """Return the outermost modules that *name* has and that nothing of *kept* has."""
    gone = {module for module, owners in import_map.owners.items() if name in owners and kept.isdisjoint(owners)}
    # A package stays importable if something kept has a part of it; then only modules below it are gone.
    gone = {module for module in gone if kept.isdisjoint(import_map.shared.get(module, ()))}
    return tuple(sorted(module for module in gone if not any(parent in gone for parent in _parents(module))))


def _parents(module: str) -> Iterator[str]:
    while module := module.rpartition(".")[0]:
        yield module


def _asking_distributions(minimal_set: MinimalSet, name: NormalizedName) -> tuple[str, ...]:
    """Return the distributions that asked: the first on each stack, since Python's own code may be above it."""
    askers = set()
    for traced in minimal_set.trace.questions.get(name, ()):
        askers.add(next((owner for owner in traced.owners if owner is not None), SMOKE))
    return tuple(sorted(askers))


def _asking_groups(minimal_set: MinimalSet, name: NormalizedName) -> tuple[str, ...]:
    """Return the groups that asked; none when the first stage asked, which all groups need."""
    stages = {each.question.stage for each in minimal_set.trace.questions.get(name, ())}
    groups = {stage.partition("/")[0] for stage in stages if "/" in stage}
    return () if stages - {stage for stage in stages if "/" in stage} else tuple(sorted(groups))


def _reason(
    name: NormalizedName,
    answer: Answer | None,
    resolution: Resolution,
    minimal_set: MinimalSet,
    excluded: frozenset[NormalizedName],
) -> str:
    if name in resolution.provided:
        return "project" if name == resolution.root else "provided"
    if name in excluded:
        return "excluded"
    if name in minimal_set.degraded:
        evidence = minimal_set.degraded[name]
        return f"degraded: {evidence.what} of {evidence.stage} differs"
    if name in minimal_set.passed_without:
        return "passed without it"
    return answer.reason if answer else "never asked for"
