"""What the runs decided, as a selection: kept with evidence, left out with reason; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from packaging.utils import NormalizedName

from minreq.minimizing import Minimum
from minreq.model import Answer, Kept, LeftOut, Request, Resolution, Selection

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
    excluded: frozenset[NormalizedName],
) -> Selection:
    """Return the partition of the closure that *minimum* stands for, sorted by name; *size* gives unpacked bytes."""
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
                    degraded=minimum.degraded.get(name),
                )
            )
    return Selection(kept=tuple(kept), left_out=tuple(left_out))


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
