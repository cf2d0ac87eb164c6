"""Run the smoke on one set alone, beside the settling that may still change the set."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from packaging.utils import NormalizedName

from minreq.minimize.observe import Observation, observe_environment
from minreq.minimize.runner import SmokeRunner


@dataclass(slots=True, kw_only=True)
class ProofRuns:
    """The proof runs of one search; only the latest counts."""

    runner: SmokeRunner
    pool: Executor
    _latest: tuple[frozenset[NormalizedName], Future[Observation]] | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)

    def start(self, names: frozenset[NormalizedName]) -> Future[Observation]:
        """Start a run on *names*, in a thread of the pool; settling seldom changes the set afterwards."""
        self._count += 1
        run = self.pool.submit(observe_environment, self.runner, names, f"proof-{self._count}")
        self._latest = names, run
        return run

    def result(self, names: frozenset[NormalizedName]) -> Observation:
        """Return the observation of a run on *names*; it uses the run that was started, if that has the same names."""
        latest_names, run = self._latest or (frozenset(), None)
        return (run if run is not None and latest_names == names else self.start(names)).result()
