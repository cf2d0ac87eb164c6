"""Which pinned requirements lead a resolver to the lock, and which distributions it must not install."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.utils import NormalizedName, canonicalize_name

from minreq.model import Lock
from minreq.model.parsing import parse_requirement


def pinned_roots(lock: Lock) -> tuple[str, ...]:
    """Return pinned requirements that lead to all kept distributions: the root, then those that none declares."""
    kept = {each.candidate.name: each.candidate for each in lock.selection.kept}
    names: list[NormalizedName] = []
    reached: set[NormalizedName] = set()
    declared = {name for each in kept for name in lock.resolution.requires.get(each, frozenset())}
    starts = [lock.resolution.root, *sorted(lock.resolution.whole & kept.keys()), *sorted(kept.keys() - declared)]
    # The names that are left are in cycles, which have no first member.
    for name in (*starts, *sorted(kept)):
        if name not in reached:
            names.append(name)
            reached |= set(_reachable(lock, name, reached))
    return tuple(f"{_with_extras(lock, name)}=={kept[name].version}" for name in names)


def excluded_names(lock: Lock) -> tuple[NormalizedName, ...]:
    """Return the left-out and the provided distributions, which a resolver must not install."""
    return tuple(sorted(each.candidate.name for each in lock.selection.left_out))


def _reachable(lock: Lock, start: NormalizedName, visited: set[NormalizedName]) -> Iterator[NormalizedName]:
    kept = {each.candidate.name for each in lock.selection.kept}
    seen, waiting = set(visited), [start]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in kept:
            continue
        seen.add(name)
        yield name
        waiting += lock.resolution.requires.get(name, frozenset())


def _with_extras(lock: Lock, name: NormalizedName) -> str:
    """Return *name*; for a root with the requested extras."""
    roots = map(parse_requirement, lock.root_requirements)
    extras = sorted({extra for root in roots if canonicalize_name(root.name) == name for extra in root.extras})
    return f"{name}[{','.join(extras)}]" if extras else name
