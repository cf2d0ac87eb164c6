"""Explains from the evidence why a distribution is kept or left out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import UnknownDistribution
from minreq.model import Asker, Frame, Kept, LeftOut, Lock, Outcome, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainStep:
    """A place in the chain of calls and imports from the smoke to an import."""

    frame: Frame
    #: The distribution of the file, ``None`` for files of the smoke and of Python.
    distribution: NormalizedName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What the evidence shows about one distribution."""

    entry: Kept | LeftOut
    #: From the smoke to the first place that asked for it; empty when no place did.
    chain: tuple[ChainStep, ...]
    #: The distributions that require it, sorted.
    declared_by: tuple[NormalizedName, ...]
    #: For a kept distribution: the kept distributions that it imports, sorted.
    imports: tuple[NormalizedName, ...] = ()
    #: The stages that asked for it, in the order of the plan: ``import``, ``openai/chat``.
    stages: tuple[str, ...] = ()
    #: Other distributions with their unpacked bytes. For a left-out distribution: the left-out ones that it requires,
    #: directly or not. For a kept one: those that only it imports, directly or not.
    brings: Mapping[NormalizedName, int]
    #: The result of ``--certify`` for it.
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTreeNode:
    """A distribution in the tree of imports."""

    kept: Kept
    #: The place in its parent that asked for it, else any place; ``None`` when no place did.
    asker: Asker | None
    #: How many importers are above it.
    depth: int
    #: Whether the tree has shown what it imports before.
    repeated: bool


def explain(lock: Lock, name: str, *, filename: str) -> Explanation:
    """Return the explanation of *name*, a project or a module of *lock*. *filename* is used in errors.

    Raises ``UnknownDistribution``.
    """
    entries: tuple[Kept | LeftOut, ...] = (*lock.selection.kept, *lock.selection.left_out)
    entries_by_name = {each.candidate.name: each for each in entries}
    project = _find_project(entries_by_name, name)
    if project is None:
        raise UnknownDistribution(name, filename, sorted(entries_by_name))
    entry = entries_by_name[project]
    outcomes = lock.certificate.outcomes if lock.certificate else ()
    return Explanation(
        entry=entry,
        chain=_chain(lock, entry),
        declared_by=tuple(sorted(who for who, what in lock.resolution.requires.items() if project in what)),
        imports=tuple(each.candidate.name for each in lock.selection.kept if project in each.via),
        stages=_stages(lock, entry),
        brings=_left_out_with(lock, project) if isinstance(entry, LeftOut) else _kept_only_for(lock, project),
        outcome=next((each for each in outcomes if each.distribution == project), None),
    )


def _find_project(entries_by_name: Mapping[NormalizedName, Kept | LeftOut], name: str) -> NormalizedName | None:
    """Return the project called *name*, else the one that was asked for, or is missed, as a module of that name."""
    project = canonicalize_name(name)
    if project in entries_by_name:
        return project
    for each in entries_by_name.values():
        modules = {asker.name for asker in each.askers}
        modules.update(each.modules if isinstance(each, LeftOut) else ())
        if name in modules or any(name.startswith(f"{module}.") for module in modules):
            return each.candidate.name
    return None


def _chain(lock: Lock, entry: Kept | LeftOut) -> tuple[ChainStep, ...]:
    owners: dict[str, NormalizedName | None] = {}
    owners.update((file, kept.candidate.name) for kept in lock.selection.kept for file in kept.loaded)
    # A module whose import failed is not in `loaded`. The evidence names its file as an asker.
    owners.update((asker.frame.file, asker.distribution) for asker in entry.askers if asker.frame is not None)
    frames = entry.question.frames if entry.question else ()
    # ``<string>`` is the code that starts the smoke.
    file_frames = [frame for frame in reversed(frames) if not frame.file.startswith("<")]
    return tuple(ChainStep(frame=frame, distribution=owners.get(frame.file)) for frame in file_frames)


def _left_out_with(lock: Lock, name: NormalizedName) -> Mapping[NormalizedName, int]:
    """Return the left-out distributions that *name* requires, directly or not."""
    sizes = {each.candidate.name: each.bytes for each in lock.selection.left_out}
    found: set[NormalizedName] = set()
    waiting = [name]
    while waiting:
        new = lock.resolution.requires.get(waiting.pop(), frozenset()) & sizes.keys()
        waiting += new - found
        found |= new
    found -= {name, *lock.resolution.provided}
    return {each: sizes[each] for each in sorted(found)}


def _stages(lock: Lock, entry: Kept | LeftOut) -> tuple[str, ...]:
    stages = {stage for asker in entry.askers for stage in asker.stages}
    order = {stage: position for position, stage in enumerate(lock.stages)}
    return tuple(sorted(stages, key=lambda stage: (order.get(stage, len(order)), stage)))


def _kept_only_for(lock: Lock, name: NormalizedName) -> Mapping[NormalizedName, int]:
    """Return the kept distributions that are imported only by *name*, directly or not."""
    kept = {each.candidate.name: each for each in lock.selection.kept}
    still_imported = {each for each, what in kept.items() if not what.via or isinstance(what.evidence, Request)} - {
        name
    }
    while True:
        new = {
            each
            for each, what in kept.items()
            if each not in still_imported
            and each != name
            and any(via not in kept or via in still_imported for via in what.via)
        }
        if not new:
            return {each: kept[each].bytes for each in sorted(kept.keys() - still_imported - {name})}
        still_imported |= new


def import_tree(lock: Lock) -> Iterator[ImportTreeNode]:
    """Yield the kept distributions below their importers, depth first. A repeated one comes without its imports."""
    kept = lock.selection.kept
    imports_of: dict[str, list[Kept]] = {}
    for each in kept:
        for importer in each.via:
            if importer != each.candidate.name:
                imports_of.setdefault(importer, []).append(each)
    listed: set[NormalizedName] = set()

    def descend(children: Iterable[Kept], importer: NormalizedName | None, depth: int) -> Iterator[ImportTreeNode]:
        for each in children:
            name = each.candidate.name
            repeated = name in listed
            listed.add(name)
            asker = next((asker for asker in each.askers if asker.distribution == importer), None)
            asker = asker or next(iter(each.askers), None)
            yield ImportTreeNode(kept=each, asker=asker, depth=depth, repeated=repeated and name in imports_of)
            if not repeated:
                yield from descend(imports_of.get(name, ()), name, depth + 1)

    names = {each.candidate.name for each in kept}
    tops = [each for each in kept if each.candidate.name == lock.resolution.root]
    tops += [each for each in kept if each not in tops and names.isdisjoint(each.via)]
    yield from descend(tops, None, 0)
    # Distributions that import only each other.
    for each in kept:
        if each.candidate.name not in listed:
            yield from descend([each], None, 0)
