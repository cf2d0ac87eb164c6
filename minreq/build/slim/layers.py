"""Which layer a distribution goes into: what every function needs, and what one provider's functions need; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.model import Kept

#: The layer that every function attaches.
BASE = "base"

#: How many layers a function can have (AWS Lambda developer guide, "Quotas").
MOST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers, and who attaches which."""

    #: The layer of each distribution.
    of: Mapping[NormalizedName, str]
    #: The base first, the others sorted.
    names: tuple[str, ...]
    #: Provider to the layers that its functions attach.
    functions: Mapping[str, tuple[str, ...]]


def layers(kept: Collection[Kept], providers: Collection[str], sizes: Mapping[NormalizedName, int]) -> Layers:
    """Split what is *kept*: a layer for each provider that alone asks for something, all else in the base.

    With more than there may be, those with the fewest bytes join the base: each of its functions then carries a little
    that it does not need.
    """
    alone = {
        each.candidate.name: each.providers[0]
        for each in kept
        if len(each.providers) == 1 and each.providers[0] in providers
    }
    totals: dict[str, int] = {}
    for name, provider in alone.items():
        totals[provider] = totals.get(provider, 0) + sizes.get(name, 0)
    chosen = frozenset(sorted(totals, key=lambda provider: (-totals[provider], provider))[: MOST - 1])
    of = {
        each.candidate.name: layer if (layer := alone.get(each.candidate.name, BASE)) in chosen else BASE
        for each in kept
    }
    functions = {provider: (BASE, provider) if provider in chosen else (BASE,) for provider in sorted(providers)}
    return Layers(of=of, names=(BASE, *sorted(chosen)), functions=functions)
