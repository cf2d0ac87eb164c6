"""What the runs decided, as a selection: kept with evidence, left out with reason; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from packaging.utils import NormalizedName

from minreq.minimize import Minimum
from minreq.minimize.observe import Observation
from minreq.minimize.trace import Asked
from minreq.model import Answer, Asker, Kept, LeftOut, Request, Resolution, Selection
from minreq.smoke.places import Places
from minreq.wheels.importmap import ImportMap

#: Stands for the smoke where a distribution would be named.
SMOKE = "smoke"


def requests(resolution: Resolution, asked: Mapping[NormalizedName, str]) -> dict[NormalizedName, Request]:
    """Return a request for everything that is kept without being asked for.

    *asked* are the words of the user for what was named; what the closures of projects kept whole hold beside that is
    required by them. What the runtime provides is not kept.
    """
    found: dict[NormalizedName, Request] = {}
    for name in sorted((resolution.whole | set(asked)) - resolution.provided):
        requirers = sorted(resolution.whole & {who for who, what in resolution.requires.items() if name in what})
        words = asked.get(name) or f"required by {', '.join(requirers)}"
        found[name] = Request(distribution=name, asked_by=words)
    return found


def select(
    resolution: Resolution,
    minimum: Minimum,
    *,
    size: Callable[[NormalizedName], int],
    sources: Callable[[NormalizedName], int],
    import_map: ImportMap,
    loaded: Mapping[NormalizedName, tuple[str, ...]],
    excluded: frozenset[NormalizedName],
) -> Selection:
    """Return the partition of the closure that *minimum* stands for, sorted by name.

    *size* gives unpacked bytes, *sources* those of Python in them, *loaded* the files of each distribution that the
    trace loaded.
    """
    kept: list[Kept] = []
    left_out: list[LeftOut] = []
    for name, candidate in sorted(resolution.pins.items()):
        answer = minimum.trace.answers.get(name)
        if name in minimum.evidence:
            kept.append(
                Kept(
                    candidate=candidate,
                    evidence=minimum.evidence[name],
                    bytes=size(name),
                    via=_importers(minimum, name),
                    providers=_providers(minimum, name),
                    question=answer.question if answer else None,
                    askers=_askers(minimum.trace.asked.get(name, ())),
                    loaded=loaded.get(name, ()),
                    sources=sources(name),
                    extra=resolution.extras.get(name),
                )
            )
        else:
            left_out.append(
                LeftOut(
                    candidate=candidate,
                    bytes=size(name),
                    reason=_reason(name, answer, resolution, minimum, excluded),
                    question=answer.question if answer else None,
                    askers=_askers(minimum.trace.asked.get(name, ())),
                    modules=_modules(name, import_map, frozenset(minimum.evidence)),
                    degraded=minimum.degraded.get(name),
                )
            )
    return Selection(kept=tuple(kept), left_out=tuple(left_out))


def loaded_files(trace: Observation, places: Places) -> Mapping[NormalizedName, tuple[str, ...]]:
    """Return the files of each distribution that *trace* loaded, sorted, named alike on every machine."""
    found: dict[NormalizedName, set[str]] = {}
    for file in trace.loaded:
        owner = places.owner(file)
        if owner is not None:
            found.setdefault(owner, set()).add(places.name(file))
    return {name: tuple(sorted(files)) for name, files in found.items()}


def _askers(questions: tuple[Asked, ...]) -> tuple[Asker, ...]:
    """The places of *questions*, each once, whichever process was there first."""
    stages: dict[Asker, set[str]] = {}
    for asked in questions:
        question, frames = asked.question, asked.question.frames
        # Python's own code asks too, on behalf of a distribution.
        position = next((index for index, owner in enumerate(asked.owners) if owner is not None), 0)
        asker = Asker(
            need=question.need,
            name=question.name,
            frame=frames[position] if position < len(frames) else None,
            distribution=asked.owners[position] if position < len(asked.owners) else None,
            why_optional=asked.why_optional,
        )
        stages.setdefault(asker, set()).add(question.stage)
    return tuple(sorted((replace(asker, stages=tuple(sorted(where))) for asker, where in stages.items()), key=_place))


def _place(asker: Asker) -> tuple[str, int, str, str, str]:
    file, line = (asker.frame.file, asker.frame.line) if asker.frame else ("", 0)
    return file, line, asker.name, asker.need.value, asker.why_optional or ""


def _modules(name: NormalizedName, import_map: ImportMap, kept: frozenset[NormalizedName]) -> tuple[str, ...]:
    """The outermost modules that *name* has and nothing of *kept*."""
    gone = {module for module, owners in import_map.owners.items() if name in owners and kept.isdisjoint(owners)}
    # A package that something kept has a part of stays importable: only what lies below it is gone.
    gone = {module for module in gone if kept.isdisjoint(import_map.shared.get(module, ()))}
    return tuple(sorted(module for module in gone if not any(parent in gone for parent in _parents(module))))


def _parents(module: str) -> Iterator[str]:
    while module := module.rpartition(".")[0]:
        yield module


def _importers(minimum: Minimum, name: NormalizedName) -> tuple[str, ...]:
    """The distributions whose code asked; the first in the stack that is one, since Python's own code asks too."""
    askers = set()
    for asked in minimum.trace.asked.get(name, ()):
        askers.add(next((owner for owner in asked.owners if owner is not None), SMOKE))
    return tuple(sorted(askers))


def _providers(minimum: Minimum, name: NormalizedName) -> tuple[str, ...]:
    """The groups that asked; none when the first stage did, since all of them stand on it."""
    stages = {asked.question.stage for asked in minimum.trace.asked.get(name, ())}
    groups = {stage.partition("/")[0] for stage in stages if "/" in stage}
    return () if stages - {stage for stage in stages if "/" in stage} else tuple(sorted(groups))


def _reason(
    name: NormalizedName,
    answer: Answer | None,
    resolution: Resolution,
    minimum: Minimum,
    excluded: frozenset[NormalizedName],
) -> str:
    if name in resolution.provided:
        return "provided"
    if name in excluded:
        return "excluded"
    if name in minimum.degraded:
        evidence = minimum.degraded[name]
        return f"degraded: {evidence.what} of {evidence.stage} differs"
    if name in minimum.spared:
        return "passed without it"
    return answer.reason if answer else "never asked for"
