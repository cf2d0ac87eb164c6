"""What is to be built: the settings, with the lock, its smoke and the target read from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import interpreter as runtime
from minreq.build.slim import tree
from minreq.config import BuildSettings
from minreq.errors import BytecodeForOther, ProofFailed, TargetUnclear, TracedUnasked
from minreq.interpreter import Interpreter
from minreq.lockfile import edits as edited
from minreq.model import Lock, Plan, Platform
from minreq.profiles import planning
from minreq.task import recall, task


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be built, read from disk."""

    settings: BuildSettings
    lock: Lock
    #: Of the requirements file, hex SHA-256.
    digest: str
    interpreter: Interpreter
    target: Platform
    #: What ran when the lock was made, and with it the scripts that were named now.
    plan: Plan

    @property
    def host(self) -> Platform:
        """Where the smoke runs."""
        return self.interpreter.platform

    @property
    def names(self) -> tuple[NormalizedName, ...]:
        """What is installed."""
        return tuple(kept.candidate.name for kept in self.lock.selection.kept)

    @property
    def root(self) -> str:
        """What the lock is of, and its version."""
        resolution = self.lock.resolution
        return f"{resolution.root} {resolution.pins[resolution.root].version}"

    @property
    def facts(self) -> Mapping[str, object]:
        """What a build is made from; equal facts give equal bytes."""
        settings, pins = self.settings, self.lock.resolution.pins
        root = self.lock.resolution.root
        return {
            "lock": settings.lock.name,
            "lock_sha256": self.digest,
            "root": f"{root}=={pins[root].version}",
            "slim": settings.slim,
            "bytecode": settings.bytecode,
            "keep": list(settings.keep),
            "drop": list(settings.drop),
            "target": self.target.name,
            "python": ".".join(map(str, self.target.python_version.release[:2])),
            "stages": list(self.stages),
            "distributions": {name: str(pins[name].version) for name in sorted(self.names)},
        }

    @property
    def stages(self) -> tuple[str, ...]:
        """What runs, the first stage aside."""
        return tuple(script.stage for group in self.plan.groups for script in group.scripts)

    @property
    def compiler(self) -> tree.Compiler:
        """What compiles for the target."""
        version = self.host.python_version
        return tree.Compiler(python=self.interpreter.base_executable, tag=f"cpython-{version.major}{version.minor}")


def read(settings: BuildSettings) -> Task:
    """Read what *settings* name.

    Raises ``ProofFailed`` for a lock that was edited, ``TracedUnasked``, ``TargetUnclear``, ``BytecodeForOther``, and
    what reading the lock does.
    """
    own = [task.smoke_at(smoke, Path()) for smoke in settings.smokes]
    lock, text = recall.read(settings.lock)
    if changes := [edit.sentence for edit in edited.edits(lock, text, filename=settings.lock.name) if edit.installs]:
        raise ProofFailed(str(settings.lock), changes)
    plan = recall.plan(lock, settings.lock, settings.smokes)
    if plan.first is not None and plan.first.stage not in lock.stages:
        plan = planning.without_template(plan)
    has_own_smoke = bool(settings.smokes) or any(stage.startswith("smoke/") for stage in lock.stages)
    if settings.slim == "traced" and not (settings.yes_traced or has_own_smoke):
        raise TracedUnasked
    interpreter = runtime.interpreter(Path(settings.python) if settings.python else None)
    target = _target(lock, settings, interpreter.platform)
    wanted, found = (".".join(map(str, each.python_version.release[:2])) for each in (target, interpreter.platform))
    if settings.bytecode != "none" and wanted != found:
        raise BytecodeForOther(target.name, wanted, found)
    return Task(
        settings=settings,
        lock=lock,
        digest=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        interpreter=interpreter,
        target=target,
        plan=planning.with_own(plan, own),
    )


def _target(lock: Lock, settings: BuildSettings, host: Platform) -> Platform:
    """The platform to build for; where the lock is for hosts like this one, this one."""
    names = [platform.name for platform in lock.platforms]
    if settings.platform is None and len(names) > 1:
        raise TargetUnclear(str(settings.lock), None, names)
    if settings.platform is not None and settings.platform not in names:
        raise TargetUnclear(str(settings.lock), settings.platform, names)
    chosen = next(each for each in lock.platforms if settings.platform in {None, each.name})
    return host if chosen.name == host.name else chosen
