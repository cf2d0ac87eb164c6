"""Build wheels from source distributions where allowed, and from project folders.

The requirements of a build are resolved and fetched first, by the index client and with their hashes checked. The
backend then runs in isolation, and without network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, NormalizedName, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from minreq.errors import (
    NoWheel,
    ProjectBuildFailed,
    ProjectNotFound,
    ResolutionFailure,
    SandboxMissing,
    SdistBuildFailed,
)
from minreq.index.client import IndexClient
from minreq.index.remotefile import FileFetcher
from minreq.index.settings import IndexSettings
from minreq.interpreter import Interpreter
from minreq.model import Platform, Sdist, Wheel
from minreq.requirements import RequirementsReader, UserRequirement, applies
from minreq.resolver import ResolverInput, resolve
from minreq.sdists.backend import Backend, BackendFailed, open_backend, read_requirements
from minreq.sdists.source import SourceRefused, copy_project, unpack_source
from minreq.smoke.environment import Installed
from minreq.smoke.isolation import Isolation, choose_isolation
from minreq.smoke.visible import list_installations
from minreq.system import regularfile, temporary
from minreq.wheels.store import Store


@dataclass(frozen=True, kw_only=True)
class SdistBuilder:
    """Builds wheels for the host."""

    interpreter: Interpreter
    settings: IndexSettings
    #: Where the requirements of a build come from.
    index: IndexClient
    store: Store
    #: The platforms that a wheel has to fit; empty: the platform of the interpreter.
    targets: tuple[Platform, ...] = ()
    #: Build nothing unless the kernel isolates the build.
    require_sandbox: bool = False
    #: The rules of the user and of the profile for releases; they hold for the requirements of a build too.
    exclude_newer: datetime | None = None
    known_bad: Mapping[NormalizedName, frozenset[Version]] = field(default_factory=dict)
    #: Gets one sentence before code of a source distribution runs.
    note: Callable[[str], object] = lambda _sentence: None
    #: The projects whose builds wait for this one.
    waiting: frozenset[NormalizedName] = frozenset()

    def build(self, sdist: Sdist) -> Wheel:
        """Fetch *sdist*, check its hash and build it; the wheel's URL is that of the file.

        Raises ``NoWheel`` where building is not allowed, ``SandboxMissing``, ``SdistBuildFailed``, and the index
        failures.
        """
        name, version = sdist.name, str(sdist.version)
        if why := self._refusal(sdist):
            raise NoWheel(name, version, why)
        archive = self.store.fetch(sdist)
        to = archive.parent / "built"
        to.mkdir(parents=True, exist_ok=True)
        with temporary.make_temporary_folder(to) as out:
            source = _Source(label=f"{name} {version}", name=name, place=lambda folder: unpack_source(archive, folder))
            try:
                built = self._build(source, out)
            except (BackendFailed, SourceRefused) as failed:
                raise SdistBuildFailed(name, version, tuple(str(failed).splitlines())) from failed
            wheel = _describe_wheel(built)
            if wheel is None or (wheel.name, wheel.version) != (sdist.name, sdist.version):
                raise SdistBuildFailed(name, version, (f"the build made {built.name}",))
            final = to / built.name
            regularfile.replace(built, final)
        return replace(wheel, url=final.as_uri())

    def build_project(self, project: Path, to: Path) -> Wheel:
        """Build a wheel from a copy of the folder *project*, in a folder of its own below *to*.

        Equal projects give equal wheels, if the project's own tools do so. Raises ``ProjectBuildFailed``,
        ``SandboxMissing``, and the index failures.
        """
        to = to.absolute()
        to.mkdir(parents=True, exist_ok=True)
        with temporary.make_temporary_folder(to) as out:
            source = _Source(label=f"the project in {project}", place=lambda folder: copy_project(project, folder))
            try:
                built = self._build(source, out)
            except (BackendFailed, SourceRefused) as failed:
                raise ProjectBuildFailed(project, str(failed).splitlines()) from failed
            wheel = _describe_wheel(built)
            if wheel is None:
                raise ProjectBuildFailed(project, [f"the build made {built.name}"])
            final = to / str(wheel.sha256) / built.name
            final.parent.mkdir(exist_ok=True)
            regularfile.replace(built, final)
        return replace(wheel, url=final.as_uri())

    def _refusal(self, sdist: Sdist) -> str:
        """Return why *sdist* may not be built, "" when it may."""
        names = self.settings.only_binary
        if sdist.name in names or (":all:" in names and sdist.name not in self.settings.no_binary):
            return "--only-binary forbids it"
        foreign = sorted(platform.name for platform in self.targets if platform.name != "host")
        if foreign:
            return f"a build here makes no wheel for {', '.join(foreign)}"
        return "the build requires itself" if sdist.name in self.waiting else ""

    @cached_property
    def _isolation(self) -> Isolation:
        isolation = choose_isolation(
            self.store.unpacked_folder,
            installations=list_installations(self.interpreter.base_executable, self.interpreter.folders),
        )
        if self.require_sandbox and not isolation.kernel:
            raise SandboxMissing(isolation.fallback_reason)
        return isolation

    def _build(self, source: _Source, to: Path) -> Path:
        """Build a wheel from *source* into the folder *to*; raise `BackendFailed` and `SourceRefused`."""
        isolation = self._isolation
        with temporary.make_temporary_folder() as folder:
            required = read_requirements(source.place(folder / "source"))
        self.note(f"builds {source.label} from source: {_describe(isolation)}")
        with self._open(source, required) as backend:
            unpacked = source.place(backend.folder / "source")
            further = set(backend.find_requirements(unpacked)) - {*required}
            if not further:
                return backend.build_wheel(unpacked, to)
        with self._open(source, (*required, *sorted(further))) as backend:
            return backend.build_wheel(source.place(backend.folder / "source"), to)

    def _open(self, source: _Source, required: Iterable[str]) -> AbstractContextManager[Backend]:
        trees = tuple(self.store.unpack_tree(wheel) for wheel in self._resolve(source, required))
        # As with any installer, their start-up files run; here in isolation.
        installed = Installed(trees=trees, start_up=frozenset(trees))
        return open_backend(self.interpreter, self._isolation, installed)

    def _resolve(self, source: _Source, texts: Iterable[str]) -> tuple[Wheel, ...]:
        """Return the wheels that the requirements in *texts* need, with all that these require."""
        origin = f"the build of {source.label}"
        required = tuple(
            UserRequirement(requirement=each, origin=origin)
            for each in map(_parse, texts)
            if _applies(each, self.interpreter.platform)
        )
        if not required:
            return ()
        settings = self.settings
        fetcher = FileFetcher(settings, self.index.cache)
        markers = [self.interpreter.platform.markers]
        reader = RequirementsReader(environ=os.environ, environments=markers, fetch=fetcher.fetch)
        files = (reader.read(each, constraint=True) for each in settings.constraints)
        inputs = ResolverInput(
            root=required[0].requirement,
            host=self.interpreter.platform,
            whole=required,
            constraints=tuple(each for file in files for each in file.constraints),
            known_bad=self.known_bad,
            exclude_newer=self.exclude_newer,
            only_binary=settings.only_binary,
            no_binary=settings.no_binary,
            builder=replace(self, targets=(), waiting=self.waiting | ({source.name} if source.name else set())),
        )
        try:
            resolution = resolve(inputs, self.index, _Strict())
        except (ResolutionFailure, ProjectNotFound) as failed:
            raise BackendFailed([f"the requirements of the build cannot be installed: {failed}"]) from failed
        return tuple(pin.wheel for _, pin in sorted(resolution.pins.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """What is built."""

    #: Its name for the user.
    label: str
    #: The project, if that is known before the build.
    name: NormalizedName | None = None
    #: Puts the source into a new folder; returns the folder of the project in it.
    place: Callable[[Path], Path]


class _Strict:
    """Tells the resolver to relax no requirement: a build may use all that it requires."""

    def find_import(self, root: Wheel, blocked: NormalizedName, sample: Wheel | None) -> str:
        """Return what needs *blocked*."""
        del root, blocked, sample
        return "the build"


def _describe_wheel(file: Path) -> Wheel | None:
    """Return the wheel in *file*, ``None`` where its name is not that of a wheel."""
    try:
        name, version, _, tags = parse_wheel_filename(file.name)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    return Wheel(
        name=name,
        version=version,
        filename=file.name,
        url=file.as_uri(),
        sha256=regularfile.sha256(file),
        size=file.stat().st_size,
        tags=tags,
    )


def _parse(text: str) -> Requirement:
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        raise BackendFailed([f"the build requires {text!r}, which is not a requirement"]) from error
    if requirement.url is not None:
        raise BackendFailed([f"the build requires {requirement}; minreq builds with what an index has only"])
    return requirement


def _applies(requirement: Requirement, host: Platform) -> bool:
    try:
        return applies(requirement.marker, [host.markers])
    except ValueError as error:
        raise BackendFailed([f"the build requires {str(requirement)!r}, and {error}"]) from error


def _describe(isolation: Isolation) -> str:
    if isolation.kernel:
        return (
            "the kernel isolates the build backend, which has no network, writes into one folder, and sees no private "
            "file or process"
        )
    return (
        f"only hooks of Python isolate the build backend, and programs that it starts and compiled code bypass them: "
        f"{isolation.fallback_reason}"
    )
