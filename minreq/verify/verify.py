"""The way of the data through a verification: the smoke again, on nothing but what the lock on disk installs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import interpreter as runtime
from minreq.config import IndexOptions, VerifySettings
from minreq.config.settings import read_command
from minreq.errors import ProofFailed
from minreq.index.client import IndexClient
from minreq.interpreter import Interpreter
from minreq.lockfile import edits as edited, pinned
from minreq.lockfile.requirements import LockedPin
from minreq.minimize.laboratory import workplace
from minreq.minimize.observe import PROOF_SEED, Laboratory, observe_installed, stages
from minreq.model import Behaviour, Lock, Plan
from minreq.profiles import planning
from minreq.reporting import Reporter, Step
from minreq.smoke.running import Run
from minreq.task import recall, task as preparing
from minreq.verify import artifact, verdict
from minreq.wheels.store import Store

#: What tools that make an environment put into it beforehand.
_SEEDS = frozenset({"pip", "setuptools", "wheel"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What is to be verified, read from disk."""

    lock: Lock
    #: The requirements file as it is.
    text: str
    settings: VerifySettings
    #: Runs the smoke.
    interpreter: Interpreter
    plan: Plan
    #: What decides what the plan does, as the lock records it.
    inputs: Mapping[str, str]
    edits: tuple[edited.Edit, ...]


def verify(settings: VerifySettings, reporter: Reporter) -> Lock:
    """Prove the lock on disk again and return it; nothing is written.

    Raises ``ProofFailed`` with what behaves differently and what was changed; and every other branch of ``MinreqError``
    but ``BaselineFailure``.
    """
    task = _task(settings)
    circumstances = tuple(_circumstances(task))
    for sentence in circumstances:
        reporter.note(sentence)
    index_settings = preparing.index_settings(_with_project(task))
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        store = Store(
            settings.cache_dir / "wheels",
            index,
            fetched=reporter.fetched,
            allow_pth=recall.allowed_pth(task.lock),
        )
        finder = pinned.Finder(
            index=index,
            platform=task.interpreter.platform,
            build=recall.Builder(interpreter=task.interpreter, settings=index_settings, store=store).build,
            holds=store.holds,
        )
        # A new store has none yet.
        store.scratch_folder.mkdir(parents=True, exist_ok=True)
        bench = _Bench(task=task, store=store, finder=finder, reporter=reporter)
        is_built = settings.path is not None or settings.python is not None
        found = bench.artifact() if is_built else bench.fresh_environment()
    # What is changed in the file without changing what is installed comes last.
    found += tuple(edit.sentence for edit in task.edits if not edit.installs)
    if found:
        raise ProofFailed(str(settings.lock), [*found, *circumstances])
    return task.lock


def _task(settings: VerifySettings) -> _Task:
    lock, text = recall.read(settings.lock)
    python = settings.python or settings.interpreter
    plan = recall.plan(lock, settings.lock, settings.smokes)
    shared = plan.first is None or plan.first.stage in lock.stages
    return _Task(
        lock=lock,
        text=text,
        settings=settings,
        interpreter=runtime.interpreter(Path(python) if python else None),
        plan=plan if shared else planning.without_template(plan),
        inputs=planning.inputs(plan),
        edits=edited.edits(lock, text, filename=settings.lock.name),
    )


def _with_project(task: _Task) -> IndexOptions:
    """Return where to look for files: a project that is the root is built again, and found where that is done."""
    settings = task.settings
    recorded = read_command(task.lock.command).get("project")
    if recorded is None:
        return settings.index
    folder = next((each for each in (recorded, settings.lock.parent / recorded) if each.is_dir()), recorded)
    wheel = preparing.build_project(
        folder, task.interpreter, preparing.index_settings(settings.index), settings.cache_dir
    )
    return preparing.found_at(settings.index, wheel)


