"""The settings of ``minreq analyze``, ``build`` and ``versions``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from minreq.config.levels import BYTECODE, LEVELS, PROVEN_MODULES, Bytecode, Level, ProvenModules, choose_from
from minreq.config.options import DEFAULT_ROOT, Option, parse_byte_count, parse_milliseconds
from minreq.config.settings import DEFAULT_OUTPUT, INDEX_FIELDS, STDOUT, IndexOptions, Settings, lock_settings, merge
from minreq.errors import InvalidOptions

#: The flags of ``build`` that are also keys of ``[tool.minreq.build]``.
BUILD_OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(name="slim", example='"unused"', field="slim", convert=choose_from(LEVELS)),
        Option(name="bytecode", example='"none"', field="bytecode", convert=choose_from(BYTECODE)),
        Option(name="keep", example='["litellm/llms/azure/*"]', field="keep", many=True),
        Option(name="drop", example='["*/tests/*"]', field="drop", many=True),
        Option(name="keep-service", example='["s3", "dynamodb"]', field="keep_services", many=True),
        Option(name="hot", example='["production.log"]', field="hot", convert=Path, many=True, path=True),
        Option(name="lazy", example="true", field="lazy", switch=True),
        Option(name="lazy-bound", example='"0.2ms"', field="lazy_bound", convert=parse_milliseconds),
        Option(name="lazy-diff", example='"lazy.diff"', field="lazy_diff", convert=Path, path=True),
        Option(name="prove-modules", example='"cold"', field="prove_modules", convert=choose_from(PROVEN_MODULES)),
        Option(name="scan", example='["src"]', field="scan", convert=Path, many=True, path=True),
        Option(name="smoke", example='["smoke.py"]', field="smokes", convert=Path, many=True, path=True),
        Option(name="smoke-file", example='["fixtures"]', field="smoke_files", convert=Path, many=True, path=True),
        Option(name="yes-traced", example="true", field="yes_traced", switch=True),
        Option(name="output", example='"layer.zip"', field="output", convert=Path, path=True),
        Option(name="prefix", example='"python"', field="prefix"),
        Option(name="layers", example="true", field="layers", switch=True),
        Option(name="max-zip", example='"50MiB"', field="max_zip", convert=parse_byte_count, toml=(int, str)),
        Option(name="platform", example='"lambda-python3.12-x86_64"', field="platform"),
        Option(name="html", example='"build.html"', field="html", convert=Path, path=True),
        Option(name="sbom", example='"layer.cdx.json"', field="sbom", convert=Path, path=True),
        Option(name="budget", example='"250MiB"', field="budget", convert=parse_byte_count, toml=(int, str)),
        Option(name="reserve", example='"5MB"', field="reserve", convert=parse_byte_count, toml=(int, str)),
    )
}

#: Seconds.
DEFAULT_LAZY_BOUND = 0.0002

#: The keys of ``[tool.minreq]`` that a build uses, in addition to the options of the index.
_SHARED = ("scan", "jobs", "timeout", "require_sandbox", "budget", "bytecode")


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyzeSettings:
    """The settings of ``minreq analyze``."""

    #: A folder, a virtual environment, a wheel or another zip.
    path: Path
    lock: Path | None = None
    #: The most unpacked bytes.
    budget: int | None = None
    #: Bytes of the function and other layers; they count against the budget.
    reserve: int = 0
    #: The file of the HTML page.
    html: Path | None = None
    #: Run the imports of the program, and measure them.
    imports: bool = False
    #: What is imported; empty: what the first stage of the lock imports.
    modules: tuple[str, ...] = ()
    #: The interpreter that imports; ``None``: that of the virtual environment, else the one that runs minreq.
    python: str | None = None
    #: Run nothing unless the kernel isolates it.
    require_sandbox: bool = False


def analyze_settings(values: Mapping[str, Any]) -> AnalyzeSettings:
    """Return the settings of *values*. Raises ``InvalidOptions``."""
    settings = AnalyzeSettings(**{name: value for name, value in values.items() if value is not None})
    faults = [
        f"--module {name}: this is no name of a module"
        for name in settings.modules
        if not all(part.isidentifier() for part in name.split("."))
    ]
    if not settings.imports and (settings.modules or settings.python or settings.require_sandbox):
        faults.append("--module, --python and --require-sandbox are for --imports; add --imports")
    if faults:
        raise InvalidOptions(faults)
    return settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """The settings of ``minreq build``."""

    lock: Path = DEFAULT_OUTPUT
    #: A folder, or a zip if the name ends with ``.zip``.
    output: Path
    slim: Level = "safe"
    bytecode: Bytecode = "add"
    #: Patterns of paths to keep at every level, and of paths to leave out.
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    #: AWS services whose data stays: ``s3``.
    keep_services: tuple[str, ...] = ()
    #: Logs of functions on earlier builds: the cold files that they name are not cold in this one.
    hot: tuple[Path, ...] = ()
    #: Defer imports that nothing uses yet, in the tree.
    lazy: bool = False
    #: Seconds that a deferred import has to save.
    lazy_bound: float = DEFAULT_LAZY_BOUND
    #: The file of the difference that deferred imports make to the sources.
    lazy_diff: Path | None = None
    #: With ``--slim cold`` and ``--lazy``: the modules that the proof imports on the whole lock and on the tree.
    prove_modules: ProvenModules = "all"
    #: Code whose AWS clients keep the data of their services.
    scan: tuple[Path, ...] = ()
    #: Additional scripts of the user, or the new places of scripts of the lock, which have the same file names.
    smokes: tuple[Path, ...] = ()
    #: Additional files of the smoke, or the new places of files of the lock.
    smoke_files: tuple[Path, ...] = ()
    yes_traced: bool = False
    #: The file of the HTML page.
    html: Path | None = None
    #: The file of the bill of materials.
    sbom: Path | None = None
    #: Write a folder with one zip for all functions and one for each provider.
    layers: bool = False
    #: The most bytes of an archive.
    max_zip: int | None = None
    #: The platform of the lock to build for; ``None``: its only one.
    platform: str | None = None
    #: The folder of the packages in the output; ``None``: ``python`` in a zip, the top of a folder.
    prefix: str | None = None
    budget: int | None = None
    #: Bytes of the function and other layers; they count against the budget.
    reserve: int = 0
    python: str | None = None
    jobs: int = field(default_factory=lambda: os.cpu_count() or 1)
    #: The most seconds of one run of the smoke.
    timeout: float = 300.0
    #: Run nothing unless the kernel isolates it.
    require_sandbox: bool = False
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path

    @property
    def is_zip(self) -> bool:
        """Whether the output is a zip."""
        return self.output.suffix == ".zip"


def build_settings(
    flags: Mapping[str, Any], config: Mapping[str, Any], build: Mapping[str, Any] | None = None
) -> BuildSettings:
    """Join *flags*, the values *config* for locks and the values *build* for builds. A flag wins.

    Raises ``InvalidOptions``.
    """
    shared = {name: config[name] for name in (*INDEX_FIELDS, *_SHARED, "python") if name in config}
    defaults = {"lock": config["output"]} if "output" in config else {}
    index, values = merge(flags, {**defaults, **shared, **(build or {})})
    if "output" not in values:
        raise InvalidOptions(["name the output of the build with -o: a folder or FILE.zip"])
    settings = BuildSettings(index=index, **values)
    if settings.output == STDOUT:
        raise InvalidOptions(["--output -: a build is a folder or a zip, and cannot be printed; name FILE.zip or DIR"])
    if settings.sbom == STDOUT:
        raise InvalidOptions(["--sbom -: a build prints its result; name a file"])
    if settings.lazy_diff == STDOUT:
        raise InvalidOptions(["--lazy-diff -: the changes cannot be printed; name a file"])
    if not settings.lazy and (settings.lazy_diff or settings.lazy_bound != DEFAULT_LAZY_BOUND):
        raise InvalidOptions(["--lazy-bound and --lazy-diff are for --lazy; add --lazy"])
    if settings.lazy and settings.bytecode == "only":
        raise InvalidOptions(["--lazy changes sources, and with --bytecode only there are none; use --bytecode add"])
    if settings.layers and settings.is_zip:
        raise InvalidOptions(["--layers writes several archives; name a folder with -o"])
    if settings.max_zip is not None and not settings.layers and not settings.is_zip:
        raise InvalidOptions(["--max-zip limits archives, but the output is a folder"])
    if settings.prefix is not None and not _is_inside(settings.prefix):
        raise InvalidOptions([f"--prefix {settings.prefix}: must be a folder in the output, such as python"])
    return settings


def _is_inside(prefix: str) -> bool:
    return bool(prefix) and not prefix.startswith("/") and ".." not in prefix.split("/") and "\\" not in prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsSettings:
    """The settings of ``minreq versions``."""

    root: Requirement = field(default_factory=lambda: Requirement(DEFAULT_ROOT))
    #: The number of releases.
    last: int = 10
    #: Names of presets; empty: the host. The sizes are of the first one.
    platforms: tuple[str, ...] = ()
    python: str | None = None
    #: The file of the chart.
    plot: Path | None = None
    #: The settings of the lock of each release; ``None``: make no locks.
    trace: Settings | None = None
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path


def versions_settings(flags: Mapping[str, Any], config: Mapping[str, Any], *, trace: bool) -> VersionsSettings:
    """Join *flags* and *config*; a flag wins. With *trace* raises ``NothingToRun`` where no smoke is named."""
    shared = {name: config[name] for name in (*INDEX_FIELDS, "root", "platforms", "python") if name in config}
    own = {"providers", "smokes", "smoke_files", "jobs", "timeout", "require_sandbox"}
    traced = None
    if trace:
        # The locks run on the host, so they do not get the platforms of the releases.
        lock_config = {name: value for name, value in config.items() if name not in {"platforms", "output"}}
        lock_flags = {name: flags[name] for name in (*own, *INDEX_FIELDS, "python", "cache_dir") if name in flags}
        traced = lock_settings(lock_flags, lock_config)
    index, values = merge({name: value for name, value in flags.items() if name not in own}, shared)
    return VersionsSettings(index=index, trace=traced, **values)
