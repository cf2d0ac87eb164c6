"""The program whose imports are watched: the first stage of a lock, the modules of its root, or named modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from minreq.config import AnalyzeSettings
from minreq.errors import InvalidOptions
from minreq.lockfile import reading
from minreq.model import Lock, Script
from minreq.source.modulenames import module_of
from minreq.task import fromlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A *script*, or imports of *modules*, with its *environment*."""

    script: Script | None = None
    modules: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def statement(self) -> str:
        """What it runs."""
        return self.script.file.name if self.script else f"import {', '.join(self.modules)}"


def read_program(settings: AnalyzeSettings) -> Program:
    """Return the program that *settings* name. Raises ``InvalidOptions``, and the errors of reading a lock."""
    lock = reading.read_evidence(settings.lock) if settings.lock else None
    plan = fromlock.read_plan(lock, settings.lock) if lock and settings.lock else None
    environment = plan.environment if plan else {}
    if settings.modules:
        return Program(modules=settings.modules, environment=environment)
    if lock is None or plan is None:
        raise InvalidOptions(["--imports needs to know what to import: add --module NAME, or --lock FILE"])
    if plan.first is not None:
        return Program(script=plan.first, environment=environment)
    modules = find_root_modules(lock)
    if not modules:
        raise InvalidOptions([f"the smoke of {settings.lock} imports no module of its root; add --module NAME"])
    return Program(modules=modules, environment=environment)


def find_root_modules(lock: Lock) -> Sequence[str]:
    """Return the topmost modules of the root that the trace of *lock* has loaded."""
    roots = [kept for kept in lock.selection.kept if kept.candidate.name == lock.resolution.root]
    found = {module_of(path) for root in roots for path in root.loaded}
    return sorted({module.partition(".")[0] for module in found if module})
