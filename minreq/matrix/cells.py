"""The cells of a matrix: which releases, providers, interpreters and platforms."""

from __future__ import annotations

import hashlib
import itertools
import json
import platform as machine
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.config import STDOUT, Settings
from minreq.config.levels import Level
from minreq.config.matrix import Kind, MatrixSettings, ReleaseChoice
from minreq.config.settings import format_command
from minreq.errors import CellsCollide, NoVersion
from minreq.index.settings import IndexSettings
from minreq.model import Sdist, Wheel
from minreq.system.owndigest import own_digest
from minreq.task.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """What all releases of a column share."""

    providers: tuple[str, ...] = ()
    #: As the user named it; ``None``: the interpreter that runs minreq.
    python: str | None = None
    platform: str | None = None

    @property
    def title(self) -> str:
        """How messages call the column: ``openai,bedrock Python 3.12``."""
        parts = [",".join(self.providers), f"Python {self.python}" if self.python else "", self.platform or ""]
        return " ".join(filter(None, parts)) or "smoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One place of a matrix."""

    root: NormalizedName
    version: Version
    #: Extras of the root, sorted.
    extras: tuple[str, ...] = ()
    column: Column

    @property
    def title(self) -> str:
        """How messages call the cell: ``litellm 1.106.2 openai,bedrock``."""
        return f"{self.root} {self.version} {self.column.title}"

    @property
    def requirement(self) -> Requirement:
        """The root as a requirement."""
        extras = f"[{','.join(self.extras)}]" if self.extras else ""
        return Requirement(f"{self.root}{extras}=={self.version}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellJob:
    """A cell, and all that a worker has to know to fill it."""

    cell: Cell
    kind: Kind
    level: Level
    settings: Settings
    #: The hash of what decides the result; it names the file of the result.
    key: str = ""


def choose_releases(
    root: Requirement,
    releases: Mapping[Version, Sequence[Wheel | Sdist]],
    *,
    last: int | None,
    one_per: ReleaseChoice,
    known_bad: frozenset[Version] = frozenset(),
) -> tuple[Version, ...]:
    """Return the versions of *root* that become rows, the oldest first; raise ``NoVersion`` if there are none.

    Yanked and known-bad releases are none, unless *root* names exactly one release. ``minor`` takes the newest release
    of each minor version.
    """
    usable = [
        version
        for version, files in sorted(releases.items(), reverse=True)
        if version not in known_bad and any(file.yanked is None for file in files)
    ]
    specifier = root.specifier
    if _is_exact(specifier):
        usable = sorted(releases, reverse=True)
    admitted = [*specifier.filter(usable)]
    if not admitted:
        newest = next(iter(SpecifierSet().filter(usable)), None)
        raise NoVersion(str(root), canonicalize_name(root.name), None if newest is None else str(newest), {})
    if one_per == "minor":
        admitted = [next(group) for _, group in itertools.groupby(admitted, key=lambda each: each.release[:2])]
    limit = last if last is not None else len(admitted) if len(specifier) or one_per == "minor" else 1
    return tuple(reversed(admitted[:limit]))


def _is_exact(specifier: SpecifierSet) -> bool:
    return any(each.operator in {"==", "==="} and not each.version.endswith(".*") for each in specifier)


def list_columns(settings: MatrixSettings) -> tuple[Column, ...]:
    """Return the columns of the matrix."""
    axes = itertools.product(settings.platforms, settings.pythons, settings.provider_sets or ((),))
    return tuple(Column(providers=providers, python=python, platform=place) for place, python, providers in axes)


def make_cells(
    rows: Iterable[tuple[Requirement, Sequence[Version]]], settings: MatrixSettings
) -> Iterator[tuple[Requirement, Cell]]:
    """Yield each cell with the root that brought it: release by release, since neighbours share most of their work."""
    columns = list_columns(settings)
    for root, versions in rows:
        name, extras = canonicalize_name(root.name), tuple(sorted(root.extras))
        for version, column in itertools.product(versions, columns):
            yield root, Cell(root=name, version=version, extras=extras, column=column)


def cell_settings(root: Requirement, column: Column, shared: Settings, *, jobs: int) -> Settings:
    """Return the settings of the cells of *root* in *column*, with at most *jobs* runs of the smoke at a time.

    Nothing is written.
    """
    return replace(
        shared,
        root=root,
        providers=column.providers,
        python=column.python,
        platforms=(column.platform,) if column.platform else (),
        # The matrix says where each cell was proven.
        allow_unproven=column.platform is not None,
        # Not the lock in the working directory: its pins would be preferred.
        output=STDOUT,
        dry_run=True,
        jobs=jobs,
    )


def make_key(job: CellJob, task: Task, index: IndexSettings) -> str:
    """Return the hash of what decides the result of *job*: *task* is that of any release with the same columns.

    An index that has new releases decides nothing: a lock stays proven, as `minreq lock` sees it.
    """
    content = {
        "command": format_command(job.settings),
        "settle": job.settings.settle,
        "question": [job.kind, job.level if job.kind == "build" else None],
        # Of a named interpreter every machine of a cluster has its own patch release.
        "python": job.cell.column.python or ".".join(map(str, task.host.python_version.release[:2])),
        "machine": [sys.platform, machine.machine()],
        "inputs": dict(task.input_digests(job.cell.version)),
        "index": [index.index_url, index.extra_index_urls, index.find_links, index.no_index, index.first_index],
        "minreq": own_digest(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def check_collisions(jobs: Sequence[tuple[Requirement, CellJob]]) -> None:
    """Raise ``CellsCollide`` if two cells have the same result: the second would replace the file of the first."""
    first: dict[str, tuple[Requirement, CellJob]] = {}
    for root, job in jobs:
        other = first.setdefault(job.key, (root, job))
        if other[1] is not job:
            raise CellsCollide(other[1].cell.title, job.cell.title, str(other[0]), str(root))


def absolute_paths(settings: Settings) -> Settings:
    """Return *settings* with absolute paths of files: a worker may have another working directory.

    Whatever the path that leads to a file, from wherever a matrix is started, its cells have the same keys.
    """
    return replace(
        settings,
        smokes=tuple(_absolute(each) if each.is_file() else each for each in settings.smokes),
        profiles=tuple(map(_absolute, settings.profiles)),
        requirement_files=tuple(map(_absolute_or_url, settings.requirement_files)),
        constraints=tuple(map(_absolute_or_url, settings.constraints)),
    )


def _absolute(place: Path) -> Path:
    """Return the absolute path of *place*; a file that is a link keeps its name."""
    return place.resolve() if place.is_dir() else place.parent.resolve() / place.name


def _absolute_or_url(place: Path | str) -> Path | str:
    return _absolute(place) if isinstance(place, Path) else place
