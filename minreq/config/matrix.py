"""The settings of ``minreq matrix``: from a TOML file, or from flags."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from packaging.requirements import Requirement

from minreq.config.levels import LEVELS, Level, choose_from
from minreq.config.options import DEFAULT_ROOT, OPTIONS, Option, parse_count, parse_path
from minreq.config.pyproject import convert_table
from minreq.config.settings import INDEX_FIELDS, STDOUT, Settings, merge
from minreq.errors import ConfigurationUnreadable, InvalidOptions
from minreq.system import regularfile

#: What each cell finds out: a lock, what the providers need, or the size of a build.
Kind = Literal["lock", "measure", "build"]
#: Which releases of a root become cells.
ReleaseChoice = Literal["release", "minor"]
RELEASE_CHOICES: tuple[ReleaseChoice, ...] = get_args(ReleaseChoice)

DEFAULT_FOLDER = Path("minreq-matrix")


#: The flags of ``matrix``, and keys of its file, that no lock has.
MATRIX_OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option(name="last", example="8", field="last", convert=parse_count, toml=(int,)),
        Option(name="one-per", example='"minor"', field="one_per", convert=choose_from(RELEASE_CHOICES)),
        Option(name="measure", example="true", field="measure", switch=True),
        Option(name="build", example='"unused"', field="build", convert=choose_from(LEVELS)),
        Option(name="output", example='"results"', field="output", convert=parse_path, path=True),
        Option(name="html", example='"matrix.html"', field="html", convert=parse_path, path=True),
        Option(name="scheduler", example='"tls://scheduler.example.com:8786"', field="scheduler"),
        Option(name="tls-ca-file", example='"ca.pem"', field="tls_ca_file", path=True),
        Option(name="tls-cert", example='"client.pem"', field="tls_cert", path=True),
        Option(name="tls-key", example='"client.key"', field="tls_key", path=True),
    )
}
#: The keys whose values make the rows and columns, each with what the lock calls it.
_AXES = ("root", "providers", "python", "platform")
#: Options of a lock that a cell cannot have: it is no file on disk.
_NOT_IN_CELLS = frozenset(
    {"project", "scan", "allow-unknown", "upgrade", "upgrade-package", "check", "dry-run", "by-feature", "output"}
    | {"hashes", "annotate", "allow-unproven", "jobs", "certify", "budget", *_AXES}
)
#: The options of a lock that every cell gets.
CELL_OPTIONS: Mapping[str, Option] = {name: each for name, each in OPTIONS.items() if name not in _NOT_IN_CELLS}


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """The certificates of Dask; ``None``: what Dask's own configuration says."""

    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSettings:
    """The settings of ``minreq matrix``."""

    roots: tuple[Requirement, ...] = (Requirement(DEFAULT_ROOT),)
    #: The number of releases of each root; ``None``: all that its specifier admits, without one the newest alone.
    last: int | None = None
    one_per: ReleaseChoice = "release"
    provider_sets: tuple[tuple[str, ...], ...] = ()
    #: ``None``: the interpreter that runs minreq.
    pythons: tuple[str | None, ...] = (None,)
    #: ``None``: this machine.
    platforms: tuple[str | None, ...] = (None,)
    kind: Kind = "lock"
    #: The level of the builds.
    level: Level = "safe"
    #: What all cells share; without root, providers, interpreter and platform.
    shared: Settings
    output: Path = DEFAULT_FOLDER
    html: Path | None = None
    #: The number of processes on this machine; ``None``: Dask decides, where it is installed.
    processes: int | None = None
    #: The address of the scheduler of a Dask cluster.
    scheduler: str | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)

    @property
    def cache_dir(self) -> Path:
        """The folder of the cache."""
        return self.shared.cache_dir


