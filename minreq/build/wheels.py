"""Find the wheels of a build: those that run on this host, and those for the target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName

from minreq.build.task import BuildTask
from minreq.errors import ProofFailed
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lockfile.pinnedfiles import Installation, PinnedFileFinder, recorded_pin
from minreq.model import Lock, Platform
from minreq.reporting import Reporter
from minreq.sdists.builder import SdistBuilder
from minreq.verify.tools import LockTools, find_tools
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelFinder:
    """Finds the wheels of a lock, for the host and for the target."""

    task: BuildTask
    index: IndexClient
    settings: IndexSettings
    store: Store
    reporter: Reporter

    def find_wheels(self) -> tuple[Installation, Installation]:
        """Return the wheels to run on this host and the wheels to write; they are the same where the host can run them.

        The wheels to run include the distributions that the runtime provides. Raises ``ProofFailed`` when a wheel
        cannot be found.
        """
        task = self.task
        for_target = self._find(task.lock, task.target, task.names)
        target_runs_here = task.target.python_version.release[:2] == task.host.python_version.release[:2] and all(
            not candidate.wheel.tags.isdisjoint(task.host.tags) for candidate in for_target.candidates.values()
        )
        for_host = for_target if target_runs_here else self._find(_with_proven_wheels(task.lock), task.host, task.names)
        provided = self._find(_with_proven_wheels(task.lock), task.host, sorted(task.lock.resolution.provided))
        for sentence in dict.fromkeys((*for_target.faults, *for_host.faults)):
            self.reporter.note(sentence)
        return replace(for_host, candidates={**for_host.candidates, **provided.candidates}), for_target

    def find_tools(self, installed: Iterable[NormalizedName]) -> LockTools:
        """Return the tools of the smoke, for this host; raise as `find_wheels` does."""
        tools = find_tools(self.task.lock, self._finder(self.task.host), installed)
        if not tools.complete:
            raise ProofFailed(str(self.task.settings.lock), tools.faults)
        return tools

    def _finder(self, platform: Platform) -> PinnedFileFinder:
        task = self.task
        builder = SdistBuilder(
            interpreter=task.interpreter,
            settings=self.settings,
            index=self.index,
            store=self.store,
            require_sandbox=task.settings.require_sandbox,
            note=self.reporter.note,
        )
        return PinnedFileFinder(index=self.index, platform=platform, build=builder.build, holds=self.store.holds_intact)

    def _find(self, lock: Lock, platform: Platform, names: Iterable[NormalizedName]) -> Installation:
        found = self._finder(platform).find(lock, {name: recorded_pin(lock, name) for name in names})
        if not found.complete:
            raise ProofFailed(str(self.task.settings.lock), found.faults)
        return found


def _with_proven_wheels(lock: Lock) -> Lock:
    """Return *lock* with only the wheels that it was proven with, without those of other platforms."""
    pins = {
        name: candidate if candidate.sdist else replace(candidate, wheels=(candidate.wheel,))
        for name, candidate in lock.resolution.pins.items()
        if candidate.sdist or candidate.wheel.sha256
    }
    return replace(lock, resolution=replace(lock.resolution, pins=pins))
