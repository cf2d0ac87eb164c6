"""The settings of ``minreq lock`` and ``verify``, and the command line that makes the same lock."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.config.levels import LockBytecode
from minreq.config.options import DEFAULT_ROOT, OPTIONS, Option, Provided
from minreq.errors import InvalidOptions, NothingToRun

#: The value of ``output`` that prints the lock instead of writing it.
STDOUT = Path("-")

DEFAULT_OUTPUT = Path("requirements-minimal.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """The index options on the command line. For ``None`` and empty values the configuration of pip applies."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool | None = None
    index_strategy: str = "first-index"
    #: Use only the cache; pip has no such option.
    offline: bool = False
    cert: str | None = None
    client_cert: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    #: Names, or ``:all:``.
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of ``minreq lock``. Paths are relative to the working directory or absolute."""

    root: Requirement = field(default_factory=lambda: Requirement(DEFAULT_ROOT))
    #: The folder of a project that is the root: the lock has its dependencies, not the project.
    project: Path | None = None
    #: Other roots in the same lock.
    also: tuple[Requirement, ...] = ()
    #: Folders with profiles, in addition to those of minreq; a later one may extend an earlier one.
    profiles: tuple[Path, ...] = ()
    providers: tuple[str, ...] = ()
    #: Scripts, and command lines whose first word is a program: ``pytest -q tests/smoke``.
    smokes: tuple[Path, ...] = ()
    #: Files and folders that are copied into the working directory of the scripts, under the same relative paths.
    smoke_files: tuple[Path, ...] = ()
    #: Tools of the smoke: installed in every run, never in the lock.
    smoke_with: tuple[Requirement, ...] = ()
    #: Files and folders to scan; the providers that they use join *providers*.
    scan: tuple[Path, ...] = ()
    #: Accept calls whose model is not in the code.
    allow_unknown: bool = False
    #: Empty: all.
    features: tuple[str, ...] = ()
    #: ``minreq providers``: measure each feature that does not run by default, too.
    by_feature: bool = False
    #: Added to the closure; kept only if needed.
    with_: tuple[Requirement, ...] = ()
    #: Kept with their dependencies, as are the requirements of *requirement_files*.
    whole: tuple[Requirement, ...] = ()
    #: Paths or URLs.
    requirement_files: tuple[Path | str, ...] = ()
    provided: tuple[Provided, ...] = ()
    #: The name of a managed runtime: what it has is provided, too.
    runtime: str | None = None
    include: tuple[NormalizedName, ...] = ()
    exclude: tuple[NormalizedName, ...] = ()
    #: Distributions that may have ``.pth`` files, which run at every start of Python.
    allow_pth: tuple[NormalizedName, ...] = ()
    constraints: tuple[Path | str, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    #: A date or a duration, not parsed yet.
    exclude_newer: str | None = None
    smallest: bool = False
    #: Keep what a machine needs that lacks files of this one. ``None``: for other platforms than the host.
    portable: bool | None = None
    settle: Literal["auto", "runs"] = "auto"
    #: Test the set again by separate runs, and record the results.
    certify: bool = False
    #: The most unpacked bytes that the lock may install, with compiled files unless *bytecode* is none.
    budget: int | None = None
    #: Whether the installer of the lock compiles, as pip does.
    bytecode: LockBytecode = "add"
    upgrade: bool = False
    upgrade_packages: tuple[NormalizedName, ...] = ()
    check: bool = False
    dry_run: bool = False
    #: ``STDOUT``: print the lock.
    output: Path = DEFAULT_OUTPUT
    hashes: bool = True
    annotate: bool = True
    #: Path or name of the interpreter; ``None``: the one that runs minreq.
    python: str | None = None
    #: Names of presets; empty: the host.
    platforms: tuple[str, ...] = ()
    allow_unproven: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: The most seconds of one run of the smoke.
    timeout: float = 300.0
    #: Run nothing unless the kernel isolates it.
    require_sandbox: bool = False
    index: IndexOptions = IndexOptions()
    cache_dir: Path

    @property
    def roots(self) -> tuple[Requirement, ...]:
        """All roots, as they were requested."""
        return (self.root, *self.also)

    @property
    def compiles(self) -> bool:
        """Whether the installer of the lock writes compiled files."""
        return self.bytecode != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """The settings of ``minreq verify``."""

    lock: Path
    #: A folder or zip that another tool built from the lock; not together with *python*.
    path: Path | None = None
    #: The interpreter of an environment that another tool made from the lock.
    python: str | None = None
    #: The interpreter of a new environment; ``None``: the one that runs minreq.
    interpreter: str | None = None
    #: A command line to run with all declared distributions, and on the lock: ``pytest -q tests``.
    against_full: str | None = None
    #: Tools of that command; empty: those of the smoke of the lock.
    smoke_with: tuple[Requirement, ...] = ()
    #: The new places of smoke scripts that were moved.
    smokes: tuple[Path, ...] = ()
    #: The new places of files of the smoke that were moved.
    smoke_files: tuple[Path, ...] = ()
    #: Whether the caller named new places: those of the configuration may belong to another lock.
    names_places: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: The most seconds of one run of the smoke.
    timeout: float = 300.0
    #: Run nothing unless the kernel isolates it.
    require_sandbox: bool = False
    index: IndexOptions = IndexOptions()
    cache_dir: Path


_UNORDERED = frozenset({"allow_pth", "include", "exclude", "platforms"})
INDEX_FIELDS = frozenset(each.name for each in fields(IndexOptions))


def lock_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config*, both by field and with the types of the fields. A flag wins.

    Flags that are not set are ``None`` or empty. ``cache_dir`` is one of the flags. Raises ``NothingToRun`` and
    ``InvalidOptions``.
    """
    index, values = merge(flags, config)
    # Their order has no meaning, so it must not change the lock.
    for name in _UNORDERED & values.keys():
        values[name] = tuple(sorted({*values[name]}))
    joined = Settings(index=index, **values)
    if faults := list(_contradictions(joined)):
        raise InvalidOptions(faults)
    if not joined.providers and not joined.smokes and not joined.scan:
        raise NothingToRun
    return joined


