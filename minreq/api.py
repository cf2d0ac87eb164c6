"""minreq for other build tools: what the commands do, as functions that return values and raise ``MinreqError``.

::

    from minreq import api

    lock = api.lock("litellm", providers=["openai"], output=Path("requirements-minimal.txt"))
    sum(kept.bytes for kept in lock.selection.kept)

Nothing is printed, and no configuration is read but pip's; `pyproject.toml` is for the command line. The values are
those of ``minreq.model``. Errors are those of ``minreq.errors``, with the exit status a command would have.
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
from minreq.build.build import Built
from minreq.config import STDOUT, Settings
from minreq.config.artifacts import AnalyzeSettings, build_settings
from minreq.config.exports import EnvironmentSettings, Format, export_settings
from minreq.config.levels import Level
from minreq.config.places import cache_dir
from minreq.config.settings import DEFAULT_OUTPUT, settings, verify_settings
from minreq.environment import Standing
from minreq.errors import MinreqError
from minreq.export import Exported
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


def lock(
    root: str | Requirement = "litellm",
    *,
    providers: Iterable[str] = (),
    features: Iterable[str] = (),
    smokes: Iterable[Path] = (),
    include: Iterable[str] = (),
    exclude: Iterable[str] = (),
    requirement_files: Iterable[Path] = (),
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

    *others* are further fields of ``minreq.config.Settings``, of their types. Raises every branch of ``MinreqError``.
    """
    told = {
        "root": root if isinstance(root, Requirement) else Requirement(root),
        "providers": tuple(providers),
        "features": tuple(features),
        "smokes": tuple(smokes),
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
    return locking.lock(settings(told, {}), reporter or Reporter())


def read(path: Path = DEFAULT_OUTPUT) -> Lock:
    """Return the lock on disk; raises ``LockEdited`` where the file installs something else than was proven."""
    return exporting.proven(path)


def verify(path: Path = DEFAULT_OUTPUT, *, reporter: Reporter | None = None, **others: Any) -> Lock:
    """Prove the lock on disk again and return it; *others* are fields of ``minreq.config.VerifySettings``."""
    told = verify_settings({"lock": path, "cache_dir": cache_dir(), **others}, {})
    return verifying.verify(told, reporter or Reporter())


def diff(old: Path, new: Path) -> LockDifference:
    """Return what lies between two locks on disk."""
    return difference.between(reading.read_evidence(old), reading.read_evidence(new))


def export(form: Format, path: Path = DEFAULT_OUTPUT, *, output: Path | None = None) -> Exported:
    """Write the lock on disk as ``pylock``, ``uv``, ``uv-excludes`` or ``wheelhouse``."""
    told = export_settings({"lock": path, "format": form, "output": output, "cache_dir": cache_dir()}, {})
    return exporting.export(told, Reporter())


def sync(environment: str, path: Path = DEFAULT_OUTPUT) -> Standing:
    """Bring the environment of an interpreter to exactly the lock on disk."""
    return environments.sync(EnvironmentSettings(lock=path, environment=environment, cache_dir=cache_dir()), Reporter())


def check(environment: str, path: Path = DEFAULT_OUTPUT) -> Standing:
    """Return how an environment stands to the lock on disk; raises ``EnvironmentDiffers``."""
    return environments.check(EnvironmentSettings(lock=path, environment=environment, cache_dir=cache_dir()))


def analyze(path: Path, *, lock: Path | None = None) -> Analysis:
    """Return what a folder, virtual environment, wheel or zip is made of, and what *lock* would save of it."""
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
    """Build the lock on disk into a folder or a zip, prove it by the smoke, write it, and return what it came to.

    *others* are fields of ``minreq.config.BuildSettings``, of their types. Raises every branch of ``MinreqError``.
    """
    told = {"lock": path, "output": output, "slim": slim, "budget": budget, "cache_dir": cache_dir(), **others}
    return building.build(build_settings(told, {}), reporter or Reporter())
