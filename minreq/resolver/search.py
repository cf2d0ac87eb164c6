"""Runs one search of resolvelib, which ends with pins or with conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import resolvelib
from packaging.utils import NormalizedName
from resolvelib.resolvers import Resolution

from minreq.errors import ResolutionTooDeep
from minreq.model import Candidate
from minreq.resolver.conflict import Conflict, group_conflicts
from minreq.resolver.finder import ReleaseFinder
from minreq.resolver.provider import Key, KeyRequirement, Pin, Provider, RequirementChains

#: Steps of one search; the closure of a large package takes a few hundred.
_MAX_ROUNDS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Pins that satisfy every requirement."""

    pins: Mapping[Key, Pin]
    #: By key, what its pin requires.
    dependencies: Mapping[Key, tuple[KeyRequirement, ...]]

    def candidates(self, finder: ReleaseFinder) -> dict[NormalizedName, Candidate]:
        """Return the pinned projects, sorted by name; an extra is no project of its own."""
        return {key.name: finder.candidate(self.pins[key].release) for key in sorted(self.pins) if not key.extra}

    def requires(self) -> dict[NormalizedName, frozenset[NormalizedName]]:
        """Return by project the projects that it requires, by itself and through the extras in use."""
        requires: dict[NormalizedName, frozenset[NormalizedName]] = {}
        for key in sorted(self.pins):
            names = {requirement.key.name for requirement in self.dependencies[key]} - {key.name}
            requires[key.name] = requires.get(key.name, frozenset()) | names
        return requires

    def closure(self, keys: Iterable[Key], *, without: NormalizedName) -> frozenset[NormalizedName]:
        """Return the projects that *keys* require, with those of *keys*, but none through the project *without*."""
        found: set[Key] = set()
        waiting = [key for key in keys if key.name != without]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += [each.key for each in self.dependencies[key] if each.key.name != without]
        return frozenset(key.name for key in found)


def solve(
    provider: Provider,
    chains: RequirementChains,
    requirements: Iterable[KeyRequirement],
    label: str,
    *,
    max_rounds: int = _MAX_ROUNDS,
) -> Solution | tuple[Conflict, ...]:
    """Satisfy *requirements*, or return the conflicts that prevent it, at least one.

    Raises `ResolutionTooDeep`, whose message names the search by *label*.
    """
    requirements = tuple(requirements)
    # `Resolver` would ask recursively which pins are still required, without an end where a replaced version left a
    # circle behind.
    resolution = Resolution[KeyRequirement, Pin, Key](provider, chains)
    try:
        mapping = resolution.resolve(requirements, max_rounds=max_rounds).mapping
    except resolvelib.ResolutionImpossible as impossible:
        return group_conflicts(impossible.causes)
    except resolvelib.ResolutionTooDeep as too_deep:
        raise ResolutionTooDeep(label, too_deep.round_count) from too_deep
    pins: dict[Key, Pin] = {}
    waiting = [requirement.key for requirement in requirements]
    while waiting:
        key = waiting.pop()
        if key not in pins:
            pins[key] = mapping[key]
            waiting += [each.key for each in provider.get_dependencies(pins[key])]
    return Solution(pins=pins, dependencies={key: provider.get_dependencies(pin) for key, pin in pins.items()})
