"""Makes a task from settings: interpreter, platforms, profile, requirements files, index settings, plan."""

from __future__ import annotations

import difflib
import hashlib
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq import interpreter as interpreters
from minreq.config import STDOUT, IndexOptions, Settings
from minreq.config.settings import format_command
from minreq.errors import (
    EvidenceUnreadable,
    InvalidOptions,
    NoProfile,
    ProjectBuildFailed,
    RuntimeDiffers,
    SmokeUnusable,
)
from minreq.index import pipconfig
from minreq.index.settings import IndexSettings
from minreq.index.urls import local_path
from minreq.lockfile import evidence
from minreq.model import Candidate, Command, Lock, Plan, Platform, Runtime, Wheel
from minreq.model.parsing import parse_version
from minreq.profiles import loader, planner, runtimes
from minreq.reporting import Reporter
from minreq.requirements import RequirementsFile
from minreq.system import regularfile
from minreq.task import smokefiles
from minreq.task.requirementfiles import RequirementFiles, digest_lines, drop_inapplicable, read_files
from minreq.wheels.importmap import ImportMap

#: The most scripts of a folder that an error names.
_MAX_SCRIPTS = 3

_NO_REPORTER = Reporter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Everything that is known of a lock before anything runs."""

    settings: Settings
    interpreter: interpreters.Interpreter
    #: The platforms of the lock; the host if none is named.
    targets: tuple[Platform, ...]
    profile: loader.Profile | None
    #: The command line that makes the same lock.
    command: str
    #: The wheel of the root, if the root is a project in a folder.
    project: Wheel | None = None
    #: What ``--runtime`` names.
    runtime: Runtime | None = None
    #: The content of the files of ``-r`` and ``--constraint``, and of those of pip's configuration.
    requirement_files: RequirementFiles = field(default_factory=RequirementFiles)
    #: What of the requirements of the user has no effect.
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[RequirementsFile, ...]:
        """The requirements and constraints files, in the order in which pip reads them."""
        return self.requirement_files.all

    @property
    def requires_hashes(self) -> bool:
        """Whether the user has to allow each file of the lock by its hash."""
        return self.requirement_files.require_hashes

    @property
    def root(self) -> NormalizedName:
        """The name of the first root."""
        return canonicalize_name(self.settings.root.name)

    @property
    def title(self) -> str:
        """The roots as they were requested; a project by its name."""
        return ", ".join(
            (self.root if self.settings.project else str(self.settings.root), *map(str, self.settings.also))
        )

    @property
    def profiled_root(self) -> NormalizedName:
        """The first root that has the profile, else the first root."""
        roots = [canonicalize_name(each.name) for each in self.settings.roots]
        profile_roots = self.profile.roots if self.profile else ()
        return next((name for name in roots if name in profile_roots), self.root)

    @property
    def host(self) -> Platform:
        """The platform the smoke runs on."""
        return self.interpreter.platform

    @property
    def is_portable(self) -> bool:
        """Whether the lock is for machines that may lack files of this one."""
        if self.settings.portable is not None:
            return self.settings.portable
        return any(target != self.host for target in self.targets)

    def plan(self, version: Version) -> Plan:
        """Return the plan for this *version* of the root; raise ``UnknownProvider`` and ``UnknownFeature``."""
        settings = self.settings
        return planner.make_plan(
            self.profile,
            settings.providers,
            settings.features or None,
            _locate_smokes(settings),
            version,
            files=smokefiles.locate_files(settings.smoke_files),
            included=settings.include,
        )

    def skipped_call_notes(self, version: Version) -> Iterator[str]:
        """Yield a note for each reason why this *version* of the root cannot run some stages."""
        if self.profile is None:
            return
        stages: dict[str, dict[str, None]] = {}
        settings = self.settings
        for each in planner.skipped_calls(self.profile, settings.providers, settings.features or None, version):
            stages.setdefault(each.reason, {})[each.stage] = None
        for reason, names in stages.items():
            yield f"{', '.join(names)}: skipped in part or whole: {reason}"

    def input_digests(self, version: Version) -> Mapping[str, str]:
        """Return digests, by name, of the inputs of the lock other than its command line and the index.

        The inputs are the smoke for this *version* of the root, and the requirements and constraints files.
        """
        # The files of pip's configuration belong to the machine.
        texts = digest_lines(self.requirement_files.named)
        digests = {origin: hashlib.sha256("\n".join(sorted(lines)).encode()) for origin, lines in texts.items()}
        return {
            **planner.input_digests(self.plan(version)),
            **{origin: digest.hexdigest() for origin, digest in sorted(digests.items())},
            **({"--project": str(self.project.sha256)} if self.project else {}),
            **({f"--runtime {self.runtime.name}": _digest_runtime(self.runtime)} if self.runtime else {}),
        }


def prepare_task(settings: Settings, reporter: Reporter = _NO_REPORTER) -> Task:
    """Read the files that *settings* name, and build a project; raise ``UsageError`` for what does not exist.

    *reporter* gets a note before code of a project runs.
    """
    smokes = _locate_smokes(settings)
    smokefiles.locate_files(settings.smoke_files)
    recorded_command = format_command(settings)
    interpreter = interpreters.find_interpreter(Path(settings.python) if settings.python else None)
    targets = tuple(map(interpreters.preset_platform, settings.platforms)) or (interpreter.platform,)
    environments = [platform.markers for platform in (interpreter.platform, *targets)]
    runtime = _find_runtime(settings, targets)
    files = read_files(settings, read_index_settings(settings.index), environments)
    settings, notes = drop_inapplicable(settings, interpreter.platform.markers, environments)
    project = None
    if settings.project is not None:
        project = build_project(
            settings.project,
            interpreter,
            read_index_settings(settings.index, files.all),
            settings.cache_dir,
            require_sandbox=settings.require_sandbox,
            note=reporter.note,
        )
        settings = use_project_as_root(settings, project)
    profiles = (loader.find_profile(canonicalize_name(each.name), settings.profiles) for each in settings.roots)
    profile = next((each for each in profiles if each is not None), None)
    if profile is None and settings.providers:
        raise NoProfile(settings.root.name, loader.bundled_roots())
    task = Task(
        settings=settings,
        interpreter=interpreter,
        targets=targets,
        profile=profile,
        command=recorded_command,
        project=project,
        runtime=runtime,
        requirement_files=files,
        notes=(*files.notes, *notes),
    )
    # This reports unknown names before anything is fetched.
    planner.make_plan(profile, settings.providers, settings.features or None, smokes)
    return task


def _find_runtime(settings: Settings, targets: Iterable[Platform]) -> Runtime | None:
    """Return what ``--runtime`` names; raise ``UnknownRuntime``, ``RuntimeDiffers`` and ``InvalidOptions``."""
    if settings.runtime is None:
        return None
    runtime = runtimes.find_runtime(settings.runtime)
    for target in targets:
        version = f"{target.python_version.major}.{target.python_version.minor}"
        if version != runtime.python:
            raise RuntimeDiffers(runtime.name, runtime.python, target.name, version)
    roots = {canonicalize_name(each.name) for each in settings.roots}
    if owned := sorted(roots & runtime.distributions):
        raise InvalidOptions(
            [f"--runtime {runtime.name} has {owned[0]}, which the lock has to contain; omit one of them"]
        )
    return runtime


def _digest_runtime(runtime: Runtime) -> str:
    return hashlib.sha256("\n".join(sorted(runtime.distributions)).encode()).hexdigest()


def check_script_names(smokes: Iterable[Path], import_map: ImportMap) -> None:
    """Raise ``SmokeUnusable`` for a script that Python would import instead of a module of a distribution."""
    for smoke in smokes:
        owners = import_map.owners.get(smoke.stem) if regularfile.is_file(smoke) else None
        if owners:
            problem = f"Python would import it instead of the module of {owners[0]} with the same name; rename it"
            raise SmokeUnusable(str(smoke), problem)


def build_project(
    project: Path,
    interpreter: interpreters.Interpreter,
    settings: IndexSettings,
    cache_dir: Path,
    *,
    require_sandbox: bool,
    note: Callable[[str], object],
) -> Wheel:
    """Build a wheel of the *project* in a folder; raise ``ProjectBuildFailed`` and ``SandboxMissing``."""
    if not any((project / name).is_file() for name in ("pyproject.toml", "setup.py")):
        raise ProjectBuildFailed(project, ["the folder has neither a pyproject.toml nor a setup.py"])
    from minreq.index.client import IndexClient  # noqa: PLC0415 # Heavy, and seldom needed.
    from minreq.sdists.builder import SdistBuilder  # noqa: PLC0415
    from minreq.wheels.store import Store  # noqa: PLC0415

    with IndexClient(settings, cache_dir / "index") as index:
        store = Store(cache_dir / "wheels", index)
        builder = SdistBuilder(
            interpreter=interpreter,
            settings=settings,
            index=index,
            store=store,
            require_sandbox=require_sandbox,
            note=note,
        )
        return builder.build_project(project, cache_dir / "projects")


def use_project_as_root(settings: Settings, wheel: Wheel) -> Settings:
    """Return *settings* with the project of *wheel* as root, and the folder of *wheel* in ``find_links``."""
    root = Requirement(f"{wheel.name}=={wheel.version}")
    return replace(settings, root=root, index=with_find_links(settings.index, wheel))


def with_find_links(options: IndexOptions, wheel: Wheel) -> IndexOptions:
    """Return *options* with the folder of a built *wheel* in ``find_links``."""
    built = local_path(wheel.url)
    return replace(options, find_links=(*options.find_links, *([str(built.parent)] if built else [])))


def _locate_smokes(settings: Settings) -> list[Path | Command]:
    return [locate_smoke(smoke, Path(), has_tools=bool(settings.smoke_with)) for smoke in settings.smokes]


def locate_smoke(smoke: Path, folder: Path, *, has_tools: bool = False) -> Path | Command:
    """Return the absolute path of the script *smoke*, or the command line that *smoke* is.

    A command line runs in *folder*, or in the folder before its program. *has_tools*: the user named tools of the
    smoke, so a single word is a command and no misspelt script. Raises ``SmokeUnusable``.
    """
    if regularfile.is_file(folder / smoke):
        return (folder / smoke).absolute()
    if regularfile.is_folder(smoke):
        scripts = sorted(each.name for each in smoke.glob("*.py"))[:_MAX_SCRIPTS]
        examples = f", such as {', '.join(scripts)}" if scripts else ""
        raise SmokeUnusable(str(smoke), f"it is a folder; name a script in it{examples}")
    command = make_command(smoke, folder)
    nearest = _find_similar_script(smoke, command)
    is_word = _is_command_word(smoke)
    if (is_word and (has_tools or not nearest)) or (len(command.words) > 1 and not nearest):
        return command
    suggestion = f"; did you mean {smoke.with_name(nearest)}?" if nearest else ""
    if is_word:
        suggestion += f" If {smoke} is a command, name the project that has it with --smoke-with"
    raise SmokeUnusable(str(smoke), f"there is no such file{suggestion}")


def is_command(smoke: Path) -> bool:
    """Whether *smoke*, which is no file, is a command by its look: several words, or a word that names no script."""
    return len(str(smoke).split()) > 1 or _is_command_word(smoke)


def make_command(smoke: Path, folder: Path) -> Command:
    """Return the command line *smoke*, to be run in *folder*; raise ``SmokeUnusable`` if it cannot be split."""
    try:
        program, *arguments = shlex.split(str(smoke))
    except ValueError as error:
        raise SmokeUnusable(repr(str(smoke)), f"it is neither a file nor a command line: {error}") from error
    # A `pyproject.toml` in another folder makes command lines relative too: `../pytest -q`.
    path = Path(program)
    return Command(words=(path.name, *arguments), folder=(folder / path.parent).absolute())


def _is_command_word(smoke: Path) -> bool:
    """Whether *smoke* is one word that is no path of a script: ``mkcmd``, ``../mkcmd``."""
    *folders, name = smoke.parts or ("",)
    return len(name.split()) == 1 and not name.endswith(".py") and all(each == ".." for each in folders)


def _find_similar_script(smoke: Path, command: Command) -> str | None:
    """Return the name of the script that *smoke* may be a misspelling of.

    A command line resembles a script that it names (``checker check.py``), so it is a misspelling only of a script
    whose name has a space too.
    """
    is_line = len(command.words) > 1 and not command.words[0].endswith(".py")
    names = [each.name for each in smoke.parent.glob("*.py")] if regularfile.is_folder(smoke.parent) else []
    candidates = sorted(name for name in names if not is_line or " " in name)
    return next(iter(difflib.get_close_matches(smoke.name, candidates, n=1, cutoff=0.8 if is_line else 0.6)), None)


def read_index_settings(options: IndexOptions, files: Iterable[RequirementsFile] = ()) -> IndexSettings:
    """Join pip's configuration, *options* and the options in requirement *files*; the last ones win."""
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


def read_previous_lock(settings: Settings) -> Lock | None:
    """Read the existing lock; return ``None`` if there is none, or if its evidence cannot be read."""
    if settings.output == STDOUT or not settings.output.exists():
        return None
    file = evidence.evidence_path(settings.output)
    try:
        return evidence.load(regularfile.read_text(file), filename=file.name)
    except (OSError, UnicodeDecodeError, EvidenceUnreadable):
        return None  # A new lock does not depend on the evidence of the previous one.


def is_known_bad(profile: loader.Profile | None, candidate: Candidate) -> bool:
    """Whether *candidate* is a known-bad release of the *profile*."""
    return candidate.version in known_bad_releases(profile).get(candidate.name, frozenset())


def known_bad_releases(profile: loader.Profile | None) -> Mapping[NormalizedName, frozenset[Version]]:
    """Return the known-bad releases of the profile, by name."""
    releases: dict[NormalizedName, frozenset[Version]] = {}
    for each in profile.refused if profile else ():
        versions = frozenset(parse_version(specifier.version) for specifier in each.versions)
        releases[each.name] = releases.get(each.name, frozenset()) | versions
    return releases
