"""A laboratory with its emulator, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.errors import SandboxMissing
from minreq.interpreter import Interpreter
from minreq.minimize.observe import Laboratory
from minreq.model import Plan
from minreq.reporting import Reporter
from minreq.smoke.compiling import Compiler
from minreq.smoke.emulation import Emulator
from minreq.smoke.interrupting import ending_runs
from minreq.smoke.places import Places
from minreq.smoke.walls import hidden_folders, walls
from minreq.smoke.world import World
from minreq.system import temporary
from minreq.wheels.closure import Closure
from minreq.wheels.store import Store

_NOBODY = Reporter()


@contextmanager
def workplace(
    interpreter: Interpreter,
    plan: Plan,
    closure: Closure,
    store: Store,
    *,
    initial: frozenset[NormalizedName],
    jobs: int,
    timeout: float,
    require_sandbox: bool = False,
    reporter: Reporter = _NOBODY,
) -> Iterator[Laboratory]:
    """Open what the runs of one lock share.

    *initial* is importable from the start; *timeout* is for one stage, in seconds. The *reporter* is told what keeps
    the children in; raises ``SandboxMissing`` where the kernel does not and *require_sandbox* wants it.
    """
    temporary.sweep()
    version = interpreter.platform.python_version
    python = (version.major, version.minor)
    scripts = [script.file for group in plan.groups for script in group.scripts]
    first = [plan.first.file] if plan.first else []
    smokes = {file.parent: "smoke" for file in first + scripts}
    of_commands = [script.folder for group in plan.groups for script in group.scripts if script.folder is not None]
    smokes |= dict.fromkeys(of_commands, "smoke")

    def places(sandbox: Path) -> Places:
        return Places(
            unpacked=store.unpacked_folder,
            owner=closure.owner_of,
            scratch=store.scratch_folder,
            sandbox=sandbox,
            smokes=smokes,
            standard_library=interpreter.base_prefix / "lib" / "python{}.{}".format(*python),
        )

    hidden = hidden_folders()
    seen = [file.parent if file.parent.resolve() not in hidden else file for file in [*scripts, *first]]
    guard = walls(
        store.unpacked_folder,
        [Path.cwd(), *seen, *of_commands, *_installation(interpreter)],
    )
    if require_sandbox and not guard.kernel:
        raise SandboxMissing(guard.why)
    reporter.note(guard.sentence)

    with (
        ending_runs(),
        Compiler(interpreter.base_executable, guard, jobs, timeout) as compiler,
        Emulator(guard.server) as emulator,
    ):
        world = World(
            executable=interpreter.base_executable,
            version=python,
            plan=plan,
            emulator=emulator,
            limit=timeout,
            places=places,
            walls=guard,
            compiler=compiler,
        )
        yield Laboratory(world=world, closure=closure, initial=initial, jobs=jobs, scratch=store.scratch_folder)


def _installation(interpreter: Interpreter) -> list[Path]:
    """Where the interpreter lies, by its own name and by what links lead to."""
    executable = interpreter.base_executable
    prefix = interpreter.base_prefix
    return [prefix, prefix.resolve(), executable.parent.parent, executable.resolve().parent.parent]
