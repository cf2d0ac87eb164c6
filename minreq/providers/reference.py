"""Run providers in an environment with the whole closure: what they do there is expected of them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from minreq.minimize.reference import find_uninstallable
from minreq.minimize.runner import SmokeRunner
from minreq.model import Behaviour, Group
from minreq.providers.grouphandler import UNUSABLE
from minreq.smoke.run import Run


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """A run in an environment with all that can be installed of the closure; a group runs there on demand."""

    #: ``None`` where the first stage fails.
    _run: Future[Run | None]

    def observe(self, group: Group) -> Behaviour | None:
        """Run *group* and return what it does; ``None`` where it fails. Several threads may call this."""
        run = self._run.result()
        results = () if run is None else run.run_scripts(group.scripts)
        if not results or not all(result.passed for result in results):
            return None
        return Behaviour(stages=tuple(result.behaviour for result in results))


@contextmanager
def open_reference_run(runner: SmokeRunner) -> Iterator[ReferenceRun]:
    """Start the first stage, beside whatever runs next, and yield the run; end it at the end."""

    def start() -> Run | None:
        names = frozenset(runner.closure.resolution.pins)
        names = names.difference(find_uninstallable(runner, names, UNUSABLE))
        run = stack.enter_context(Run(runner.setup, "providers-reference", installed=runner.installed(names), seed=0))
        first = run.wait_for_first_stage()
        return run if first is None or first.passed else None

    with ExitStack() as stack, ThreadPoolExecutor(1) as pool:
        yield ReferenceRun(pool.submit(start))
