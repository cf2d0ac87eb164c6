"""One search by resolvelib: from wishes to pins, or to the conflicts that ended it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import resolvelib
from packaging.utils import NormalizedName

from minreq.errors import ResolutionTooDeep
from minreq.model import Candidate
from minreq.resolver.catalogue import Catalogue
from minreq.resolver.conflict import Conflict, conflicts
from minreq.resolver.provider import Key, Pin, Provider, Trail, Wish

#: Steps of one search; the closure of a large package takes a few hundred.
_ROUNDS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Pins that satisfy every wish."""

    pins: Mapping[Key, Pin]
    #: What each pin wishes for.
    wishes: Mapping[Key, tuple[Wish, ...]]

    def candidates(self, catalogue: Catalogue) -> dict[NormalizedName, Candidate]:
        """The pinned projects, sorted by name; extras are merged into them."""
        return {key.name: catalogue.candidate(self.pins[key].release) for key in sorted(self.pins) if not key.extra}

    def requires(self) -> dict[NormalizedName, frozenset[NormalizedName]]:
        """By project, the projects it requires by itself and through the extras in use."""
        requires: dict[NormalizedName, frozenset[NormalizedName]] = {}
        for key in sorted(self.pins):
            names = {wish.key.name for wish in self.wishes[key]} - {key.name}
            requires[key.name] = requires.get(key.name, frozenset()) | names
        return requires

    def closure(self, keys: Iterable[Key], *, without: NormalizedName) -> frozenset[NormalizedName]:
        """The projects that *keys* lead to, themselves included, but not through the project *without*."""
        found: set[Key] = set()
        waiting = [key for key in keys if key.name != without]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += [wish.key for wish in self.wishes[key] if wish.key.name != without]
        return frozenset(key.name for key in found)


def solve(
    provider: Provider, trail: Trail, wishes: Iterable[Wish], asked: str, *, rounds: int = _ROUNDS
) -> Solution | tuple[Conflict, ...]:
    """Grant *wishes*, or tell the conflicts that stand in the way, at least one.

    Raises `ResolutionTooDeep`, in which *asked* names the question.
    """
    resolver = resolvelib.Resolver[Wish, Pin, Key](provider, trail)
    try:
        result = resolver.resolve(wishes, max_rounds=rounds)
    except resolvelib.ResolutionImpossible as impossible:
        return conflicts(impossible.causes)
    except resolvelib.ResolutionTooDeep as too_deep:
        raise ResolutionTooDeep(asked, too_deep.round_count) from too_deep
    pins = dict(result.mapping)
    return Solution(pins=pins, wishes={key: provider.get_dependencies(pin) for key, pin in pins.items()})
