"""What a command was told, as one frozen value, and the command line that says the same."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from minreq.config.options import OPTIONS, Option, Provided
from minreq.errors import InvalidOptions, NothingToRun

#: As ``output``: print the lock instead of writing it.
STDOUT = Path("-")

DEFAULT_OUTPUT = Path("requirements-minimal.txt")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexOptions:
    """pip's index options as given to minreq; what is ``None`` or empty is left to the configuration of pip."""

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool | None = None
    index_strategy: str = "first-index"
    #: Ask no index anything; not pip's.
    offline: bool = False
    cert: str | None = None
    client_cert: str | None = None
    trusted_hosts: tuple[str, ...] = ()
    #: Names, or ``:all:``.
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything ``minreq lock`` was told. Paths are relative to the working directory or absolute."""

    root: Requirement = field(default_factory=lambda: Requirement("litellm"))
    #: A folder whose project is the root instead: what it needs is minimized, itself it is not written.
    project: Path | None = None
    #: Other roots, minimized with it.
    also: tuple[Requirement, ...] = ()
    #: Folders with profiles beside those that come with minreq; a later one may extend an earlier one.
    profiles: tuple[Path, ...] = ()
    providers: tuple[str, ...] = ()
    #: Scripts, and command lines whose first word is a program: ``pytest -q tests/smoke``.
    smokes: tuple[Path, ...] = ()
    #: What smokes need beside the program: there in every run, never in the lock.
    smoke_with: tuple[Requirement, ...] = ()
    #: Files and folders of programs; what they use joins *providers*.
    scan: tuple[Path, ...] = ()
    #: Calls whose model cannot be known are no reason to stop.
    allow_unknown: bool = False
    #: Empty: all.
    features: tuple[str, ...] = ()
    #: Made available; kept only if needed.
    with_: tuple[Requirement, ...] = ()
    #: Kept with their closures, as are the requirements of *requirement_files*.
    whole: tuple[Requirement, ...] = ()
    requirement_files: tuple[Path, ...] = ()
    provided: tuple[Provided, ...] = ()
    include: tuple[NormalizedName, ...] = ()
    exclude: tuple[NormalizedName, ...] = ()
    #: May ship files that run at every start of Python.
    allow_pth: tuple[NormalizedName, ...] = ()
    constraints: tuple[Path, ...] = ()
    overrides: tuple[Requirement, ...] = ()
    #: A date or a duration, unread.
    exclude_newer: str | None = None
    smallest: bool = False
    settle: Literal["auto", "runs"] = "auto"
    #: Check the set once more without shortcuts, and record it.
    certify: bool = False
    #: Unpacked bytes the lock may install to.
    budget: int | None = None
    upgrade: bool = False
    upgrade_packages: tuple[NormalizedName, ...] = ()
    check: bool = False
    dry_run: bool = False
    #: ``STDOUT`` for standard output.
    output: Path = DEFAULT_OUTPUT
    hashes: bool = True
    annotate: bool = True
    #: Path or name of the interpreter; ``None``: the one minreq runs on.
    python: str | None = None
    #: Names of presets; empty: the host.
    platforms: tuple[str, ...] = ()
    allow_unproven: bool = False
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: Seconds one run of the smoke may take.
    timeout: float = 300.0
    #: Run nothing unless the kernel walls it off.
    require_sandbox: bool = False
    index: IndexOptions = IndexOptions()
    cache_dir: Path

    @property
    def roots(self) -> tuple[Requirement, ...]:
        """Everything that is minimized, as it was asked for."""
        return (self.root, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifySettings:
    """Everything ``minreq verify`` was told."""

    lock: Path
    #: A folder or zip that some other tool built from the lock; excludes *python*.
    path: Path | None = None
    #: The interpreter of an environment that some other tool built from the lock.
    python: str | None = None
    #: What a fresh environment is made for; ``None``: the interpreter minreq runs on.
    interpreter: str | None = None
    #: Where smoke scripts are now, for those that are not where the lock was made.
    smokes: tuple[Path, ...] = ()
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: Seconds one run of the smoke may take.
    timeout: float = 300.0
    #: Run nothing unless the kernel walls it off.
    require_sandbox: bool = False
    index: IndexOptions = IndexOptions()
    cache_dir: Path


_UNORDERED = frozenset({"allow_pth", "include", "exclude", "platforms"})
_INDEX_FIELDS = frozenset(each.name for each in fields(IndexOptions))


def settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config*, both by field and of the fields' types; a flag wins.

    Flags that were not given are ``None`` or empty. ``cache_dir`` is one of the flags. Raises ``NothingToRun``
    and ``InvalidOptions``.
    """
    index, values = merged(flags, config)
    # Their order says nothing, and so it shall not make another lock.
    for name in _UNORDERED & values.keys():
        values[name] = tuple(sorted({*values[name]}))
    joined = Settings(index=index, **values)
    if faults := list(_contradictions(joined)):
        raise InvalidOptions(faults)
    if not joined.providers and not joined.smokes and not joined.scan:
        raise NothingToRun
    return joined


