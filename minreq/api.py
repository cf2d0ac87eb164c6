"""The commands as functions for other programs. They return values and raise ``MinreqError``.

::

    from minreq import api

    lock = api.lock("litellm", providers=["openai"], output=Path("requirements-minimal.txt"))
    sum(kept.bytes for kept in lock.selection.kept)

The functions print nothing. They read the configuration of pip, and not `pyproject.toml`, which is for the command
line. A text may stand for a path, a requirement, a version or a size, as on the command line; a value of a wrong type
or form raises ``InvalidOptions``, and so does an option that does not exist. The values are those of ``minreq.model``.
The errors are those of ``minreq.errors``, with the exit status that a command would have.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from minreq import environment as environments, export as exporting, versions as surveying
from minreq.analyze import analyze as analyzing
from minreq.analyze.analyze import Analysis
from minreq.build import build as building, forecast as forecasting
from minreq.build.build import BuildResult
from minreq.config import STDOUT, AnalyzeSettings, BuildSettings, Settings, VerifySettings, VersionsSettings
from minreq.config.arguments import (
    BuildKeywords,
    IndexKeywords,
    LockKeywords,
    PathLike,
    RequirementLike,
    RunKeywords,
    Several,
)
from minreq.config.artifacts import analyze_settings, build_settings, versions_settings
from minreq.config.exports import (
    FORMATS,
    EnvironmentSettings,
    ExportSettings,
    Format,
    environment_settings,
    export_settings,
)
from minreq.config.keywords import convert_keywords, convert_path, join_keywords
from minreq.config.matrix import matrix_settings, read_matrix_file
from minreq.config.paths import cache_dir
from minreq.config.settings import DEFAULT_OUTPUT, lock_settings, providers_settings, scan_settings, verify_settings
from minreq.environment import EnvironmentStatus
from minreq.errors import InvalidOptions, MinreqError, SystemFailure
from minreq.explain import explain as explaining
from minreq.explain.explain import Explanation
from minreq.export import ExportResult
from minreq.exposure import command as exposing
from minreq.exposure.command import Exposure
from minreq.imports import command as importing
from minreq.imports.command import ImportAnalysis
from minreq.lock import lock as locking
from minreq.lockfile import difference, reading, requirements as rendering
from minreq.lockfile.difference import LockDifference
from minreq.matrix import matrix as filling
from minreq.matrix.matrix import Matrix
from minreq.matrix.reporting import MatrixReporter
from minreq.model import Lock
from minreq.providers import measure
from minreq.providers.needs import Measurement
from minreq.reporting import Reporter
from minreq.scan.usage import Usage
from minreq.task import scan as scanning
from minreq.verify import against as comparing, verify as verifying
from minreq.verify.comparison import FullComparison
from minreq.versions import Survey

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "STDOUT",
    "Analysis",
    "BuildKeywords",
    "BuildResult",
    "EnvironmentStatus",
    "Explanation",
    "ExportResult",
    "Exposure",
    "FullComparison",
    "ImportAnalysis",
    "IndexKeywords",
    "Lock",
    "LockDifference",
    "LockKeywords",
    "Matrix",
    "MatrixReporter",
    "Measurement",
    "MinreqError",
    "Reporter",
    "RunKeywords",
    "Several",
    "Survey",
    "Usage",
    "analyze",
    "analyze_imports",
    "build",
    "check",
    "compare_with_full",
    "diff",
    "explain",
    "export",
    "exposure",
    "lock",
    "matrix",
    "providers",
    "read",
    "render",
    "scan",
    "sync",
    "verify",
    "versions",
]

_Result = TypeVar("_Result")
_Arguments = ParamSpec("_Arguments")


def _public(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return *function*, which checks the reporter, and raises ``SystemFailure`` where the system fails."""

    @functools.wraps(function)
    def call(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        reporter = kwargs.get("reporter")
        if not isinstance(reporter, Reporter | None):
            raise InvalidOptions([f"reporter: {reporter!r} is no Reporter"])
        try:
            return function(*args, **kwargs)
        except OSError as error:
            raise SystemFailure.from_error(error) from error

    return call


@_public
def lock(
    root: RequirementLike | None = None,
    *,
    output: PathLike = DEFAULT_OUTPUT,
    reporter: Reporter | None = None,
    **options: Unpack[LockKeywords],
) -> Lock:
    """Make the smallest lock of *root* (by default litellm) with which the smoke passes, prove it, and write it.

    Raises every branch of ``MinreqError``.
    """
    values = {"root": root, "output": output, **options}
    return locking.lock(
        join_keywords(lock_settings, Settings, values), reporter or Reporter(), forecasting.forecast_build
    )


@_public
def read(path: PathLike = DEFAULT_OUTPUT) -> Lock:
    """Return the lock on disk; raise ``LockEdited`` if the file installs something that was not proven."""
    return exporting.read_proven_lock(convert_path(path))


@_public
def render(lock: Lock, *, filename: str = DEFAULT_OUTPUT.name) -> str:
    """Return the text of the requirements file of *lock*; its header has *filename*."""
    if not isinstance(lock, Lock):
        raise InvalidOptions([f"lock: it has the type {type(lock).__name__}, and not Lock"])
    # The name is in comments of the header: a line break in it would end the comment.
    name: object = filename
    if not (isinstance(name, str) and name.isprintable()):
        raise InvalidOptions([f"filename: {filename!r} is not a name that can be printed on one line"])
    return rendering.render(lock, filename=filename)


@_public
def verify(
    lock: PathLike = DEFAULT_OUTPUT,
    *,
    path: PathLike | None = None,
    smokes: Several[PathLike] = (),
    smoke_files: Several[PathLike] = (),
    reporter: Reporter | None = None,
    **options: Unpack[RunKeywords],
) -> Lock:
    """Run the smoke of the lock on disk again, compare, and return the lock.

    *path* is a folder or zip that another tool built from the lock, ``python`` the interpreter of an environment that
    another tool made from it. *smokes* and *smoke_files* are new places of files that were moved.
    """
    values = {"lock": lock, "path": path, "smokes": smokes, "smoke_files": smoke_files, **options}
    return verifying.verify(join_keywords(verify_settings, VerifySettings, values), reporter or Reporter())


@_public
def compare_with_full(
    command: str,
    lock: PathLike = DEFAULT_OUTPUT,
    *,
    path: PathLike | None = None,
    smoke_with: Several[RequirementLike] = (),
    reporter: Reporter | None = None,
    **options: Unpack[RunKeywords],
) -> FullComparison:
    """Run *command* with all that the lock on disk declares, and on the lock; return how its tests differ.

    ``FullComparison.holds`` is whether they do not. *smoke_with* are tools of the command, such as pytest; *path* and
    ``python`` are those of `verify`.
    """
    values = {"lock": lock, "path": path, "against_full": command, "smoke_with": smoke_with, **options}
    settings = join_keywords(verify_settings, VerifySettings, values)
    return comparing.compare_with_full(settings, reporter or Reporter())


@_public
def explain(name: str, lock: PathLike = DEFAULT_OUTPUT) -> Explanation:
    """Return why the distribution or module *name* is in the lock on disk or left out."""
    path = convert_path(lock)
    if not isinstance(name, str):
        raise InvalidOptions([f"name: {name!r} has the type {type(name).__name__}"])
    return explaining.explain(reading.read_evidence(path), name, filename=str(path))


@_public
def exposure(
    lock: PathLike = DEFAULT_OUTPUT, *, reporter: Reporter | None = None, **options: Unpack[IndexKeywords]
) -> Exposure:
    """Return the imports in the kept code of the lock on disk that would reach a left-out distribution."""
    settings = join_keywords(verify_settings, VerifySettings, {"lock": lock, **options})
    return exposing.expose(settings, reporter or Reporter())


@_public
def scan(
    *paths: PathLike,
    root: RequirementLike | None = None,
    profiles: Several[PathLike] = (),
    reporter: Reporter | None = None,
    **options: Unpack[IndexKeywords],
) -> Usage:
    """Return the providers and features of *root* that the code in *paths* uses; nothing is run."""
    values = {"scan": paths, "root": root, "profiles": profiles, **options}
    return scanning.scan_usage(join_keywords(scan_settings, Settings, values), reporter or Reporter())


@_public
def providers(
    root: RequirementLike | None = None,
    *,
    providers: Several[str] = (),
    features: Several[str] = (),
    by_feature: bool = False,
    profiles: Several[PathLike] = (),
    reporter: Reporter | None = None,
    **options: Unpack[RunKeywords],
) -> Measurement:
    """Return which distributions *providers* (by default all) need, and with *by_feature* what each feature adds."""
    values = {"root": root, "providers": providers, "features": features, "profiles": profiles, **options}
    values["by_feature"] = by_feature
    return measure.measure(join_keywords(providers_settings, Settings, values), reporter or Reporter())


@_public
def versions(
    root: RequirementLike | None = None,
    *,
    last: int = 10,
    platforms: Several[str] = (),
    python: PathLike | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[IndexKeywords],
) -> Survey:
    """Return the sizes and platforms of the *last* releases of *root*; nothing is run."""
    values = {"root": root, "last": last, "platforms": platforms, "python": python, **options}

    def join(flags: Mapping[str, Any], config: Mapping[str, Any]) -> VersionsSettings:
        return versions_settings(flags, config, trace=False)

    return surveying.survey(join_keywords(join, VersionsSettings, values), reporter or Reporter())


@_public
def diff(old: PathLike, new: PathLike = DEFAULT_OUTPUT) -> LockDifference:
    """Return the differences between two locks on disk."""
    return difference.compare_locks(reading.read_evidence(convert_path(old)), reading.read_evidence(convert_path(new)))


@_public
def export(
    form: Format,
    lock: PathLike = DEFAULT_OUTPUT,
    *,
    output: PathLike | None = None,
    reporter: Reporter | None = None,
    **options: Unpack[IndexKeywords],
) -> ExportResult:
    """Write the lock on disk in another format; with ``STDOUT`` as *output* the result has the text."""
    if form not in [*FORMATS]:
        raise InvalidOptions([f"form: {form!r} is not one of {', '.join(FORMATS)}"])
    values = {"lock": lock, "output": output, **options}

    def join(flags: Mapping[str, Any], config: Mapping[str, Any]) -> ExportSettings:
        return export_settings({**flags, "format": form}, config)

    return exporting.export(join_keywords(join, ExportSettings, values), reporter or Reporter())


@_public
def sync(
    environment: PathLike,
    lock: PathLike = DEFAULT_OUTPUT,
    *,
    dry_run: bool = False,
    reporter: Reporter | None = None,
    **options: Unpack[IndexKeywords],
) -> EnvironmentStatus:
    """Install exactly the lock on disk into the environment of an interpreter."""
    values = {"environment": environment, "lock": lock, "dry_run": dry_run, **options}
    settings = join_keywords(environment_settings, EnvironmentSettings, values, needed=["environment"])
    return environments.sync(settings, reporter or Reporter())


@_public
def check(environment: PathLike, lock: PathLike = DEFAULT_OUTPUT) -> EnvironmentStatus:
    """Compare an environment with the lock on disk; raise ``EnvironmentDiffers``."""
    values = {"environment": environment, "lock": lock}
    return environments.check(join_keywords(environment_settings, EnvironmentSettings, values, needed=["environment"]))


@_public
def analyze(
    path: PathLike, *, lock: PathLike | None = None, budget: int | str | None = None, reserve: int | str | None = None
) -> Analysis:
    """Return the contents of a folder, virtual environment, wheel or zip, and what *lock* would save.

    *budget* and *reserve* are bytes; ``Analysis.left`` is what they leave.
    """
    values = {"path": path, "lock": lock, "budget": budget, "reserve": reserve}
    return analyzing.analyze(AnalyzeSettings(**convert_keywords(values, values, needed=["path"], build=True)))


@_public
def analyze_imports(
    path: PathLike,
    *,
    lock: PathLike | None = None,
    modules: Several[str] = (),
    python: PathLike | None = None,
    require_sandbox: bool = False,
    reporter: Reporter | None = None,
) -> ImportAnalysis:
    """Import *modules*, or what *lock* imports first, from *path* in isolation; return what each line costs.

    *python* is the interpreter that imports; by default that of the virtual environment, else the one that runs minreq.
    """
    values = {"path": path, "lock": lock, "modules": modules, "python": python, "require_sandbox": require_sandbox}
    converted = convert_keywords(values, values, needed=["path"], build=True)
    return importing.analyze_imports(analyze_settings({**converted, "imports": True}), reporter or Reporter())


@_public
def build(
    output: PathLike,
    lock: PathLike = DEFAULT_OUTPUT,
    *,
    reporter: Reporter | None = None,
    **options: Unpack[BuildKeywords],
) -> BuildResult:
    """Build a tree from the lock on disk, prove it by the smoke, and write it to a folder or a zip.

    Raises every branch of ``MinreqError``.
    """
    values = {"lock": lock, "output": output, **options}
    return building.build(join_keywords(build_settings, BuildSettings, values, build=True), reporter or Reporter())


@_public
def matrix(
    file: PathLike,
    *,
    output: PathLike | None = None,
    jobs: int | None = None,
    reporter: MatrixReporter | None = None,
    **options: Unpack[IndexKeywords],
) -> Matrix:
    """Fill the cells of the matrix that the TOML *file* describes, and write the tables into *output*.

    *jobs* is the number of processes of this machine; ``None``: Dask fills the cells, if it is installed. Cells that
    have a result there are not filled again. Raises ``InvalidOptions``, ``ConfigurationUnreadable``, ``NoVersion``.
    """
    values = {"output": output, "jobs": jobs, **options}
    known = {"output", "jobs", *IndexKeywords.__annotations__}
    flags = {**convert_keywords(values, known), "cache_dir": cache_dir()}
    return filling.run_matrix(
        matrix_settings(flags, read_matrix_file(convert_path(file))), reporter or MatrixReporter()
    )
