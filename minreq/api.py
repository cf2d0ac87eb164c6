"""The commands as functions for other programs. They return values and raise ``MinreqError``.

::

    from minreq import api

    lock = api.lock("litellm", providers=["openai"], output=Path("requirements-minimal.txt"))
    sum(kept.bytes for kept in lock.selection.kept)

The functions print nothing. They read the configuration of pip, and not `pyproject.toml`, which is for the command
line. The values are those of ``minreq.model``. The errors are those of ``minreq.errors``, with the exit status that a
command would have.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from minreq import environment as environments, export as exporting
from minreq.analyze import analyze as analyzing
from minreq.analyze.analyze import Analysis
from minreq.build import build as building
from minreq.build.build import BuildResult as Built
from minreq.config import STDOUT, Settings
from minreq.config.artifacts import AnalyzeSettings, build_settings
from minreq.config.exports import EnvironmentSettings, Format, export_settings
from minreq.config.levels import Level
from minreq.config.paths import cache_dir
from minreq.config.settings import DEFAULT_OUTPUT, lock_settings, verify_settings
from minreq.environment import EnvironmentStatus
from minreq.errors import MinreqError
from minreq.export import ExportResult as Exported
from minreq.lock import lock as locking
from minreq.lockfile import difference, reading
from minreq.lockfile.difference import LockDifference
from minreq.lockfile.requirements import render
from minreq.model import Lock
from minreq.reporting import Reporter
from minreq.verify import verify as verifying

__all__ = [
    "STDOUT",
    "Analysis",
    "Built",
    "EnvironmentStatus",
    "Exported",
    "Lock",
    "LockDifference",
    "MinreqError",
    "Reporter",
    "Settings",
    "Standing",
    "analyze",
    "build",
    "check",
    "diff",
    "export",
    "lock",
    "read",
    "render",
    "sync",
    "verify",
]

#: The former name of `EnvironmentStatus`.
Standing = EnvironmentStatus


def lock(
    root: str | Requirement = "litellm",
    *,
    providers: Iterable[str] = (),
    features: Iterable[str] = (),
    smokes: Iterable[Path] = (),
    smoke_files: Iterable[Path] = (),
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    requirement_files: Iterable[Path | str] = (),
    platforms: Iterable[str] = (),
    allow_unproven: bool = False,
    python: str | None = None,
    output: Path = DEFAULT_OUTPUT,
    upgrade: bool = False,
    dry_run: bool = False,
    reporter: Reporter | None = None,
    **others: Any,
) -> Lock:
    """Make the smallest lock of *root* with which the smoke passes, prove it, write it, and return it.

    *others* are other fields of ``minreq.config.Settings``, with their types. Raises every branch of ``MinreqError``.
    """
    fields = {
        "root": root if isinstance(root, Requirement) else Requirement(root),
        "providers": tuple(providers),
        "features": tuple(features),
        "smokes": tuple(smokes),
        "smoke_files": tuple(smoke_files),
        "include": tuple(map(canonicalize_name, include)),
        "exclude": tuple(map(canonicalize_name, exclude)),
        "requirement_files": tuple(requirement_files),
        "platforms": tuple(platforms),
        "allow_unproven": allow_unproven,
        "python": python,
        "output": output,
        "upgrade": upgrade,
        "dry_run": dry_run,
        "cache_dir": cache_dir(),
        **others,
    }
    return locking.lock(lock_settings(fields, {}), reporter or Reporter())


def read(path: Path = DEFAULT_OUTPUT) -> Lock:
    """Return the lock on disk; raise ``LockEdited`` if the file installs something that was not proven."""
    return exporting.read_proven_lock(path)


def verify(path: Path = DEFAULT_OUTPUT, *, reporter: Reporter | None = None, **others: Any) -> Lock:
    """Run the smoke of the lock on disk again, compare, and return the lock.

    *others* are fields of ``minreq.config.VerifySettings``.
    """
    settings = verify_settings({"lock": path, "cache_dir": cache_dir(), **others}, {})
    return verifying.verify(settings, reporter or Reporter())


def diff(old: Path, new: Path) -> LockDifference:
    """Return the differences between two locks on disk."""
    return difference.compare_locks(reading.read_evidence(old), reading.read_evidence(new))


def export(form: Format, path: Path = DEFAULT_OUTPUT, *, output: Path | None = None) -> Exported:
    """Write the lock on disk as ``pylock``, ``uv``, ``uv-excludes`` or ``wheelhouse``."""
    settings = export_settings({"lock": path, "format": form, "output": output, "cache_dir": cache_dir()}, {})
    return exporting.export(settings, Reporter())


def sync(environment: str, path: Path = DEFAULT_OUTPUT) -> EnvironmentStatus:
    """Install exactly the lock on disk into the environment of an interpreter."""
    return environments.sync(EnvironmentSettings(lock=path, environment=environment, cache_dir=cache_dir()), Reporter())


def check(environment: str, path: Path = DEFAULT_OUTPUT) -> EnvironmentStatus:
    """Compare an environment with the lock on disk; raise ``EnvironmentDiffers``."""
    return environments.check(EnvironmentSettings(lock=path, environment=environment, cache_dir=cache_dir()))


def analyze(path: Path, *, lock: Path | None = None) -> Analysis:
    """Return the contents of a folder, virtual environment, wheel or zip, and what *lock* would save."""
    return analyzing.analyze(AnalyzeSettings(path=path, lock=lock))


def build(
    output: Path,
    path: Path = DEFAULT_OUTPUT,
    *,
    slim: Level = "safe",
    budget: int | None = None,
    reporter: Reporter | None = None,
    **others: Any,
) -> Built:
    """Build a tree from the lock on disk, prove it by the smoke, write it to a folder or a zip, and return the result.

    *others* are other fields of ``minreq.config.BuildSettings``, with their types. Raises every branch of
    ``MinreqError``.
    """
    values = {"lock": path, "output": output, "slim": slim, "budget": budget, "cache_dir": cache_dir(), **others}
    return building.build(build_settings(values, {}), reporter or Reporter())
