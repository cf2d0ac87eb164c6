"""A laboratory with its emulator, opened and closed together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from packaging.utils import NormalizedName

from minreq.closure import Closure
from minreq.model import Plan
from minreq.observing import Laboratory
from minreq.runtime import Interpreter
from minreq.smoke.emulation import Emulator
from minreq.smoke.interrupting import ending_runs
from minreq.smoke.places import Places
from minreq.smoke.running import World
from minreq.store import Store


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
) -> Iterator[Laboratory]:
    """Open what the runs of one lock share.

    *initial* is importable from the start; *timeout* is for one stage, in seconds.
    """
    version = interpreter.platform.python_version
    python = (version.major, version.minor)
    scripts = [script.file for group in plan.groups for script in group.scripts]
    smokes = {file.parent: "smoke" for file in ([plan.first.file] if plan.first else []) + scripts}
    smokes |= {script.folder: "smoke" for group in plan.groups for script in group.scripts if script.folder is not None}

    def places(sandbox: Path) -> Places:
        return Places(
            unpacked=store.unpacked_folder,
            owner=closure.owner_of,
            scratch=store.scratch_folder,
            sandbox=sandbox,
            smokes=smokes,
            standard_library=interpreter.base_prefix / "lib" / "python{}.{}".format(*python),
        )

    with ending_runs(), Emulator() as emulator:
        world = World(
            executable=interpreter.base_executable,
            version=python,
            plan=plan,
            emulator=emulator,
            limit=timeout,
            places=places,
        )
        yield Laboratory(world=world, closure=closure, initial=initial, jobs=jobs, scratch=store.scratch_folder)
