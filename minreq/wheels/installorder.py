"""The order in which pip installs distributions: of a file that two of them have, the last one counts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set as AbstractSet

from packaging.utils import NormalizedName


def sort_as_installed(
    names: Collection[NormalizedName], requires: Mapping[NormalizedName, Iterable[NormalizedName]]
) -> list[NormalizedName]:
    """Sort *names* as pip does when it installs all of *requires*, the names that each distribution declares.

    pip installs what requires nothing, then what requires only that, and so on, and begins each round with the last
    name. In a cycle pip promises no order: the distribution that is found first is then installed last.
    """
    waiting = {name: set(requires.get(name, ())) - {name} for name in {*requires, *names}}
    order: list[NormalizedName] = []
    while waiting:
        unmet = {name: required & waiting.keys() for name, required in waiting.items()}
        ready = sorted((name for name in waiting if not unmet[name]), reverse=True) or [_end_of_cycle(unmet)]
        order += ready
        for name in ready:
            del waiting[name]
    wanted = frozenset(names)
    return [name for name in order if name in wanted]


def _end_of_cycle(requires: Mapping[NormalizedName, AbstractSet[NormalizedName]]) -> NormalizedName:
    """Follow *requires*, in which each name requires another one, to a name that requires one found before."""
    name = min(requires)
    found = {name}
    while (required := min(requires[name])) not in found:
        found.add(name := required)
    return name
