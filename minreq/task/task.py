"""From settings to what a lock needs before anything runs: interpreter, platforms, index settings, plan."""

from __future__ import annotations

import difflib
import hashlib
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter as runtime, requirements
from minreq.config import STDOUT, IndexOptions, Settings
from minreq.config.settings import command
from minreq.errors import EvidenceUnreadable, NoProviders, ProjectBuildFailed, SmokeUnusable
from minreq.index import pipconfig
from minreq.index.settings import IndexSettings
from minreq.index.urls import local_path
from minreq.lockfile import evidence
from minreq.model import Candidate, Command, Lock, Plan, Platform, Wheel
from minreq.profiles import loading, planning
from minreq.requirements import Requirements, StatedRequirement
from minreq.wheels.importmap import ImportMap

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
    #: What the root is built from a folder, if it is.
    project: Wheel | None = None
    #: What the files of ``-r`` say.
    files: tuple[Requirements, ...] = ()
    #: What the files of ``--constraint`` say.
    constraints: tuple[StatedRequirement, ...] = ()

    @property
    def root(self) -> NormalizedName:
        """The project that is minimized."""
        return canonicalize_name(self.settings.root.name)

    @property
    def title(self) -> str:
        """The roots, as they were asked for; a project by its name."""
        return ", ".join(
            (self.root if self.settings.project else str(self.settings.root), *map(str, self.settings.also))
        )

    @property
    def subject(self) -> NormalizedName:
        """What the profile is for: the first of the roots that has one."""
        names = [canonicalize_name(each.name) for each in self.settings.roots]
        of_profile = self.profile.roots if self.profile else ()
        return next((name for name in names if name in of_profile), self.root)

    @property
    def host(self) -> Platform:
        """The platform the smoke runs on."""
        return self.interpreter.platform

    def plan(self, version: Version) -> Plan:
        """Return what runs for that *version* of the root; raises ``UnknownProvider`` and ``UnknownFeature``."""
        settings = self.settings
        smokes = [smoke_at(smoke, Path()) for smoke in settings.smokes]
        return planning.plan(self.profile, settings.providers, settings.features or None, smokes, version)

    def skipped(self, version: Version) -> Iterator[str]:
        """Return a sentence for each reason why that *version* of the root cannot do something."""
        if self.profile is None:
            return
        stages: dict[str, dict[str, None]] = {}
        settings = self.settings
        for each in planning.skipped(self.profile, settings.providers, settings.features or None, version):
            stages.setdefault(each.reason, {})[each.stage] = None
        for reason, names in stages.items():
            yield f"what {', '.join(names)} would call is skipped in part or whole: {reason}"

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
            **({"--project": str(self.project.sha256)} if self.project else {}),
        }


def task(settings: Settings) -> Task:
    """Look at what *settings* name, and build a project; raises ``UsageError`` where it does not exist."""
    smokes = [smoke_at(smoke, Path()) for smoke in settings.smokes]
    files = tuple(requirements.read_requirements(path, os.environ) for path in settings.requirement_files)
    words = command(settings)
    interpreter = runtime.interpreter(Path(settings.python) if settings.python else None)
    project = None
    if settings.project is not None:
        project = build_project(
            settings.project, interpreter, index_settings(settings.index, files), settings.cache_dir
        )
        settings = with_project(settings, project)
    found = (loading.find(canonicalize_name(each.name), settings.profiles) for each in settings.roots)
    profile = next((each for each in found if each is not None), None)
    if profile is None and settings.providers:
        raise NoProviders(settings.root.name, loading.roots())
    prepared = Task(
        settings=settings,
        interpreter=interpreter,
        targets=tuple(map(runtime.preset, settings.platforms)) or (interpreter.platform,),
        profile=profile,
        command=words,
        project=project,
        files=files,
        constraints=tuple(
            each for path in settings.constraints for each in requirements.read_constraints(path, os.environ)
        ),
    )
    # Unknown names are said before anything is fetched.
    planning.plan(profile, settings.providers, settings.features or None, smokes)
    return prepared