def read_matrix_file(file: Path) -> Mapping[str, Any]:
    """Return the values in the TOML *file*, by field: paths are relative to the file.

    Raises ``ConfigurationUnreadable``, and ``InvalidOptions`` with every fault and its key.
    """
    try:
        table = tomllib.loads(regularfile.read_text(file))
    except OSError as error:
        raise ConfigurationUnreadable(file, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationUnreadable(file, str(error)) from error
    faults: list[str] = []
    values: dict[str, Any] = {}
    for name in _AXES:
        if name in table:
            try:
                values |= _read_axis(name, table[name], file.parent)
            except ValueError as error:
                faults.append(f"{file}: {name}: {error}")
    known = {**CELL_OPTIONS, **MATRIX_OPTIONS, "jobs": OPTIONS["jobs"]}
    rest = {key: value for key, value in table.items() if key not in _AXES}
    values |= convert_table(rest, file.parent, str(file), faults, known=known)
    if faults:
        raise InvalidOptions(faults)
    return values


def _read_axis(name: str, value: Any, folder: Path) -> dict[str, Any]:
    """Return the values of an axis by field of ``MatrixSettings``: a string is an array of one."""
    if name == "providers":
        return {"provider_sets": _read_provider_sets(value)}
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not values or not all(isinstance(each, str) for each in values):
        raise ValueError("is neither a string nor an array of strings")
    convert: Callable[[str], Any] = OPTIONS[name].convert
    if name == "python":
        # A program name or a version is no path.
        convert = lambda text: str(folder / text) if "/" in text else text  # noqa: E731
    return {{"root": "roots", "python": "pythons", "platform": "platforms"}[name]: tuple(map(convert, values))}


def _read_provider_sets(value: Any) -> tuple[tuple[str, ...], ...]:
    arrays = [each for each in value if isinstance(each, list)] if isinstance(value, list) else []
    if not arrays or arrays != value or not all(isinstance(name, str) for each in arrays for name in each):
        raise ValueError('is not an array of arrays of strings, such as [["openai"], ["openai", "bedrock"]]')
    return tuple(tuple(each) for each in value)


#: The keys of ``[tool.minreq]`` that a matrix uses: what is no question about a release.
_SHARED = frozenset({"profiles", "allow_pth", "exclude_newer", "constraints", "timeout", "require_sandbox"})


def matrix_settings(
    flags: Mapping[str, Any], file: Mapping[str, Any], config: Mapping[str, Any] = MappingProxyType({})
) -> MatrixSettings:
    """Join *flags*, the values of the *file*, and those of ``pyproject.toml``, all by field; the first one wins.

    Raises ``InvalidOptions``.
    """
    shared_config = {name: value for name, value in config.items() if name in _SHARED | INDEX_FIELDS}
    index, values = merge(flags, {**shared_config, **file})
    own = {each.field for each in MATRIX_OPTIONS.values()} | {"roots", "provider_sets", "pythons", "platforms"}
    matrix = {name: values.pop(name) for name in own & values.keys()}
    processes = values.pop("jobs", None)
    tls = TlsOptions(**{name: matrix.pop(f"tls_{name}", None) for name in ("ca_file", "cert", "key")})
    if faults := list(_find_faults(matrix, values, processes)):
        raise InvalidOptions(faults)
    measure, level = matrix.pop("measure", False), matrix.pop("build", None)
    kind: Kind = "measure" if measure else "lock" if level is None else "build"
    shared = Settings(index=index, **values)
    return MatrixSettings(
        kind=kind, shared=shared, processes=processes, tls=tls, **({"level": level} if level else {}), **matrix
    )


def _find_faults(matrix: Mapping[str, Any], values: Mapping[str, Any], processes: int | None) -> Sequence[str]:
    faults = []
    if matrix.get("output") == STDOUT:
        faults.append("--output -: the results of a matrix are a folder; name it")
    if matrix.get("measure") and matrix.get("build"):
        faults.append("--measure and --build are two questions; give one, or make two matrices")
    if not matrix.get("measure") and not any(matrix.get("provider_sets", ())) and not values.get("smokes"):
        faults.append("nothing to run: name --providers, once for each column, or a --smoke")
    if matrix.get("measure") and values.get("smokes"):
        faults.append("--measure measures the providers of a profile; a --smoke of your own is for a lock")
    if matrix.get("scheduler") and processes is not None:
        faults.append("-j starts processes on this machine, and --scheduler names a cluster; give one")
    return faults
