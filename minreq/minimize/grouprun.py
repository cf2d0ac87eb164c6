"""Run groups of the smoke once more, for a comparison with the reference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from minreq.minimize.compare import Deviation, differs_in_numbers
from minreq.minimize.observe import Observation
from minreq.model import Behaviour, Group, Plan


@dataclass(slots=True, kw_only=True)
class GroupRuns:
    """Runs of one kind that are compared with the reference; a group runs again only where a clock may have gone on."""

    plan: Plan
    #: Starts a run of these groups, beside whatever runs next.
    start: Callable[[tuple[Group, ...]], Future[Observation]]
    _runs: list[tuple[frozenset[str], Future[Observation]]] = field(default_factory=list, init=False)
    #: Stage, kind and expected text of the deviations after which a run was started.
    _repeated: set[tuple[str, str, str]] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def require(self, found: Iterable[Deviation]) -> None:
        """Start a run of the groups of *found* that have not run yet."""
        found = tuple(found)
        groups = self.plan.groups_with({deviation.stage for deviation in found})
        with self._lock:
            known = {name for names, _ in self._runs for name in names}
            new = tuple(group for group in groups if group.name not in known)
            if new or not self._runs:
                self._start(new)
                # Where the group of a deviation was no new one, its run may be older than the deviation.
                self._repeated |= {_key(each) for each in found if known.isdisjoint(self._groups_of(each))}

    def require_later(self, found: Iterable[Deviation]) -> None:
        """Start another run of the groups of those of *found* that a clock can be the cause of, once for each text.

        A clock goes on: where the expected text comes again after a run without it, that text is no time.
        """
        with self._lock:
            new = [each for each in found if differs_in_numbers(each) and _key(each) not in self._repeated]
            self._repeated.update(map(_key, new))
            if new:
                self._start(self.plan.groups_with({each.stage for each in new}))

    def repeat(self, found: Iterable[Deviation]) -> None:
        """Start another run of the groups of *found*."""
        with self._lock:
            self._start(self.plan.groups_with({each.stage for each in found}))

    def count(self, deviation: Deviation) -> int:
        """Return how many runs have the group of *deviation*."""
        groups = self._groups_of(deviation)
        with self._lock:
            return sum(groups <= names for names, _ in self._runs)

    def behaviours(self) -> tuple[Behaviour, ...]:
        """Return what the runs so far did."""
        with self._lock:
            runs = tuple(run for _, run in self._runs)
        return tuple(run.result().behaviour for run in runs)

    def _groups_of(self, deviation: Deviation) -> frozenset[str]:
        return frozenset(group.name for group in self.plan.groups_with({deviation.stage}))

    def _start(self, groups: tuple[Group, ...]) -> None:
        self._runs.append((frozenset(group.name for group in groups), self.start(groups)))

    def __bool__(self) -> bool:
        return bool(self._runs)


def _key(deviation: Deviation) -> tuple[str, str, str]:
    return deviation.stage, deviation.what, deviation.first
