"""From settings to what a lock needs before anything runs: interpreter, platforms, index settings, demand, plan."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import requirements, runtime
from minreq.config import STDOUT, IndexOptions, Settings
from minreq.config.settings import command
from minreq.errors import EvidenceUnreadable, SmokeUnusable
from minreq.index import cutoff, pipconfig
from minreq.index import sdist as building
from minreq.index.settings import IndexSettings
from minreq.lockfile import evidence
from minreq.lockfile import requirements as lockfile
from minreq.model import Candidate, Lock, Plan, Platform, Sdist, Wheel
from minreq.profiles import loading, planning
from minreq.requirements import Requirements, StatedRequirement
from minreq.resolver import Demand
from minreq.store import Store

#: How many scripts of a folder are named in an error.
_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be locked."""

    settings: Settings
    interpreter: runtime.Interpreter
    #: The platforms the lock is for; the host when none is named.
    targets: tuple[Platform, ...]
    profile: loading.Profile | None
    #: The command line that makes the lock anew.
    command: str
    #: What the files of ``-r`` say.
    files: tuple[Requirements, ...] = ()
    #: What the files of ``--constraint`` say.
    constraints: tuple[StatedRequirement, ...] = ()

    @property
    def root(self) -> NormalizedName:
        """The project that is minimized."""
        return canonicalize_name(self.settings.root.name)

    @property
    def host(self) -> Platform:
        """The platform the smoke runs on."""
        return self.interpreter.platform

    def plan(self, version: Version) -> Plan:
        """Return what runs for that *version* of the root; raises ``UnknownProvider`` and ``UnknownFeature``."""
        settings = self.settings
        # The smoke runs in another folder.
        smokes = [smoke.absolute() for smoke in settings.smokes]
        return planning.plan(self.profile, settings.providers, settings.features or None, smokes, version)

    def inputs(self, version: Version) -> Mapping[str, str]:
        """Return digests, by name, of what decides the lock beside its command line and the index.

        That is the smoke for that *version* of the root, and what the files of requirements and constraints say.
        """
        said: dict[str, list[str]] = {}
        for each in (
            *(each for file in self.files for each in (*file.requirements, *file.constraints)),
            *self.constraints,
        ):
            said.setdefault(each.origin, []).append(str(each.requirement))
        digests = {origin: hashlib.sha256("\n".join(sorted(texts)).encode()) for origin, texts in said.items()}
        return {
            **planning.inputs(self.plan(version)),
            **{origin: digest.hexdigest() for origin, digest in sorted(digests.items())},
        }


def task(settings: Settings) -> Task:
    """Look at what *settings* name; raises ``UsageError`` where it does not exist."""
    for smoke in settings.smokes:
        _check_smoke(smoke)
    files = tuple(requirements.read_requirements(path, os.environ) for path in settings.requirement_files)
    profile = loading.find(canonicalize_name(settings.root.name))
    interpreter = runtime.interpreter(Path(settings.python) if settings.python else None)
    prepared = Task(
        settings=settings,
        interpreter=interpreter,
        targets=tuple(map(runtime.preset, settings.platforms)) or (interpreter.platform,),
        profile=profile,
        command=command(settings),
        files=files,
        constraints=tuple(
            each for path in settings.constraints for each in requirements.read_constraints(path, os.environ)
        ),
    )
    # Unknown names are said before anything is fetched.
    planning.plan(profile, settings.providers, settings.features or None, settings.smokes)
    return prepared


def _check_smoke(smoke: Path) -> None:
    """Raise ``SmokeUnusable`` unless *smoke* is a file."""
    if smoke.is_file():
        return
    if smoke.is_dir():
        inside = sorted(each.name for each in smoke.glob("*.py"))[:_NAMED]
        named = f", such as {', '.join(inside)}" if inside else ""
        raise SmokeUnusable(str(smoke), f"it is a folder; name a script in it{named}")
    beside = [each.name for each in smoke.parent.glob("*.py")] if smoke.parent.is_dir() else []
    nearest = difflib.get_close_matches(smoke.name, sorted(beside), n=1)
    program, *arguments = str(smoke).split()
    if arguments and not nearest:
        problem = (
            f"it is a command line, which cannot be run yet; name a script of Python that does what {program} does"
        )
        raise SmokeUnusable(repr(str(smoke)), problem)
    suggestion = f"; did you mean {smoke.with_name(nearest[0])}?" if nearest else ""
    raise SmokeUnusable(str(smoke), f"there is no such file{suggestion}")


def index_settings(options: IndexOptions, files: Iterable[Requirements] = ()) -> IndexSettings:
    """Return pip's configuration with *options* over it, and over both what requirement *files* say."""
    flags: dict[str, str | tuple[str, ...]] = {
        name: value
        for name, value in {
            "index-url": options.index_url,
            "extra-index-url": options.extra_index_urls,
            "find-links": options.find_links,
            "no-index": None if options.no_index is None else "yes" if options.no_index else "no",
            "cert": options.cert,
            "client-cert": options.client_cert,
            "trusted-host": options.trusted_hosts,
            "only-binary": ",".join(options.only_binary),
            "no-binary": ",".join(options.no_binary),
        }.items()
        if value
    }
    return pipconfig.with_options(pipconfig.load(flags), (option for file in files for option in file.options))


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
            *_stated("--with", settings.with_),
            *_stated("--include", map(Requirement, settings.include)),
            *_stated("the profile", _of_providers(task)),
        ),
        whole=(*_stated("--whole", settings.whole), *(each for file in files for each in file.requirements)),
        provided=_stated("--provided", (Requirement(str(each)) for each in settings.provided)),
        constraints=(
            *task.constraints,
            *(each for path in of_pip for each in requirements.read_constraints(path, os.environ)),
            *(each for file in files for each in file.constraints),
        ),
        overrides=_stated("--override", settings.overrides),
        preferred=_preferred(settings),
        passed_over=before.resolution.passed_over if before else (),
        refused=_refused(task.profile),
        exclude_newer=_cutoff(settings.exclude_newer or index.uploaded_prior_to),
        only_binary=index.only_binary,
        no_binary=index.no_binary,
        builder=SdistBuilder(task=task, settings=index, store=store),
    )


def previous(settings: Settings) -> Lock | None:
    """Return what the evidence beside the lock says; ``None`` without a lock, or with evidence of another schema."""
    if settings.output == STDOUT or not settings.output.exists():
        return None
    file = evidence.beside(settings.output)
    try:
        return evidence.load(file.read_text("utf-8"), filename=file.name)
    except (OSError, UnicodeDecodeError, EvidenceUnreadable):
        return None  # It will be written anew: a lock does not depend on the evidence of another.


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


def _of_providers(task: Task) -> tuple[Requirement, ...]:
    return (
        planning.available(task.profile, task.root, task.settings.providers, task.settings.features or None)
        if task.profile
        else ()
    )


def is_refused(profile: loading.Profile | None, candidate: Candidate) -> bool:
    """Whether *candidate* is a known-bad release of the *profile*."""
    return candidate.version in _refused(profile).get(candidate.name, frozenset())


def _refused(profile: loading.Profile | None) -> Mapping[NormalizedName, frozenset[Version]]:
    """Return the known-bad releases of the profile, each a pin by ``==``."""
    found: dict[NormalizedName, frozenset[Version]] = {}
    for each in profile.refused if profile else ():
        versions = frozenset(Version(specifier.version) for specifier in each.versions)
        found[each.name] = found.get(each.name, frozenset()) | versions
    return found


def _cutoff(text: str | None) -> datetime | None:
    return cutoff.parse(text, datetime.now(timezone.utc)) if text else None
