"""From a task to the demand that is resolved: the words of the user, pip's constraints, the pins that are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq import requirements
from minreq.config import STDOUT, Settings
from minreq.index import cutoff, sdist as building
from minreq.index.settings import IndexSettings
from minreq.lockfile import requirements as lockfile
from minreq.model import Sdist, Wheel
from minreq.profiles import planning
from minreq.requirements import StatedRequirement
from minreq.resolver import Demand
from minreq.task.task import Task, previous, refused
from minreq.wheels.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SdistBuilder:
    """Builds a wheel for the host where an index has no wheel; see `minreq.index.sdist`."""

    task: Task
    settings: IndexSettings
    store: Store

    def build(self, sdist: Sdist) -> Wheel:
        """Fetch *sdist*, check its hash, build it; raises ``NoWheel`` where building is not allowed."""
        refusal = building.refusal(sdist, self.settings, self.task.targets)
        if refusal is not None:
            raise refusal
        archive = self.store.archive(sdist)
        python = self.task.interpreter.executable
        return building.build(sdist, archive, python=python, to=archive.parent / "built", settings=self.settings)


def demand(task: Task, index: IndexSettings, store: Store) -> Demand:
    """Return what is to be resolved: the words of the user, pip's constraints, the pins of the lock that is there.

    Raises ``UsageError`` where a file it reads cannot be read.
    """
    settings = task.settings
    before = previous(settings)
    files = task.files
    of_pip = (requirements.constraint_file(path) for path in index.constraints)
    return Demand(
        root=settings.root,
        host=task.host,
        targets=task.targets,
        available=(
            *_stated("--also", settings.also),
            *_stated("--with", settings.with_),
            *_stated("--include", map(Requirement, settings.include)),
            *_stated("the profile", of_providers(task)),
        ),
        whole=(*_stated("--whole", settings.whole), *(each for file in files for each in file.requirements)),
        provided=(
            *_stated("--provided", (Requirement(str(each)) for each in settings.provided)),
            *_stated("--project", [settings.root] if settings.project else []),
        ),
        constraints=(
            *task.constraints,
            *(each for path in of_pip for each in requirements.read_constraints(path, os.environ)),
            *(each for file in files for each in file.constraints),
        ),
        overrides=_stated("--override", settings.overrides),
        preferred=_preferred(settings),
        passed_over=before.resolution.passed_over if before else (),
        refused=refused(task.profile),
        exclude_newer=_cutoff(settings.exclude_newer or index.uploaded_prior_to),
        only_binary=index.only_binary,
        no_binary=index.no_binary,
        builder=SdistBuilder(task=task, settings=index, store=store),
    )


def _preferred(settings: Settings) -> Mapping[NormalizedName, Version]:
    """Return the pins of the lock that is to be made anew, without those that may move.

    Those of what was left out are in the evidence alone.
    """
    if settings.upgrade or settings.output == STDOUT or not settings.output.exists():
        return {}
    before = previous(settings)
    pins = {name: pin.version for name, pin in before.resolution.pins.items()} if before else {}
    text = settings.output.read_text("utf-8")
    pins |= {pin.name: pin.version for pin in lockfile.parse(text, filename=settings.output.name).pins}
    return {name: version for name, version in pins.items() if name not in settings.upgrade_packages}


def _stated(origin: str, given: Iterable[Requirement]) -> tuple[StatedRequirement, ...]:
    return tuple(StatedRequirement(requirement=each, origin=f"{origin} {each}") for each in given)


def of_providers(task: Task) -> tuple[Requirement, ...]:
    """Return what the profile makes available for the providers: imported where no file says so at its left margin."""
    features = task.settings.features or None
    return planning.available(task.profile, task.subject, task.settings.providers, features) if task.profile else ()


def _cutoff(text: str | None) -> datetime | None:
    return cutoff.parse(text, datetime.now(timezone.utc)) if text else None