def scan_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config* as ``settings`` does, for a scan alone: what would be run or written is no matter."""
    without = {"providers", "smokes", "features", "check", "allow_unknown", "platforms"}
    index, values = merged(flags, {name: value for name, value in config.items() if name not in without})
    return Settings(index=index, **{"scan": (Path(),), **values})


def providers_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> Settings:
    """Join *flags* and *config* as ``settings`` does, to measure providers: what a lock would write is no matter."""
    shared = {"root", "profiles", "python", "allow_pth", "exclude_newer", "constraints"}
    shared |= {"jobs", "timeout", "require_sandbox"}
    known = {name: value for name, value in config.items() if name in shared | _INDEX_FIELDS}
    index, values = merged(flags, known)
    return Settings(index=index, output=Path(STDOUT), **values)


def verify_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> VerifySettings:
    """Join *flags* and *config* as ``settings`` does; the lock is the configured output if no flag names one."""
    shared = {
        name: config[name]
        for name in (*_INDEX_FIELDS, "jobs", "timeout", "require_sandbox", "smokes")
        if name in config
    }
    defaults = {"lock": config.get("output", DEFAULT_OUTPUT), "interpreter": config.get("python")}
    index, values = merged(flags, {**defaults, **shared})
    if "path" in values and "python" in values:
        raise InvalidOptions(["--path and --python name two things to verify; one at a time"])
    return VerifySettings(index=index, **values)


def command(settings: Settings) -> str:
    """Return the command line that makes the same lock, without ``minreq``: ``lock --providers openai,bedrock``.

    It is written into the lock. So it says nothing of the machine (absolute paths, interpreter, jobs), of indexes,
    and of what is done once (``--upgrade``). What ``pyproject.toml`` says it says too, so that a change is seen.
    """
    words = ["lock"]
    if settings.root != Settings(cache_dir=settings.cache_dir).root:
        words.append(str(settings.root))
    for option in OPTIONS.values():
        if option.recorded and option.name != "root":
            words += _words(option, _value(settings, option), _value(Settings(cache_dir=settings.cache_dir), option))
    return shlex.join(words)


def read_command(text: str) -> Mapping[str, Any]:
    """Return by field what the command line that `command` wrote says; raises ``ValueError`` for any other."""
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


def merged(flags: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[IndexOptions, dict[str, Any]]:
    """Return the index options, and the other values; a flag wins."""
    values = {**config, **{name: value for name, value in flags.items() if value is not None and value != ()}}
    index = {name: values.pop(name) for name in _INDEX_FIELDS & values.keys()}
    return IndexOptions(**index), values


def _value(settings: Settings, option: Option) -> Any:
    return getattr(settings.index if option.field in _INDEX_FIELDS else settings, option.field)


def _words(option: Option, value: Any, default: Any) -> list[str]:
    if value == default:
        return []
    if option.switch:
        return [f"--{option.name}" if value else f"--no-{option.name}"]
    values = [_spelled(each) for each in (value if option.many else (value,))]
    if option.commas:
        values = [",".join(values)]
    return [word for each in values for word in (f"--{option.name}", each)]


def _spelled(value: Any) -> str:
    """An absolute path is a matter of one machine; its last part says enough."""
    if isinstance(value, Path | str) and Path(value).is_absolute():
        return Path(value).name
    return value.as_posix() if isinstance(value, Path) else str(value)


def _contradictions(settings: Settings) -> Iterator[str]:
    for name in sorted({*settings.include} & {*settings.exclude}):
        yield f"{name} stands in both --include and --exclude"
    for root in (canonicalize_name(each.name) for each in settings.roots):
        if root in settings.exclude:
            yield f"--exclude {root}: the root itself cannot be left out"
        if root in {each.name for each in settings.provided}:
            yield f"--provided {root}: the root itself is what the lock is for"
    if settings.project is not None and settings.root != Settings(cache_dir=settings.cache_dir).root:
        yield f"--project {settings.project} and the root {settings.root}: one of them at a time; use --also"
    if settings.check and settings.output == STDOUT:
        yield "--check needs a lock on disk, and --output - names none"
    if settings.features and not settings.providers and not settings.scan:
        yield "--features narrows the smokes of --providers, and none is named"
    if settings.allow_unknown and not settings.scan:
        yield "--allow-unknown is about what --scan finds, and no path is named"