def relock_settings(
    flags: Mapping[str, Any], config: Mapping[str, Any], read_recorded: Callable[[Path], Mapping[str, Any]]
) -> tuple[Settings, bool]:
    """Join as ``lock_settings`` does; if no smoke is named, use the options that made the lock on disk.

    *read_recorded* returns these options, with the root, or nothing if there is no lock. They are not used for another
    root. Returns whether they were used.
    """
    _, values = merge(flags, config)
    output = values.get("output", DEFAULT_OUTPUT)
    if output == STDOUT or any(values.get(name) for name in ("providers", "smokes", "scan")):
        return lock_settings(flags, config), False
    recorded = read_recorded(output)
    if not recorded:
        return lock_settings(flags, config), False
    if not _is_same_root(values, recorded):
        try:
            return lock_settings(flags, config), False
        except NothingToRun:
            root = f"the project in {recorded['project']}" if "project" in recorded else str(recorded["root"])
            raise NothingToRun(str(output), root) from None
    return lock_settings(flags, {**recorded, **config, "output": output}), True


def _is_same_root(values: Mapping[str, Any], recorded: Mapping[str, Any]) -> bool:
    """Whether *values* name no root, or the one of *recorded*, perhaps in another version."""
    project, root = values.get("project"), values.get("root")
    if "project" in recorded or project is not None:
        return root is None and project in (None, recorded.get("project"))
    return root is None or canonicalize_name(root.name) == canonicalize_name(recorded["root"].name)


def scan_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config* as ``lock_settings`` does, for a scan. A scan ignores what a lock runs and writes."""
    without = {"providers", "smokes", "smoke_files", "features", "check", "allow_unknown", "platforms", "runtime"}
    index, values = merge(flags, {name: value for name, value in config.items() if name not in without})
    return Settings(index=index, **{"scan": (Path(),), **values})


def providers_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config* as ``lock_settings`` does, to measure providers, which writes no lock."""
    shared = {"root", "profiles", "python", "allow_pth", "exclude_newer", "constraints"}
    shared |= {"jobs", "timeout", "require_sandbox"}
    shared_config = {name: value for name, value in config.items() if name in shared | INDEX_FIELDS}
    index, values = merge(flags, shared_config)
    return Settings(index=index, output=Path(STDOUT), **values)


def verify_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> VerifySettings:
    """Join *flags* and *config* as ``lock_settings`` does. The default of the lock is the configured output."""
    shared = {
        name: config[name]
        for name in (*INDEX_FIELDS, "jobs", "timeout", "require_sandbox", "smokes", "smoke_files", "smoke_with")
        if name in config
    }
    defaults = {"lock": config.get("output", DEFAULT_OUTPUT), "interpreter": config.get("python")}
    index, values = merge(flags, {**defaults, **shared})
    if "path" in values and "python" in values:
        raise InvalidOptions(["--path and --python name two things to verify; give one"])
    if flags.get("smoke_with") and "against_full" not in values:
        raise InvalidOptions(["--smoke-with names tools for the command of --against-full; name the command too"])
    if "against_full" in values and not values["against_full"].strip():
        raise InvalidOptions(["--against-full needs a command line, such as 'pytest -q tests'"])
    named = bool(flags.get("smokes") or flags.get("smoke_files"))
    return VerifySettings(index=index, names_places=named, **values)


