"""The task of a build: the settings, with the lock, its smoke and the target read from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import NormalizedName

from minreq import interpreter as runtime
from minreq.build.slim.bytecode import TreeCompiler
from minreq.config import BuildSettings
from minreq.errors import (
    BytecodeVersionMismatch,
    InvalidOptions,
    NothingToScan,
    PlatformNotChosen,
    ProofFailed,
    TracedWithoutSmoke,
)
from minreq.guard import misses
from minreq.interpreter import Interpreter
from minreq.lockfile import edits as edited
from minreq.model import Lock, Plan, Platform
from minreq.profiles import planner, scanprofile
from minreq.scan.services import find_services
from minreq.smoke.isolation import Isolation
from minreq.system import regularfile
from minreq.task import fromlock, smokefiles, task
from minreq.wheels import bytecode


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildTask:
    """What to build, as read from disk."""

    settings: BuildSettings
    lock: Lock
    #: Hex SHA-256 of the requirements file.
    digest: str
    interpreter: Interpreter
    target: Platform
    #: The smoke of the lock, and the scripts of `--smoke`.
    plan: Plan
    #: The AWS services whose data stays, sorted.
    services: tuple[str, ...] = ()
    #: Paths that logs of earlier builds name: they are not to be cold.
    warmed: frozenset[str] = frozenset()

    @property
    def host(self) -> Platform:
        """The platform that the smoke runs on."""
        return self.interpreter.platform

    @property
    def names(self) -> tuple[NormalizedName, ...]:
        """The distributions that the tree gets."""
        return tuple(kept.candidate.name for kept in self.lock.selection.kept)

    @property
    def root(self) -> str:
        """The root of the lock and its version."""
        resolution = self.lock.resolution
        return f"{resolution.root} {resolution.pins[resolution.root].version}"

    @property
    def facts(self) -> Mapping[str, object]:
        """The inputs of a build; equal inputs give equal bytes."""
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
            "services": list(self.services),
            "target": self.target.name,
            "python": ".".join(map(str, self.target.python_version.release[:2])),
            "stages": list(self.stages),
            "distributions": {name: str(pins[name].version) for name in sorted(self.names)},
        }

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that run after the first stage."""
        return tuple(script.stage for group in self.plan.groups for script in group.scripts)

    def make_compiler(self, isolation: Isolation) -> TreeCompiler:
        """Return the interpreter that compiles for the target."""
        return TreeCompiler(
            python=self.interpreter.base_executable,
            tag=bytecode.cache_tag(self.host.python_version.release),
            isolation=isolation,
        )


def read_task(settings: BuildSettings) -> BuildTask:
    """Read the lock, its smoke and the target that *settings* name.

    Raises ``ProofFailed`` for a lock that was edited, ``TracedWithoutSmoke``, ``PlatformNotChosen``,
    ``BytecodeVersionMismatch``, and the errors of reading a lock.
    """
    lock, text = fromlock.read_lock(settings.lock)
    if changes := [
        edit.sentence for edit in edited.find_edits(lock, text, filename=settings.lock.name) if edit.installs
    ]:
        raise ProofFailed(str(settings.lock), changes)
    has_tools = bool(lock.tools)
    user_smokes = [task.locate_smoke(smoke, Path(), has_tools=has_tools) for smoke in settings.smokes]
    user_files = smokefiles.locate_files(settings.smoke_files)
    plan = fromlock.read_plan(lock, settings.lock, settings.smokes, settings.smoke_files)
    if plan.first is not None and plan.first.stage not in lock.stages:
        plan = planner.without_template(plan)
    has_own_smoke = bool(settings.smokes) or any(stage.startswith("smoke/") for stage in lock.stages)
    if settings.slim == "traced" and not (settings.yes_traced or has_own_smoke):
        raise TracedWithoutSmoke
    interpreter = runtime.find_interpreter(Path(settings.python) if settings.python else None)
    target = _choose_target(lock, settings, interpreter.platform)
    target_version, version = (
        ".".join(map(str, each.python_version.release[:2])) for each in (target, interpreter.platform)
    )
    if settings.bytecode != "none" and target_version != version:
        raise BytecodeVersionMismatch(target.name, target_version, version)
    return BuildTask(
        settings=settings,
        lock=lock,
        digest=hashlib.sha256(text.encode("utf-8")).hexdigest(),
        interpreter=interpreter,
        target=target,
        plan=planner.with_user_smokes(plan, user_smokes, user_files),
        services=tuple(sorted({*settings.keep_services, *find_used_services(lock, settings)})),
        warmed=frozenset(path for log in settings.hot for path in read_cold_accesses(log)),
    )


def read_cold_accesses(log: Path) -> frozenset[str]:
    """Return the paths of the cold files that *log* names. Raises ``InvalidOptions`` if it cannot be read."""
    try:
        text = regularfile.read_text(log, errors="replace")
    except OSError as error:
        raise InvalidOptions([f"--hot {log}: {error.strerror or error}"]) from error
    return frozenset(str(fields.get("path")) for fields in misses.read_objects(text, "minreq-cold"))


def find_used_services(lock: Lock, settings: BuildSettings) -> frozenset[str]:
    """Return the names of AWS services that the code in the paths of *settings* uses. Raises ``NothingToScan``."""
    for path in settings.scan:
        if not path.exists():
            raise NothingToScan(str(path), "there is no such file or folder")
    profile = fromlock.find_profile(lock, settings.lock)
    rules = scanprofile.load_scan_profile(profile) if profile is not None and settings.scan else None
    return find_services(settings.scan, rules.rules.services if rules is not None else {})


def _choose_target(lock: Lock, settings: BuildSettings, host: Platform) -> Platform:
    """Return the platform to build for; this host where the lock is for hosts like it."""
    names = [platform.name for platform in lock.platforms]
    if settings.platform is None and len(names) > 1:
        raise PlatformNotChosen(str(settings.lock), None, names)
    if settings.platform is not None and settings.platform not in names:
        raise PlatformNotChosen(str(settings.lock), settings.platform, names)
    chosen = next(each for each in lock.platforms if settings.platform in {None, each.name})
    return host if chosen.name == host.name else chosen