def _circumstances(task: _Task) -> Iterator[str]:
    """Tell what else is not as it was when the lock was proven, and may be why something differs."""
    # Files of requirements, whose names begin as options do, decided what was resolved.
    before = {name: digest for name, digest in task.lock.inputs.items() if not name.startswith("-")}
    now = task.inputs
    if changed := sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name)):
        yield f"the smoke is not the one the lock was proven with: {', '.join(changed)}"
    if place := verdict.elsewhere(task.lock, task.interpreter.platform):
        yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """Where the smoke is run, on one thing or the other."""

    task: _Task
    store: Store
    finder: pinned.Finder
    reporter: Reporter

    def fresh_environment(self) -> tuple[str, ...]:
        """Run on what the file pins, from archives whose hashes are checked; return what is wrong."""
        task = self.task
        pins = pinned.pins(task.lock, task.text)
        self.reporter.began(Step.MAP, _counted(len(pins)))
        installation = self.finder.find(*_with_tools(task.lock, pins))
        causes = [edit.sentence for edit in task.edits if edit.installs]
        if not installation.complete:
            return (*installation.faults, *causes)
        names = installation.candidates.keys()

        def run(laboratory: Laboratory) -> Behaviour:
            return observe_installed(laboratory, names).behaviour

        out = sorted({kept.candidate.name for kept in task.lock.selection.kept} - pins.keys())
        return (*self._answer(task.plan, installation, run, causes=causes, out=out), *installation.faults)

    def artifact(self) -> tuple[str, ...]:
        """Run on what another tool built from the lock; return what is wrong with it."""
        task, lock = self.task, self.task.lock
        with ExitStack() as stack:
            where, folders = self._tree(stack)
            # Environments have tools that the lock knows nothing of, and the runtime's own distributions.
            tolerated = _SEEDS | lock.resolution.provided if task.settings.python else frozenset()
            there = artifact.installed(folders)
            pins = {kept.candidate.name: kept.candidate.version for kept in lock.selection.kept}
            wrong = dict(artifact.discrepancies(there, pins, where=where, tolerated=tolerated))
            self.reporter.began(Step.MAP, f"{_counted(len(there))} in {where}")
            provided = {name: pinned.recorded(lock, name) for name in lock.resolution.provided if name not in there}
            installation = self.finder.find(*_with_tools(lock, provided))
            shelves = self._shelves(folders, stack)

            def run(laboratory: Laboratory) -> Behaviour:
                paths = [*shelves, *laboratory.paths(installation.candidates)]
                with Run(laboratory.world, "proof", paths=paths, seed=PROOF_SEED) as run:
                    results = stages(run, laboratory.world.plan, laboratory.jobs)
                return Behaviour(stages=tuple(result.behaviour for result in results))

            # The tree is the user's: nothing is written into it.
            plan = replace(task.plan, environment={**task.plan.environment, "PYTHONDONTWRITEBYTECODE": "1"})
            out = sorted(wrong.keys() - there.keys())
            found = self._answer(plan, installation, run, causes=[*wrong.values()], out=out)
        # Whatever the tool built it from: the file on disk is to hold too.
        return (*found, *installation.faults, *(edit.sentence for edit in task.edits if edit.installs))

    def _tree(self, stack: ExitStack) -> tuple[str, tuple[Path, ...]]:
        """The name of what is verified, and its folders with packages; *stack* removes what was unpacked."""
        settings, interpreter = self.task.settings, self.task.interpreter
        if settings.path is None:
            return str(settings.python), runtime.site_folders(interpreter)
        version = interpreter.platform.python_version
        folder = stack.enter_context(artifact.opened(settings.path, self.store.scratch_folder))
        return str(settings.path), artifact.roots(folder, (version.major, version.minor), named=settings.path)

    def _shelves(self, folders: Sequence[Path], stack: ExitStack) -> list[Path]:
        """Links to *folders* in places that have names: what is observed must not depend on where a tree lies."""
        shelves = [self.store.scratch_folder / f"tree-{secrets.token_hex(6)}" for _ in folders]
        for shelf, folder in zip(shelves, folders, strict=True):
            stack.callback(shelf.unlink, missing_ok=True)
            shelf.symlink_to(folder.absolute(), target_is_directory=True)
        return shelves

    def _answer(
        self,
        plan: Plan,
        installation: pinned.Installation,
        run: Callable[[Laboratory], Behaviour],
        *,
        causes: Sequence[str],
        out: Sequence[NormalizedName],
    ) -> tuple[str, ...]:
        """Tell what differs in a *run*, and that the smoke misses nothing of what is *out*.

        Without a cause that can be named, it has to differ twice.
        """
        task, lock, settings = self.task, self.task.lock, self.task.settings
        closure = recall.closure(lock, installation, self.store)
        with workplace(
            task.interpreter,
            plan,
            closure,
            self.store,
            initial=frozenset(installation.candidates),
            jobs=settings.jobs,
            timeout=settings.timeout,
            require_sandbox=settings.require_sandbox,
            reporter=self.reporter,
        ) as laboratory:
            self.reporter.began(Step.PROVE)
            platform = task.interpreter.platform
            found = verdict.differing(lock, run(laboratory), platform)
            if found and not causes:
                found = verdict.repeated(found, verdict.differing(lock, run(laboratory), platform))
        return (*verdict.sentences(found, causes), *(() if found else verdict.unnoticed(lock, out)))


def _with_tools(
    lock: Lock, pins: Mapping[NormalizedName, LockedPin]
) -> tuple[Lock, Mapping[NormalizedName, LockedPin]]:
    """Return *lock* and *pins* with the tools of the smoke, where nothing else is pinned."""
    own = {each.name: each for each in lock.tools if each.name not in lock.resolution.pins}
    with_tools = replace(lock, resolution=replace(lock.resolution, pins={**lock.resolution.pins, **own}))
    names = (each.name for each in lock.tools if each.name not in pins)
    return with_tools, {**pins, **{name: pinned.recorded(with_tools, name) for name in names}}


def _counted(number: int) -> str:
    """Return ``1 distribution``, ``2 distributions``."""
    return f"{number} distribution" if number == 1 else f"{number} distributions"