def format_command(settings: Settings) -> str:
    """Return the command line that makes the same lock, without ``minreq``: ``lock --providers openai,bedrock``.

    The lock contains this command. So it has no facts of the machine (absolute paths, interpreter, jobs), no indexes,
    and no actions that happen once (``--upgrade``). It includes the values of ``pyproject.toml``: a change of them
    makes the lock stale.
    """
    words = ["lock"]
    if settings.root != Settings(cache_dir=settings.cache_dir).root:
        words.append(str(settings.root))
    for option in OPTIONS.values():
        if option.recorded and option.name != "root":
            words += _words(option, _value(settings, option), _value(Settings(cache_dir=settings.cache_dir), option))
    return shlex.join(words)


def parse_command(text: str) -> Mapping[str, Any]:
    """Return the values of a command line that `format_command` made, by field; else raise ``ValueError``."""
    values: dict[str, Any] = {}
    words = iter(shlex.split(text)[1:])
    for word in words:
        if not word.startswith("--"):
            values["root"] = OPTIONS["root"].convert(word)
            continue
        name = word.removeprefix("--")
        option = OPTIONS.get(name) or OPTIONS.get(name.removeprefix("no-"))
        if option is None:
            raise ValueError(f"{word} is no option of lock")
        if option.switch:
            values[option.field] = option.name == name
            continue
        value = next(words, None)
        if value is None:
            raise ValueError(f"{word} has no value")
        converted = tuple(map(option.convert, value.split(",") if option.commas else [value]))
        values[option.field] = (*values.get(option.field, ()), *converted) if option.many else converted[0]
    return values


def merge(flags: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[IndexOptions, dict[str, Any]]:
    """Return the index options, and the other values. A flag wins."""
    values = {**config, **{name: value for name, value in flags.items() if value is not None and value != ()}}
    index = {name: values.pop(name) for name in INDEX_FIELDS & values.keys()}
    return IndexOptions(**index), values


def _value(settings: Settings, option: Option) -> Any:
    return getattr(settings.index if option.field in INDEX_FIELDS else settings, option.field)


def _words(option: Option, value: Any, default: Any) -> list[str]:
    if value == default:
        return []
    if option.switch:
        return [f"--{option.name}" if value else f"--no-{option.name}"]
    values = [_format_value(each) for each in (value if option.many else (value,))]
    if option.commas:
        values = [",".join(values)]
    return [word for each in values for word in (f"--{option.name}", each)]


def _format_value(value: Any) -> str:
    """Return the text of *value*: of an absolute path only the name, of a URL everything but credentials.

    The folder is that of one machine.
    """
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        try:
            url = urlsplit(value)
        except ValueError:
            # No option takes it, and the error of that option names it.
            return value.rpartition("@")[2]
        return urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))
    if isinstance(value, Path | str) and Path(value).is_absolute():
        return Path(value).name
    return value.as_posix() if isinstance(value, Path) else str(value)


def _contradictions(settings: Settings) -> Iterator[str]:
    for name in sorted({*settings.include} & {*settings.exclude}):
        yield f"{name} is in both --include and --exclude"
    for root in (canonicalize_name(each.name) for each in settings.roots):
        if root in settings.exclude:
            yield f"--exclude {root}: the root cannot be left out"
        if root in {each.name for each in settings.provided}:
            yield f"--provided {root}: the lock has to contain the root"
    if settings.project is not None and not settings.project.is_dir():
        yield f"there is no folder {settings.project if settings.project.is_absolute() else f'./{settings.project}'}"
    if settings.project is not None and settings.root != Settings(cache_dir=settings.cache_dir).root:
        yield f"--project {settings.project} and the root {settings.root}: give one as root, and the other with --also"
    if settings.check and settings.output == STDOUT:
        yield "--check needs a lock on disk, but --output is -"
    if settings.features and not settings.providers and not settings.scan:
        yield "--features selects stages of --providers, but no provider is named"
    if settings.allow_unknown and not settings.scan:
        yield "--allow-unknown needs --scan, but no path is named"
