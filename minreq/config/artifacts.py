"""What the commands that look at trees, or make them, were told."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from minreq.config.levels import BYTECODE, LEVELS, Bytecode, Level
from minreq.config.options import Option, byte_count
from minreq.config.settings import DEFAULT_OUTPUT, IndexOptions, Settings, merged, settings
from minreq.errors import InvalidOptions


def slim(text: str) -> str:
    """Convert the name of a level."""
    return _one_of(text, LEVELS)


def bytecode(text: str) -> str:
    """Convert what becomes of compiled files."""
    return _one_of(text, BYTECODE)


def _one_of(text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise ValueError(f"{text!r} is none of {', '.join(known)}")
    return text


#: The flags of ``build`` that are keys of ``[tool.minreq.build]`` too.
BUILD_OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(name="slim", field="slim", convert=slim),
        Option(name="bytecode", field="bytecode", convert=bytecode),
        Option(name="keep", field="keep", many=True),
        Option(name="drop", field="drop", many=True),
        Option(name="smoke", field="smokes", convert=Path, many=True, path=True),
        Option(name="yes-traced", field="yes_traced", switch=True),
        Option(name="output", field="output", convert=Path, path=True),
        Option(name="prefix", field="prefix"),
        Option(name="layers", field="layers", switch=True),
        Option(name="max-zip", field="max_zip", convert=byte_count, toml=(int,)),
        Option(name="platform", field="platform"),
        Option(name="html", field="html", convert=Path, path=True),
        Option(name="reserve", field="reserve", convert=byte_count, toml=(int,)),
    )
}

#: What a build takes of ``[tool.minreq]``, beside the options of the index.
_SHARED = ("jobs", "timeout", "budget")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings:
    """Everything ``minreq analyze`` was told."""

    #: A folder, a virtual environment, a wheel or another zip.
    path: Path
    lock: Path | None = None
    #: Unpacked bytes that are allowed.
    budget: int | None = None
    #: What else counts against the budget: the function's own code, other layers.
    function_bytes: int = 0
    #: Where the page is written.
    html: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """Everything ``minreq build`` was told."""

    lock: Path = DEFAULT_OUTPUT
    #: A folder, or a zip where it ends so.
    output: Path
    slim: Level = "safe"
    bytecode: Bytecode = "add"
    #: Patterns of paths that stay whatever a rule says, and of such that go.
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    #: Scripts of the user that are run too; or, by their names, scripts of the lock that were moved.
    smokes: tuple[Path, ...] = ()
    yes_traced: bool = False
    #: Where a page about the build is written.
    html: Path | None = None
    #: Write a folder with a zip for what all functions need, and one for each provider.
    layers: bool = False
    #: Bytes that the archive of a layer may have.
    max_zip: int | None = None
    #: Which of the lock's platforms; ``None`` for the only one.
    platform: str | None = None
    #: Where in the output the packages lie; ``None``: ``python`` in a zip, at the top of a folder.
    prefix: str | None = None
    budget: int | None = None
    #: What else counts against the budget: the function itself, other layers.
    reserve: int = 0
    python: str | None = None
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: Seconds one run of the smoke may take.
    timeout: float = 300.0
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path

    @property
    def is_zip(self) -> bool:
        """Whether a zip is written."""
        return self.output.suffix == ".zip"


def build_settings(
    flags: Mapping[str, Any], config: Mapping[str, Any], build: Mapping[str, Any] | None = None
) -> BuildSettings:
    """Join *flags*, what *config* says of locks and what it says of builds, *build*; a flag wins.

    Raises ``InvalidOptions``.
    """
    index_fields = IndexOptions.__dataclass_fields__
    shared = {name: config[name] for name in (*index_fields, *_SHARED, "python") if name in config}
    defaults = {"lock": config["output"]} if "output" in config else {}
    index, values = merged(flags, {**defaults, **shared, **(build or {})})
    if "output" not in values:
        raise InvalidOptions(["nothing says where the build goes: name a folder or a file.zip with -o"])
    settings = BuildSettings(index=index, **values)
    if settings.layers and settings.is_zip:
        raise InvalidOptions(["--layers writes several archives: name a folder with -o"])
    if settings.max_zip is not None and not settings.layers and not settings.is_zip:
        raise InvalidOptions(["--max-zip is about archives, and a folder is none"])
    if settings.prefix is not None and not _is_inside(settings.prefix):
        raise InvalidOptions([f"--prefix {settings.prefix}: it has to be a folder in the output, such as python"])
    return settings


def _is_inside(prefix: str) -> bool:
    return bool(prefix) and not prefix.startswith("/") and ".." not in prefix.split("/") and "\\" not in prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsSettings:
    """Everything ``minreq versions`` was told."""

    root: Requirement = field(default_factory=lambda: Requirement("litellm"))
    #: How many releases.
    last: int = 10
    #: Names of presets; empty: the host. Sizes are those of the first.
    platforms: tuple[str, ...] = ()
    python: str | None = None
    #: Where the plot is written.
    plot: Path | None = None
    #: How each release is locked; ``None`` for not at all.
    trace: Settings | None = None
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path


def versions_settings(flags: Mapping[str, Any], config: Mapping[str, Any], *, trace: bool) -> VersionsSettings:
    """Join *flags* and *config*; a flag wins. With *trace* raises ``NothingToRun`` where no smoke is named."""
    index_fields = IndexOptions.__dataclass_fields__
    shared = {name: config[name] for name in (*index_fields, "root", "platforms", "python") if name in config}
    own = {"providers", "smokes", "jobs", "timeout"}
    traced = None
    if trace:
        # The platforms of the survey are not those of the locks, which run here.
        known = {name: value for name, value in config.items() if name not in {"platforms", "output"}}
        lock_flags = {name: flags[name] for name in (*own, *index_fields, "python", "cache_dir") if name in flags}
        traced = settings(lock_flags, known)
    index, values = merged({name: value for name, value in flags.items() if name not in own}, shared)
    return VersionsSettings(index=index, trace=traced, **values)
