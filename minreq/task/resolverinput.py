"""Makes the input of the resolver from a task: requirements of the user, constraints, existing pins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from minreq.config import STDOUT, Settings
from minreq.index import cutoff
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.lockfile import reading, requirements as lockfile
from minreq.model import Lock, Platform
from minreq.profiles import planner
from minreq.profiles.loader import Profile
from minreq.reporting import Reporter
from minreq.requirements import UserRequirement
from minreq.resolver import ResolverInput
from minreq.sdists.builder import SdistBuilder
from minreq.task import fromlock
from minreq.task.task import Task, known_bad_releases, read_previous_lock
from minreq.wheels.store import Store

_NO_REPORTER = Reporter()


def make_resolver_input(
    task: Task,
    index: IndexClient,
    index_settings: IndexSettings,
    store: Store,
    reporter: Reporter = _NO_REPORTER,
    *,
    now: datetime | None = None,
) -> ResolverInput:
    """Return the input of the resolver: requirements of the user, constraints of pip, pins of the existing lock.

    *reporter* gets a note before code of a source distribution runs. A period of ``--exclude-newer`` ends at *now*.
    """
    settings = task.settings
    before = read_previous_lock(settings)
    files = task.files
    known_bad = known_bad_releases(task.profile)
    exclude_newer = _parse_cutoff(settings.exclude_newer or index_settings.uploaded_prior_to, now)
    return ResolverInput(
        root=settings.root,
        host=task.host,
        targets=task.targets,
        available=(
            *_with_origin("--also", settings.also),
            *_with_origin("--with", settings.with_),
            *_with_origin("--include", map(Requirement, settings.include)),
            *_with_origin("the profile", provider_requirements(task)),
        ),
        whole=(*_with_origin("--whole", settings.whole), *(each for file in files for each in file.requirements)),
        provided=(
            *_with_origin("--provided", (Requirement(str(each)) for each in settings.provided)),
            *_with_origin("--project", [settings.root] if settings.project else []),
        ),
        runtime=task.runtime,
        constraints=tuple(each for file in files for each in file.constraints),
        overrides=_with_origin("--override", settings.overrides),
        preferred=_preferred_versions(settings),
        passed_over=before.resolution.passed_over if before else (),
        known_bad=known_bad,
        exclude_newer=exclude_newer,
        only_binary=index_settings.only_binary,
        no_binary=index_settings.no_binary,
        all_releases=index_settings.all_releases,
        only_final=index_settings.only_final,
        prefer_binary=index_settings.prefer_binary,
        require_hashes=task.requires_hashes,
        builder=SdistBuilder(
            interpreter=task.interpreter,
            settings=index_settings,
            index=index,
            store=store,
            targets=task.targets,
            require_sandbox=settings.require_sandbox,
            exclude_newer=exclude_newer,
            known_bad=known_bad,
            note=reporter.note,
        ),
    )


def make_tool_input(
    lock: Lock, profile: Profile | None, platform: Platform, index_settings: IndexSettings, builder: SdistBuilder
) -> ResolverInput:
    """Return the input for requirements of tools beside *lock*, whose command may set a cooldown."""
    return ResolverInput(
        root=Requirement(lock.root_requirements[0]),
        host=platform,
        known_bad=known_bad_releases(profile),
        exclude_newer=_parse_cutoff(
            fromlock.read_command(lock).get("exclude_newer") or index_settings.uploaded_prior_to
        ),
        only_binary=index_settings.only_binary,
        no_binary=index_settings.no_binary,
        all_releases=index_settings.all_releases,
        only_final=index_settings.only_final,
        prefer_binary=index_settings.prefer_binary,
        builder=builder,
    )


def _preferred_versions(settings: Settings) -> Mapping[NormalizedName, Version]:
    """Return the pins of the existing lock, without those to upgrade.

    The pins of left-out distributions are only in the evidence.
    """
    if settings.upgrade or settings.output == STDOUT or not settings.output.exists():
        return {}
    before = read_previous_lock(settings)
    pins = {name: pin.version for name, pin in before.resolution.pins.items()} if before else {}
    text = reading.read_text(settings.output, "lock")
    pins |= {pin.name: pin.version for pin in lockfile.parse(text, filename=settings.output.name).pins}
    return {name: version for name, version in pins.items() if name not in settings.upgrade_packages}


def _with_origin(origin: str, requirements: Iterable[Requirement]) -> tuple[UserRequirement, ...]:
    return tuple(UserRequirement(requirement=each, origin=f"{origin} {each}") for each in requirements)


def provider_requirements(task: Task) -> tuple[Requirement, ...]:
    """Return the requirements that the profile adds for the providers: their code imports them inside functions."""
    features = task.settings.features or None
    return (
        planner.extra_requirements(task.profile, task.profiled_root, task.settings.providers, features)
        if task.profile
        else ()
    )


def _parse_cutoff(text: str | None, now: datetime | None = None) -> datetime | None:
    return cutoff.parse(text, now or datetime.now(timezone.utc)) if text else None
