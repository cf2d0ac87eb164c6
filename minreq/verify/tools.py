"""Puts the tools of a smoke beside what a lock installs, as they were when the lock was made."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.index.client import IndexClient
from minreq.lockfile.pinnedfiles import Installation, PinnedFileFinder, recorded_pin
from minreq.model import Lock, Masked
from minreq.resolver import ResolverInput, extend
from minreq.smoke.tools import ToolPlaces, list_modules, place_tools
from minreq.task import fromlock
from minreq.task.smoketools import resolve_tools
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTools:
    """The tools of the smoke of a lock, found at the index."""

    lock: Lock
    #: Those that the user named.
    named: frozenset[NormalizedName]
    apart: Installation
    #: Those that the program finds too: tools that had no copy of their own when the lock was made.
    joined: Installation

    @property
    def faults(self) -> tuple[str, ...]:
        """A sentence for each file that is missing or yanked."""
        return (*self.apart.faults, *self.joined.faults)

    @property
    def complete(self) -> bool:
        """Whether all files are available."""
        return self.apart.complete and self.joined.complete

    def add_joined(self, installation: Installation) -> Installation:
        """Return *installation* with the tools that the program finds too."""
        return replace(installation, candidates={**installation.candidates, **self.joined.candidates})

    @property
    def names(self) -> frozenset[NormalizedName]:
        """All tools."""
        return frozenset(self.apart.candidates) | frozenset(self.joined.candidates)

    @property
    def shared(self) -> frozenset[NormalizedName]:
        """The tools with a copy of their own that the program declares too."""
        return frozenset(self.apart.candidates.keys() & self.lock.resolution.pins.keys())

    def join(self) -> LockTools:
        """Return the tools without copies of their own: they use what the program has, which has it in every run."""
        copies = {name: each for name, each in self.apart.candidates.items() if name in self.shared}
        apart = {name: each for name, each in self.apart.candidates.items() if name not in copies}
        return replace(
            self,
            apart=replace(self.apart, candidates=apart),
            joined=replace(self.joined, candidates={**self.joined.candidates, **copies}),
        )

    def place(self, store: Store, program: Callable[[], Iterable[Path]]) -> AbstractContextManager[ToolPlaces | None]:
        """Unpack the tools that are apart from the program, whose folders *program* returns."""
        lock = self.lock
        gone = {module.partition(".")[0] for each in lock.selection.left_out for module in each.modules}
        return place_tools(
            {name: candidate.wheel for name, candidate in sorted(self.apart.candidates.items())},
            store.unpack,
            store.scratch_folder,
            shared=self.shared,
            named=self.named,
            program_modules=lambda: gone.union(*map(list_modules, program())),
        )


def find_tools(lock: Lock, finder: PinnedFileFinder, installed: Iterable[NormalizedName]) -> LockTools:
    """Find the files of the tools of *lock*; those that are *installed* with the lock are not installed twice."""
    with_tools = replace(
        lock,
        resolution=replace(lock.resolution, pins={**{each.name: each for each in lock.tools}, **lock.resolution.pins}),
    )
    is_joined = any(isinstance(kept.evidence, Masked) for kept in lock.selection.kept)
    joined = frozenset(each.name for each in lock.tools if is_joined and each.name in lock.resolution.pins)

    def find(names: Iterable[NormalizedName]) -> Installation:
        return finder.find(with_tools, {name: recorded_pin(with_tools, name) for name in names})

    return LockTools(
        lock=lock,
        named=frozenset(canonicalize_name(each.name) for each in fromlock.read_command(lock).get("smoke_with", ())),
        apart=find(each.name for each in lock.tools if each.name not in joined),
        joined=find(joined.difference(installed)),
    )


def resolve_new_tools(
    lock: Lock, requirements: Iterable[Requirement], full: Installation, inputs: ResolverInput, index: IndexClient
) -> LockTools:
    """Resolve the *requirements* of tools beside *full*, what *lock* declares; raise as a resolution does."""
    resolution = replace(lock.resolution, pins=full.candidates)
    tools = resolve_tools(resolution, requirements, partial(extend, inputs=inputs, index=index))
    return LockTools(
        lock=lock,
        named=tools.named,
        apart=Installation(candidates={name: tools.resolution.pins[name] for name in sorted(tools.names)}),
        joined=Installation(candidates={}),
    )
