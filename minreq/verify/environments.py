"""The two environments that a comparison runs in: one with everything declared, and one with what the lock installs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.config import VerifySettings
from minreq.counts import pluralize
from minreq.errors import MinreqError, ProofFailed
from minreq.interpreter import Interpreter
from minreq.lockfile.edits import Edit
from minreq.lockfile.pinnedfiles import Installation, read_pins, recorded_pin
from minreq.minimize.observe import PROOF_SEED
from minreq.minimize.reference import find_uninstallable
from minreq.minimize.runner import SmokeRunner, open_runner
from minreq.model import Lock, Plan
from minreq.profiles.loader import Profile
from minreq.reporting import Reporter, Step
from minreq.smoke.pytestevents import PytestRecorder
from minreq.smoke.run import Run
from minreq.smoke.tools import list_modules
from minreq.task import fromlock
from minreq.task.resolverinput import make_tool_input
from minreq.verify import artifact
from minreq.verify.missing import AbsentDistributions
from minreq.verify.sources import Sources, link_folders, open_folders
from minreq.verify.tools import LockTools, find_tools, resolve_new_tools
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonTask:
    """What to compare, as read from disk."""

    settings: VerifySettings
    lock: Lock
    #: The text of the requirements file.
    text: str
    interpreter: Interpreter
    profile: Profile | None
    plan: Plan
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedEnvironment:
    """One of the two environments."""

    #: For the name of a run, and for the user.
    name: str
    label: str
    runner: SmokeRunner
    installed: frozenset[NormalizedName]
    #: Folders of what another tool built, to import from.
    folders: tuple[Path, ...] = ()

    def start(self, recorder: PytestRecorder, shared: Collection[str] = ()) -> Run:
        """Return a run, not entered yet; what it asks for, it asks for in the packages *shared* too."""
        runner = self.runner
        run = partial(Run, runner.setup, self.name, shared=sorted(shared), seed=PROOF_SEED, recorder=recorder)
        if self.folders:
            return run(paths=[*self.folders, *runner.folders(self.installed)])
        return run(installed=runner.installed(self.installed))

    def with_added(self, names: Collection[NormalizedName]) -> ComparedEnvironment:
        """Return the environment with *names* too."""
        label = f"{self.label}, and {len(names)} that the tests missed or these require"
        return replace(self, name=f"{self.name}-and-more", label=label, installed=self.installed | frozenset(names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments:
    """Both environments, and what only the full one has."""

    full: ComparedEnvironment
    locked: ComparedEnvironment
    absent: AbsentDistributions


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedFiles:
    """What the lock installs, or what another tool built from it."""

    installation: Installation
    #: All distributions that are there, also those of the other tool.
    names: frozenset[NormalizedName]
    #: The import folders of the other tool, and links to them.
    folders: tuple[Path, ...] = ()
    links: tuple[Path, ...] = ()
    #: A sentence for each difference from the lock.
    discrepancies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFiles:
    """The files of both environments, and of the tools."""

    task: ComparisonTask
    store: Store
    full: Installation
    locked: LockedFiles
    tools: LockTools
    reporter: Reporter

    @property
    def faults(self) -> tuple[str, ...]:
        """Sentences on what is wrong with the lock, whatever the tests do."""
        edits = (edit.sentence for edit in self.task.edits)
        return (*self.locked.discrepancies, *self.locked.installation.faults, *self.tools.faults, *edits)

    @contextmanager
    def open_environments(self, *, joined: bool = False) -> Iterator[Environments]:
        """Let runs begin in both environments. With *joined* the tools use what the program has."""
        task, lock = self.task, self.task.lock
        tools = self.tools.join() if joined else self.tools
        together = {**self.full.candidates, **tools.joined.candidates}
        closure = fromlock.make_closure(lock, replace(self.full, candidates=together), self.store)

        def program_folders() -> Iterator[Path]:
            yield from self.locked.folders
            for name in together:
                # What cannot be installed is not there.
                with suppress(MinreqError):
                    yield closure.unpack(name)

        with (
            tools.place(self.store, program_folders) as places,
            open_runner(
                task.interpreter,
                task.plan,
                closure,
                self.store,
                initial=frozenset(),
                jobs=task.settings.jobs,
                timeout=task.settings.timeout,
                require_sandbox=task.settings.require_sandbox,
                tools=places,
                reporter=self.reporter,
            ) as runner,
        ):
            installable = self._find_installable(runner, frozenset(together))
            candidates = {**together, **self.locked.installation.candidates}
            own_closure = fromlock.make_closure(lock, replace(self.full, candidates=candidates), self.store)
            added = frozenset(tools.joined.candidates)
            absent = installable - self.locked.names - added
            yield Environments(
                full=ComparedEnvironment(
                    name="full",
                    label=f"all {pluralize(len(installable), 'declared distribution')}",
                    runner=runner,
                    installed=installable,
                ),
                locked=ComparedEnvironment(
                    name="locked",
                    label=f"the {len(self.locked.names)} of the lock",
                    runner=replace(runner, closure=own_closure),
                    installed=frozenset(self.locked.installation.candidates) | (added - self.locked.names),
                    folders=self.locked.links,
                ),
                absent=self._describe_absent(absent, installable - absent, closure),
            )

    def _find_installable(self, runner: SmokeRunner, names: frozenset[NormalizedName]) -> frozenset[NormalizedName]:
        refused = find_uninstallable(runner, names - self.locked.installation.candidates.keys())
        for name, error in refused.items():
            self.reporter.note(f"{name} cannot be installed here: {error}; the full environment is without it")
        return names.difference(refused)

    def _describe_absent(
        self, names: frozenset[NormalizedName], present: frozenset[NormalizedName], closure: Closure
    ) -> AbsentDistributions:
        """Return which modules *names* have, of distributions that only the full environment has, and *present* not."""
        selection = self.task.lock.selection
        modules = {
            module: each.candidate.name
            for each in selection.left_out
            for module in each.modules
            if each.candidate.name in names
        }
        removed = names - {each.candidate.name for each in selection.left_out}
        if removed:
            there = frozenset().union(*(list_modules(closure.unpack(name)) for name in present))
            for name in sorted(removed):
                modules |= dict.fromkeys(list_modules(closure.unpack(name)) - there, name)
        return AbsentDistributions(modules=modules, names=names)


def find_files(task: ComparisonTask, sources: Sources, reporter: Reporter, stack: ExitStack) -> FoundFiles:
    """Find the files of both environments and of the tools; *stack* removes what was unpacked.

    Raises ``ProofFailed`` where the lock cannot be installed here, and what index, store and resolver raise.
    """
    lock, settings, finder = task.lock, task.settings, sources.finder
    full = finder.find(lock, {name: recorded_pin(lock, name) for name in lock.resolution.pins})
    locked = _find_locked(task, sources, stack)
    reporter.began(Step.MAP, f"{len(full.candidates)} declared, {len(locked.names)} in the lock")
    recorded = fromlock.read_command(lock).get("smoke_with", ())
    if {*map(str, settings.smoke_with)} - {*map(str, recorded)}:
        inputs = make_tool_input(lock, task.profile, task.interpreter.platform, sources.index_settings, sources.builder)
        tools = resolve_new_tools(lock, settings.smoke_with, full, inputs, sources.index)
    else:
        tools = find_tools(lock, finder, locked.names)
    found = FoundFiles(task=task, store=sources.store, full=full, locked=locked, tools=tools, reporter=reporter)
    if not (locked.installation.complete and tools.complete):
        raise ProofFailed(str(settings.lock), found.faults)
    for fault in full.faults:
        if fault not in found.faults:
            # The store may still have a file that the index has not.
            reporter.note(f"{fault}; the full environment is without it" if fault in full.unavailable else fault)
    return found


def _find_locked(task: ComparisonTask, sources: Sources, stack: ExitStack) -> LockedFiles:
    lock, settings = task.lock, task.settings
    if settings.path is None and settings.python is None:
        installation = sources.finder.find(lock, read_pins(lock, task.text))
        return LockedFiles(installation=installation, names=frozenset(installation.candidates))
    where, folders = open_folders(settings, task.interpreter, sources.store, stack)
    tolerated = artifact.SEED_PACKAGES | lock.resolution.provided if settings.python else frozenset()
    versions = artifact.installed_versions(folders)
    pins = {kept.candidate.name: kept.candidate.version for kept in lock.selection.kept}
    discrepancies = dict(artifact.find_discrepancies(versions, pins, where=where, tolerated=tolerated))
    provided = {name: recorded_pin(lock, name) for name in lock.resolution.provided if name not in versions}
    installation = sources.finder.find(lock, provided)
    return LockedFiles(
        installation=installation,
        names=frozenset(versions) | frozenset(installation.candidates),
        folders=folders,
        links=tuple(link_folders(folders, sources.store, stack)),
        discrepancies=tuple(discrepancies.values()),
    )
