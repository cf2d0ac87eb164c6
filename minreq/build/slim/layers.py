"""Divide distributions into layers: what every function needs, and what the functions of one provider need; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName

from minreq.model import Kept

#: The layer that every function attaches.
BASE = "base"

#: A function can attach so many layers (AWS Lambda developer guide, "Quotas").
MAX_LAYERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerPlan:
    """Which layer each distribution goes into, and which layers a function attaches."""

    #: The layer of each distribution.
    layer_of: Mapping[NormalizedName, str]
    #: The base first, the others sorted.
    names: tuple[str, ...]
    #: For each provider, the layers that its functions attach.
    functions: Mapping[str, tuple[str, ...]]


def plan_layers(kept: Collection[Kept], providers: Collection[str], sizes: Mapping[NormalizedName, int]) -> LayerPlan:
    """Put each distribution that only one provider needs into the layer of this provider, all others into the base.

    A function can attach `MAX_LAYERS`. When there would be more, the smallest layers join the base: every function then
    carries some distributions that it does not need.
    """
    provider_of = {
        each.candidate.name: each.providers[0]
        for each in kept
        if len(each.providers) == 1 and each.providers[0] in providers
    }
    totals: dict[str, int] = {}
    for name, provider in provider_of.items():
        totals[provider] = totals.get(provider, 0) + sizes.get(name, 0)
    chosen = frozenset(sorted(totals, key=lambda provider: (-totals[provider], provider))[: MAX_LAYERS - 1])
    layer_of = {
        each.candidate.name: layer if (layer := provider_of.get(each.candidate.name, BASE)) in chosen else BASE
        for each in kept
    }
    functions = {provider: (BASE, provider) if provider in chosen else (BASE,) for provider in sorted(providers)}
    return LayerPlan(layer_of=layer_of, names=(BASE, *sorted(chosen)), functions=functions)
