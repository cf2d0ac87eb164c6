"""Why a distribution is in a lock, or out of it, from the evidence alone; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName, canonicalize_name

from minreq.errors import UnknownDistribution
from minreq.model import Asker, Frame, Kept, LeftOut, Lock, Outcome, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A place on the way from the smoke to an import."""

    frame: Frame
    #: Whose file it is, ``None`` for the smoke's and Python's own.
    distribution: NormalizedName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of one distribution."""

    member: Kept | LeftOut
    #: From the smoke to the place that asked first; empty when nothing did.
    chain: tuple[Step, ...]
    #: The distributions that declare it, sorted.
    declared_by: tuple[NormalizedName, ...]
    #: Of a kept one: what it imports that is kept, sorted.
    imports: tuple[NormalizedName, ...] = ()
    #: The stages in which it was asked for, in the order of the plan: ``import``, ``openai/chat``.
    stages: tuple[str, ...] = ()
    #: What only it brings, with unpacked bytes, by name: of one left out what its own declarations would bring that is
    #: not there, of a kept one what nothing else asks for.
    brings: Mapping[NormalizedName, int]
    #: What ``--certify`` saw without it.
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A distribution in the tree of imports."""

    kept: Kept
    #: The place where what stands above it asked, else any; ``None`` when nothing did.
    asker: Asker | None
    #: How many importers stand above it.
    depth: int
    #: Whether what it imports was told farther up.
    repeated: bool


def explain(lock: Lock, name: str, *, filename: str) -> Explanation:
    """Return what *lock* knows of *name*, a project or a module; *filename* is for messages.

    Raises ``UnknownDistribution``.
    """
    both: tuple[Kept | LeftOut, ...] = (*lock.selection.kept, *lock.selection.left_out)
    members = {each.candidate.name: each for each in both}
    project = _project(members, name)
    if project is None:
        raise UnknownDistribution(name, filename, sorted(members))
    member = members[project]
    outcomes = lock.certificate.outcomes if lock.certificate else ()
    return Explanation(
        member=member,
        chain=_chain(lock, member),
        declared_by=tuple(sorted(who for who, what in lock.resolution.requires.items() if project in what)),
        imports=tuple(each.candidate.name for each in lock.selection.kept if project in each.via),
        stages=_stages(lock, member),
        brings=_brings(lock, project) if isinstance(member, LeftOut) else _only_by(lock, project),
        outcome=next((each for each in outcomes if each.distribution == project), None),
    )


def _project(members: Mapping[NormalizedName, Kept | LeftOut], name: str) -> NormalizedName | None:
    """The project of that name, else the one that was asked for, or is missed, as the module of that name."""
    project = canonicalize_name(name)
    if project in members:
        return project
    for each in members.values():
        asked = {asker.name for asker in each.askers}
        asked.update(each.modules if isinstance(each, LeftOut) else ())
        if name in asked or any(name.startswith(f"{module}.") for module in asked):
            return each.candidate.name
    return None


def _chain(lock: Lock, member: Kept | LeftOut) -> tuple[Step, ...]:
    owners: dict[str, NormalizedName | None] = {}
    owners.update((file, kept.candidate.name) for kept in lock.selection.kept for file in kept.loaded)
    # A module whose import failed is not loaded, and is known by what it asked.
    owners.update((asker.frame.file, asker.distribution) for asker in member.askers if asker.frame is not None)
    frames = member.question.frames if member.question else ()
    # ``<string>`` is what starts the smoke.
    told = [frame for frame in reversed(frames) if not frame.file.startswith("<")]
    return tuple(Step(frame=frame, distribution=owners.get(frame.file)) for frame in told)


def _brings(lock: Lock, name: NormalizedName) -> Mapping[NormalizedName, int]:
    """What *name* declares, directly or not, that is left out as well."""
    sizes = {each.candidate.name: each.bytes for each in lock.selection.left_out}
    found: set[NormalizedName] = set()
    waiting = [name]
    while waiting:
        new = lock.resolution.requires.get(waiting.pop(), frozenset()) & sizes.keys()
        waiting += new - found
        found |= new
    found -= {name, *lock.resolution.provided}
    return {each: sizes[each] for each in sorted(found)}


def _stages(lock: Lock, member: Kept | LeftOut) -> tuple[str, ...]:
    asked = {stage for asker in member.askers for stage in asker.stages}
    order = {stage: position for position, stage in enumerate(lock.stages)}
    return tuple(sorted(asked, key=lambda stage: (order.get(stage, len(order)), stage)))


def _only_by(lock: Lock, name: NormalizedName) -> Mapping[NormalizedName, int]:
    """What would be asked for by nothing any more if *name* were not kept: all ways to it lead through *name*."""
    kept = {each.candidate.name: each for each in lock.selection.kept}
    stays = {each for each, what in kept.items() if not what.via or isinstance(what.evidence, Request)} - {name}
    while True:
        new = {
            each
            for each, what in kept.items()
            if each not in stays and each != name and any(via not in kept or via in stays for via in what.via)
        }
        if not new:
            return {each: kept[each].bytes for each in sorted(kept.keys() - stays - {name})}
        stays |= new


def tree(lock: Lock) -> Iterator[Branch]:
    """Yield what is kept below what imports it, depth first; what comes again is told without what is below it."""
    kept = lock.selection.kept
    below: dict[str, list[Kept]] = {}
    for each in kept:
        for importer in each.via:
            if importer != each.candidate.name:
                below.setdefault(importer, []).append(each)
    told: set[NormalizedName] = set()

    def descend(members: Iterable[Kept], importer: NormalizedName | None, depth: int) -> Iterator[Branch]:
        for each in members:
            name = each.candidate.name
            repeated = name in told
            told.add(name)
            asker = next((asker for asker in each.askers if asker.distribution == importer), None)
            asker = asker or next(iter(each.askers), None)
            yield Branch(kept=each, asker=asker, depth=depth, repeated=repeated and name in below)
            if not repeated:
                yield from descend(below.get(name, ()), name, depth + 1)

    names = {each.candidate.name for each in kept}
    tops = [each for each in kept if each.candidate.name == lock.resolution.root]
    tops += [each for each in kept if each not in tops and names.isdisjoint(each.via)]
    yield from descend(tops, None, 0)
    # Two that import only each other.
    for each in kept:
        if each.candidate.name not in told:
            yield from descend([each], None, 0)
