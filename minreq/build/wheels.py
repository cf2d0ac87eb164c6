"""The wheels that a build is made from: those that run here, and those for the target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName

from minreq.build.task import Task
from minreq.errors import ProofFailed
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lockfile import pinned
from minreq.lockfile.pinned import Installation
from minreq.model import Lock, Platform
from minreq.reporting import Reporter
from minreq.task import recall
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Finds the wheels, for the host and for the target."""

    task: Task
    index: IndexClient
    settings: IndexSettings
    store: Store

    def installations(self, reporter: Reporter) -> tuple[Installation, Installation]:
        """Return what is run here and what is written, which is the same if it can be.

        The runtime's own distributions are among what is run. Raises ``ProofFailed`` where something cannot be had.
        """
        task = self.task
        theirs = self._find(task.lock, task.target, task.names)
        fits = task.target.python_version.release[:2] == task.host.python_version.release[:2] and all(
            not candidate.wheel.tags.isdisjoint(task.host.tags) for candidate in theirs.candidates.values()
        )
        ours = theirs if fits else self._find(_for_host(task.lock), task.host, task.names)
        provided = self._find(_for_host(task.lock), task.host, sorted(task.lock.resolution.provided))
        for sentence in dict.fromkeys((*theirs.faults, *ours.faults)):
            reporter.note(sentence)
        return replace(ours, candidates={**ours.candidates, **provided.candidates}), theirs

    def _find(self, lock: Lock, platform: Platform, names: Iterable[NormalizedName]) -> Installation:
        interpreter = self.task.interpreter
        finder = pinned.Finder(
            index=self.index,
            platform=platform,
            build=recall.Builder(interpreter=interpreter, settings=self.settings, store=self.store).build,
            holds=self.store.holds,
        )
        found = finder.find(lock, {name: pinned.recorded(lock, name) for name in names})
        if not found.complete:
            raise ProofFailed(str(self.task.settings.lock), found.faults)
        return found


def _for_host(lock: Lock) -> Lock:
    """*lock* with the wheels it was proven with, in the place of those of other platforms."""
    pins = {
        name: candidate if candidate.sdist else replace(candidate, wheels=(candidate.wheel,))
        for name, candidate in lock.resolution.pins.items()
        if candidate.sdist or candidate.wheel.sha256
    }
    return replace(lock, resolution=replace(lock.resolution, pins=pins))