def check_names(smokes: Iterable[Path], import_map: ImportMap) -> None:
    """Raise ``SmokeUnusable`` for a script that Python would import in the place of a distribution's module."""
    for smoke in smokes:
        owners = import_map.owners.get(smoke.stem) if smoke.is_file() else None
        if owners:
            problem = f"it has the name of a module of {owners[0]}, and would be imported in its place; rename it"
            raise SmokeUnusable(str(smoke), problem)


def build_project(project: Path, interpreter: runtime.Interpreter, index: IndexSettings, cache_dir: Path) -> Wheel:
    """Make a wheel of the *project* in a folder; raises ``ProjectBuildFailed``."""
    if not any((project / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise ProjectBuildFailed(project, ["there is neither a pyproject.toml nor a setup.py in it"])
    from minreq.index import sdist as building  # noqa: PLC0415 # Heavy, and seldom needed.

    return building.build_project(project, python=interpreter.executable, to=cache_dir / "projects", settings=index)


def with_project(settings: Settings, wheel: Wheel) -> Settings:
    """Return *settings* with the project of that *wheel* as the root, found where it was built."""
    root = Requirement(f"{wheel.name}=={wheel.version}")
    return replace(settings, root=root, index=found_at(settings.index, wheel))


def found_at(options: IndexOptions, wheel: Wheel) -> IndexOptions:
    """Return *options* with the place of a *wheel* that was built."""
    built = local_path(wheel.url)
    return replace(options, find_links=(*options.find_links, *([str(built.parent)] if built else [])))


def smoke_at(smoke: Path, folder: Path) -> Path | Command:
    """Return the script, with an absolute path since it is run elsewhere, or the command line that *smoke* is.

    A command line is run in *folder*, or in that which stands before its program. Raises ``SmokeUnusable``.
    """
    if (folder / smoke).is_file():
        return (folder / smoke).absolute()
    if smoke.is_dir():
        inside = sorted(each.name for each in smoke.glob("*.py"))[:_NAMED]
        named = f", such as {', '.join(inside)}" if inside else ""
        raise SmokeUnusable(str(smoke), f"it is a folder; name a script in it{named}")
    beside = [each.name for each in smoke.parent.glob("*.py")] if smoke.parent.is_dir() else []
    nearest = difflib.get_close_matches(smoke.name, sorted(beside), n=1)
    try:
        program, *arguments = shlex.split(str(smoke))
    except ValueError as error:
        raise SmokeUnusable(repr(str(smoke)), f"it is neither a file nor a command line: {error}") from error
    if arguments and not nearest:
        # A file of configuration in another folder makes paths of command lines too: `../pytest -q`.
        inner = Path(program)
        return Command(words=(inner.name, *arguments), folder=(folder / inner.parent).absolute())
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
    first_index = options.index_strategy == "first-index"
    loaded = replace(pipconfig.load(flags), first_index=first_index, offline=options.offline)
    return pipconfig.with_options(loaded, (option for file in files for option in file.options))


def previous(settings: Settings) -> Lock | None:
    """Return what the evidence beside the lock says; ``None`` without a lock, or with evidence of another schema."""
    if settings.output == STDOUT or not settings.output.exists():
        return None
    file = evidence.beside(settings.output)
    try:
        return evidence.load(file.read_text("utf-8"), filename=file.name)
    except (OSError, UnicodeDecodeError, EvidenceUnreadable):
        return None  # It will be written anew: a lock does not depend on the evidence of another.


def is_refused(profile: loading.Profile | None, candidate: Candidate) -> bool:
    """Whether *candidate* is a known-bad release of the *profile*."""
    return candidate.version in refused(profile).get(candidate.name, frozenset())


def refused(profile: loading.Profile | None) -> Mapping[NormalizedName, frozenset[Version]]:
    """Return the known-bad releases of the profile, each a pin by ``==``."""
    found: dict[NormalizedName, frozenset[Version]] = {}
    for each in profile.refused if profile else ():
        versions = frozenset(Version(specifier.version) for specifier in each.versions)
        found[each.name] = found.get(each.name, frozenset()) | versions
    return found
