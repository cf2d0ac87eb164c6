"""Verify a lock: run its smoke again on what the lock installs, or on what another tool built from the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import interpreter as runtime
from minreq.config import VerifySettings
from minreq.counts import pluralize
from minreq.errors import ProofFailed
from minreq.interpreter import Interpreter
from minreq.lockfile import edits as edited
from minreq.lockfile.pinnedfiles import Installation, PinnedFileFinder, read_pins, recorded_pin
from minreq.minimize.observe import PROOF_SEED, observe_environment, run_stages
from minreq.minimize.runner import SmokeRunner, open_runner
from minreq.model import Behaviour, Lock, Plan
from minreq.profiles import planner
from minreq.reporting import Reporter, Step
from minreq.smoke.run import Run
from minreq.task import fromlock
from minreq.verify import artifact, deviations
from minreq.verify.sources import link_folders, open_folders, open_sources
from minreq.verify.tools import LockTools, find_tools
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class _VerifyTask:
    """What to verify, as read from disk."""

    lock: Lock
    #: The text of the requirements file.
    text: str
    settings: VerifySettings
    #: The interpreter that runs the smoke.
    interpreter: Interpreter
    plan: Plan
    #: Digests of the files that decide what the plan does, as the lock records them.
    inputs: Mapping[str, str]
    edits: tuple[edited.Edit, ...]


def verify(settings: VerifySettings, reporter: Reporter) -> Lock:
    """Run the smoke of the lock on disk again and return the lock; nothing is written.

    Raises ``ProofFailed`` with the deviations and the edits of the file, and every other branch of ``MinreqError`` but
    ``BaselineFailure``.
    """
    task = _read_task(settings)
    conditions = tuple(_changed_conditions(task))
    for sentence in conditions:
        reporter.note(sentence)
    with open_sources(settings, task.lock, task.interpreter, reporter) as sources:
        verifier = _Verifier(task=task, store=sources.store, finder=sources.finder, reporter=reporter)
        is_built = settings.path is not None or settings.python is not None
        found = verifier.verify_artifact() if is_built else verifier.verify_pins()
    # Edits that do not change what is installed come last.
    found += tuple(edit.sentence for edit in task.edits if not edit.installs)
    if found:
        raise ProofFailed(str(settings.lock), [*found, *conditions])
    return task.lock


def _read_task(settings: VerifySettings) -> _VerifyTask:
    lock, text = fromlock.read_lock(settings.lock)
    python = settings.python or settings.interpreter
    if settings.names_places:
        fromlock.require_places(lock, settings.lock, settings.smokes, settings.smoke_files)
    plan = fromlock.read_plan(lock, settings.lock, settings.smokes, settings.smoke_files)
    shared = plan.first is None or plan.first.stage in lock.stages
    return _VerifyTask(
        lock=lock,
        text=text,
        settings=settings,
        interpreter=runtime.find_interpreter(Path(python) if python else None),
        plan=plan if shared else planner.without_template(plan),
        inputs=planner.input_digests(plan),
        edits=edited.find_edits(lock, text, filename=settings.lock.name),
    )


def _changed_conditions(task: _VerifyTask) -> Iterator[str]:
    """Yield what changed since the lock was proven and may explain a deviation: the smoke, the platform."""
    # Inputs whose names begin as options do are requirements files. They decided the resolution, not the smoke.
    before = {name: digest for name, digest in task.lock.inputs.items() if not name.startswith("-")}
    now = task.inputs
    if changed := sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)):
        yield f"the smoke is not the one the lock was proven with: {', '.join(changed)}"
    if place := deviations.describe_other_platform(task.lock, task.interpreter.platform):
        yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verifier:
    """Runs the smoke on the pins of the lock or on an artifact, and compares with the lock."""

    task: _VerifyTask
    store: Store
    finder: PinnedFileFinder
    reporter: Reporter

    def verify_pins(self) -> tuple[str, ...]:
        """Run the smoke on the pins of the file, from archives with checked hashes; return sentences on faults."""
        task = self.task
        pins = read_pins(task.lock, task.text)
        self.reporter.began(Step.MAP, pluralize(len(pins), "distribution"))
        installation = self.finder.find(task.lock, pins)
        tools = find_tools(task.lock, self.finder, pins)
        causes = [edit.sentence for edit in task.edits if edit.installs]
        if not (installation.complete and tools.complete):
            return (*installation.faults, *tools.faults, *causes)
        installation = tools.add_joined(installation)
        names = installation.candidates.keys()

        def run(runner: SmokeRunner) -> Behaviour:
            runner.folders(names)  # Refuses start-up files that the lock does not allow; an environment empties them.
            return observe_environment(runner, names, "proof").behaviour

        left_out = sorted({kept.candidate.name for kept in task.lock.selection.kept} - pins.keys())
        return (
            *self._compare_with_lock(task.plan, installation, run, tools=tools, causes=causes, left_out=left_out),
            *installation.faults,
            *tools.faults,
        )

    def verify_artifact(self) -> tuple[str, ...]:
        """Run the smoke on what another tool built from the lock; return sentences on faults."""
        task, lock = self.task, self.task.lock
        with ExitStack() as stack:
            where, folders = open_folders(task.settings, task.interpreter, self.store, stack)
            # An environment also has seed packages, and the distributions that the runtime provides.
            tolerated = artifact.SEED_PACKAGES | lock.resolution.provided if task.settings.python else frozenset()
            installed = artifact.installed_versions(folders)
            pins = {kept.candidate.name: kept.candidate.version for kept in lock.selection.kept}
            discrepancies = dict(artifact.find_discrepancies(installed, pins, where=where, tolerated=tolerated))
            self.reporter.began(Step.MAP, f"{pluralize(len(installed), 'distribution')} in {where}")
            provided = {name: recorded_pin(lock, name) for name in lock.resolution.provided if name not in installed}
            tools = find_tools(lock, self.finder, installed)
            installation = tools.add_joined(self.finder.find(lock, provided))
            links = link_folders(folders, self.store, stack)

            def run(runner: SmokeRunner) -> Behaviour:
                paths = [*links, *runner.folders(installation.candidates)]
                with Run(runner.setup, "proof", paths=paths, seed=PROOF_SEED) as run:
                    results = run_stages(run, runner.setup.plan, runner.jobs)
                return Behaviour(stages=tuple(result.behaviour for result in results))

            # The tree belongs to the user: nothing is written into it.
            plan = replace(task.plan, environment={**task.plan.environment, "PYTHONDONTWRITEBYTECODE": "1"})
            left_out = sorted(discrepancies.keys() - installed.keys())
            causes = [*discrepancies.values()]
            found = self._compare_with_lock(
                plan, installation, run, tools=tools, folders=folders, causes=causes, left_out=left_out
            )
        # The lock on disk has to hold too, whatever the tool built the tree from.
        return (*found, *installation.faults, *tools.faults, *(edit.sentence for edit in task.edits if edit.installs))

    def _compare_with_lock(
        self,
        plan: Plan,
        installation: Installation,
        run: Callable[[SmokeRunner], Behaviour],
        *,
        tools: LockTools,
        folders: Sequence[Path] = (),
        causes: Sequence[str],
        left_out: Sequence[NormalizedName],
    ) -> tuple[str, ...]:
        """Describe the deviations of a *run* from the lock; without any, explain what it did not miss of *left_out*.

        When no *causes* are known, a second run has to confirm the deviations. *folders* are of the program, beside
        those of *installation*.
        """
        task, lock, settings = self.task, self.task.lock, self.task.settings
        closure = fromlock.make_closure(lock, installation, self.store)

        def program_folders() -> Iterator[Path]:
            yield from folders
            yield from map(closure.unpack, installation.candidates)

        with (
            tools.place(self.store, program_folders) as places,
            open_runner(
                task.interpreter,
                plan,
                closure,
                self.store,
                initial=frozenset(installation.candidates),
                jobs=settings.jobs,
                timeout=settings.timeout,
                require_sandbox=settings.require_sandbox,
                tools=places,
                reporter=self.reporter,
            ) as runner,
        ):
            self.reporter.began(Step.PROVE)
            platform = task.interpreter.platform
            found = deviations.find_confirmed_deviations(
                lock,
                run(runner),
                platform,
                lambda fast_clock: run(runner.with_fast_clock() if fast_clock else runner),
                confirm=not causes,
            )
        return (
            *deviations.describe_deviations(found, causes),
            *(() if found else deviations.explain_unmissed(lock, left_out)),
        )
