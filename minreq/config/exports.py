"""The settings of ``minreq export``, ``sync`` and ``check``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from minreq.config.settings import DEFAULT_OUTPUT, INDEX_FIELDS, STDOUT, IndexOptions, merge
from minreq.errors import InvalidOptions

Format = Literal["pylock", "uv", "uv-excludes", "pdm", "pex", "dockerfile", "cyclonedx", "vex", "openvex", "wheelhouse"]

#: The formats and their default file names; ``{stem}`` is the stem of the lock.
FORMATS: Mapping[Format, str] = {
    "pylock": "pylock.minimal.toml",
    "uv": "uv-minimal.toml",
    "uv-excludes": "{stem}.excludes.txt",
    "pdm": "pdm-minimal.toml",
    "pex": "{stem}.pex.txt",
    "dockerfile": "{stem}.Dockerfile",
    "cyclonedx": "{stem}.cdx.json",
    "vex": "{stem}.vex.cdx.json",
    "openvex": "{stem}.openvex.json",
    "wheelhouse": "wheelhouse",
}
#: The formats that say which vulnerabilities do not affect a lock.
VEX_FORMATS: frozenset[Format] = frozenset({"vex", "openvex"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """The settings of ``minreq export``."""

    lock: Path
    format: Format
    output: Path
    #: Files of known vulnerabilities, for the formats of VEX.
    advisories: tuple[Path, ...] = ()
    #: A folder or zip that `minreq build` made of the lock, for these formats.
    build: Path | None = None
    #: The interpreter that builds source distributions; ``None``: the one that runs minreq.
    interpreter: str | None = None
    #: Build nothing unless the kernel isolates it.
    require_sandbox: bool = False
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSettings:
    """The settings of ``minreq sync`` and ``minreq check``."""

    lock: Path
    #: The interpreter of the environment, or its folder; ``check`` also takes a folder of packages or a zip.
    environment: str
    dry_run: bool = False
    #: Build nothing unless the kernel isolates it.
    require_sandbox: bool = False
    index: IndexOptions = field(default_factory=IndexOptions)
    cache_dir: Path


def export_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> ExportSettings:
    """Join *flags* and *config*, both by field; a flag wins. Raises ``InvalidOptions``."""
    index, values = merge(flags, {**_shared(config), "interpreter": config.get("python")})
    settings = ExportSettings(index=index, **{"output": default_output(values["format"], values["lock"]), **values})
    if settings.format == "wheelhouse" and settings.output == STDOUT:
        raise InvalidOptions(["a wheelhouse is a folder and cannot go to standard output; name it with -o"])
    if settings.format in VEX_FORMATS and not settings.advisories:
        raise InvalidOptions([f"--format {settings.format} needs --advisories, a file of known vulnerabilities"])
    if settings.format not in VEX_FORMATS and (settings.advisories or settings.build is not None):
        raise InvalidOptions(["--advisories and --build are for --format vex and --format openvex"])
    return settings


def default_output(form: Format, lock: Path) -> Path:
    """Return where an export of *lock* is written by default: beside it."""
    return lock.parent / FORMATS[form].format(stem=lock.stem)


def environment_settings(flags: Mapping[str, Any], config: Mapping[str, Any]) -> EnvironmentSettings:
    """Join *flags* and *config*, both by field; a flag wins."""
    index, values = merge(flags, _shared(config))
    return EnvironmentSettings(index=index, **values)


def _shared(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all these commands use of *config*."""
    names = (*INDEX_FIELDS, "require_sandbox")
    return {"lock": config.get("output", DEFAULT_OUTPUT), **{name: config[name] for name in names if name in config}}
