"""Set up what all runs of one lock share: emulator, compiler, isolation and the folders of wheels."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.errors import SandboxMissing, StoreShared
from minreq.interpreter import Interpreter
from minreq.model import Plan
from minreq.reporting import Reporter
from minreq.smoke.compiler import Compiler
from minreq.smoke.emulatorprocess import Emulator
from minreq.smoke.environment import Installed
from minreq.smoke.interrupts import end_runs_on_interrupt
from minreq.smoke.isolation import Isolation, choose_isolation
from minreq.smoke.machinefiles import find_machine_files
from minreq.smoke.paths import PathMap
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.tools import ToolPlaces
from minreq.smoke.visible import list_beside, list_installations
from minreq.system import temporary
from minreq.system.disclosure import close_process
from minreq.wheels.closure import Closure
from minreq.wheels.installorder import sort_as_installed
from minreq.wheels.store import Store

_NO_REPORTER = Reporter()


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeRunner:
    """What every run of a lock needs, and what is importable from the start."""

    setup: RunSetup
    closure: Closure
    #: Importable from the start: the root, what is kept whole, what the runtime provides.
    initial: frozenset[NormalizedName]
    #: How many processes run at a time.
    jobs: int
    #: A folder on the file system of the store.
    scratch: Path
    #: By kind: files of the machine that can be hidden from a run.
    machine_files: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)

    def with_plan(self, plan: Plan) -> SmokeRunner:
        """Return a runner of another *plan*, the rest unchanged."""
        return replace(self, setup=replace(self.setup, plan=plan))

    def with_fast_clock(self) -> SmokeRunner:
        """Return a runner whose smoke has clocks that go faster: what it prints of a clock is then another text."""
        return replace(self, setup=replace(self.setup, fast_clock=True))

    def hiding(self, kinds: Collection[str]) -> SmokeRunner:
        """Return a runner whose runs do not see these *kinds* of the `machine_files`."""
        paths = tuple(path for kind in kinds for path in self.machine_files[kind])
        return replace(self, setup=replace(self.setup, isolation=replace(self.setup.isolation, empty=paths)))

    def folders(self, names: Iterable[NormalizedName]) -> list[Path]:
        """Return the folders of *names*, sorted by name; a wheel that is missing is fetched."""
        with ThreadPoolExecutor(max(self.jobs, 4)) as pool:
            return list(pool.map(self.closure.unpack, sorted(names)))

    def installed(self, names: Iterable[NormalizedName]) -> Installed:
        """Return what an environment with *names* has; a wheel that is missing is fetched.

        Of two distributions with the same file, the last one counts that pip installs with the whole closure.
        """
        order = sort_as_installed(frozenset(names), self.closure.resolution.requires)
        with ThreadPoolExecutor(max(self.jobs, 4)) as pool:
            found = list(pool.map(self.closure.unpack_tree, order))
        return Installed(
            trees=tuple(tree for tree, _ in found),
            start_up=frozenset(tree for tree, may_start_up in found if may_start_up),
        )


@contextmanager
def open_runner(
    interpreter: Interpreter,
    plan: Plan,
    closure: Closure,
    store: Store,
    *,
    initial: frozenset[NormalizedName],
    jobs: int,
    timeout: float,
    require_sandbox: bool = False,
    tools: ToolPlaces | None = None,
    reporter: Reporter = _NO_REPORTER,
) -> Iterator[SmokeRunner]:
    """Start the emulator and the compiler, yield a runner, and stop both at the end.

    *initial* is importable from the start, and the *tools* of the smoke only by themselves and by the smoke; *timeout*
    is for one stage, in seconds. *reporter* gets a note on the
    isolation of the child processes. With *require_sandbox*, raises ``SandboxMissing`` where the kernel cannot
    isolate them, and ``StoreShared`` where another user can write into the store.
    """
    temporary.remove_abandoned()
    isolation = _isolate(interpreter, plan, store)
    if require_sandbox and not isolation.kernel:
        raise SandboxMissing(isolation.fallback_reason)
    if problem := store.find_other_writers():
        if require_sandbox:
            raise StoreShared(problem)
        reporter.note(problem)
    reporter.note(isolation.description)
    reporter.planned(sum(len(group.scripts) for group in plan.groups) + (plan.first is not None))
    if not isolation.kernel:
        close_process()

    with (
        end_runs_on_interrupt(),
        Compiler(interpreter.base_executable, isolation, jobs, timeout, store.record_bytecode) as compiler,
        Emulator(isolation.wrap_emulator_command) as emulator,
    ):
        setup = RunSetup(
            executable=interpreter.base_executable,
            version=_version(interpreter),
            plan=plan,
            emulator=emulator,
            stage_timeout=timeout,
            make_path_map=partial(_make_path_map, interpreter, plan, closure, store),
            isolation=isolation,
            compiler=compiler,
            check_store=(lambda: None) if isolation.kernel else store.check_unchanged,
            tools=tools,
            on_stage=reporter.stage_ended,
        )
        yield SmokeRunner(
            setup=setup,
            closure=closure,
            initial=initial,
            jobs=jobs,
            scratch=store.scratch_folder,
            machine_files=find_machine_files() if isolation.kernel else {},
        )


def _isolate(interpreter: Interpreter, plan: Plan, store: Store) -> Isolation:
    """Choose the isolation of the child processes, which may read the scripts and the interpreter."""
    scripts = [path for script in _script_files(plan) for path in list_beside(script)]
    return choose_isolation(
        store.unpacked_folder,
        projects=[Path.cwd(), *scripts, *_command_folders(plan)],
        installations=list_installations(interpreter.base_executable, interpreter.folders),
    )


def _make_path_map(interpreter: Interpreter, plan: Plan, closure: Closure, store: Store, run_folder: Path) -> PathMap:
    """Return what gives the files of a run in *run_folder* names that do not depend on the machine."""
    return PathMap(
        unpacked=store.unpacked_folder,
        owner=closure.owner_of,
        scratch=store.scratch_folder,
        run_folder=run_folder,
        smokes=dict.fromkeys([*(file.parent for file in _script_files(plan)), *_command_folders(plan)], "smoke"),
        standard_library=interpreter.base_prefix / "lib" / "python{}.{}".format(*_version(interpreter)),
    )


def _script_files(plan: Plan) -> list[Path]:
    """Return the files of all stages of *plan*."""
    scripts = [script for group in plan.groups for script in group.scripts]
    return [script.file for script in (*scripts, *filter(None, [plan.first]))]


def _command_folders(plan: Plan) -> list[Path]:
    """Return the folders in which commands of *plan* run."""
    return [script.folder for group in plan.groups for script in group.scripts if script.folder is not None]


def _version(interpreter: Interpreter) -> tuple[int, int]:
    version = interpreter.platform.python_version
    return version.major, version.minor
