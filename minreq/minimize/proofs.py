"""Runs on a set alone, the first of them begun before it is certain that this is the set."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.minimize.observe import Laboratory, Observation, observe_installed


@dataclass(slots=True, kw_only=True)
class Proofs:
    """The proofs of one search; only the latest is of interest."""

    laboratory: Laboratory
    pool: Executor
    _latest: tuple[frozenset[NormalizedName], Future[Observation]] | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def begin(self, names: frozenset[NormalizedName]) -> Future[Observation]:
        """Begin a run on *names*: beside the settling, which seldom finds that it should be another set."""
        self._count += 1
        begun = self.pool.submit(observe_installed, self.laboratory, names, f"proof-{self._count}")
        self._latest = names, begun
        return begun

    def of(self, names: frozenset[NormalizedName]) -> Observation:
        """Return what a run on *names* showed, the one that was begun where there is one."""
        latest, begun = self._latest or (frozenset(), None)
        return (begun if begun is not None and latest == names else self.begin(names)).result()
