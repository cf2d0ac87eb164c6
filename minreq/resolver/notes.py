"""Sentences about what a resolution did not take at its word: overrides, what was set aside, what was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Candidate
from minreq.resolver.catalogue import Catalogue, Release
from minreq.resolver.provider import Aside, said, written
from minreq.resolver.search import Solution


def notes(
    catalogue: Catalogue,
    solution: Solution,
    pins: Mapping[NormalizedName, Candidate],
    aside: Mapping[NormalizedName, Aside],
) -> tuple[str, ...]:
    """The sentences, in the order of the projects they are about."""
    return tuple(
        sentence
        for name in sorted({*pins, *aside})
        for sentence in (
            *_overridden(catalogue, solution, name),
            *_set_aside(catalogue, solution, name, pins.get(name)),
            *_refused(catalogue, pins.get(name)),
        )
    )


def _overridden(catalogue: Catalogue, solution: Solution, name: NormalizedName) -> Iterator[str]:
    overrides = [s for s in catalogue.demand.overrides if canonicalize_name(s.requirement.name) == name]
    if overrides and (asked := list(_asked(catalogue, solution, name))):
        by = " and ".join(said(stated.place, written(stated.requirement)) for stated in overrides)
        yield f"{by} replaces {', '.join(f'{written(r)} of {release}' for r, release in asked)}"


def _set_aside(
    catalogue: Catalogue, solution: Solution, name: NormalizedName, chosen: Candidate | None
) -> Iterator[str]:
    if name in catalogue.demand.overriding:
        return
    for requirement, release in _asked(catalogue, solution, name):
        reason = f"nothing in {catalogue.demand.root_name} imports {name} as it loads"
        if chosen is None:
            yield f"{release} requires {written(requirement)}, which cannot be had and is left out: {reason}"
        elif not requirement.specifier.contains(chosen.version, prereleases=True):
            yield f"{release} requires {written(requirement)} and gets {name} {chosen.version}: {reason}"


def _refused(catalogue: Catalogue, chosen: Candidate | None) -> Iterator[str]:
    # The versions of the root that were refused are among those passed over.
    if chosen is None or chosen.name == catalogue.demand.root_name:
        return
    for version in sorted(catalogue.demand.refused.get(chosen.name, ())):
        if version > chosen.version and version in catalogue.shelf(chosen.name).versions:
            yield f"{chosen.name} {version} is known to be malicious and was not considered"


def _asked(catalogue: Catalogue, solution: Solution, name: NormalizedName) -> Iterator[tuple[Requirement, Release]]:
    """Every requirement that packages of the solution have on *name*."""
    for key in sorted(solution.pins):
        release = solution.pins[key].release
        for requirement in catalogue.requires(release, key.extra):
            if canonicalize_name(requirement.name) == name:
                yield requirement, release
