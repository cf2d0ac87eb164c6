"""``minreq matrix``: fills the cells that have no result yet, and writes the tables of all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from minreq.config import STDOUT, Settings
from minreq.config.matrix import MatrixSettings
from minreq.errors import PythonNotFound, PythonUnusable
from minreq.index.client import IndexClient
from minreq.index.settings import IndexSettings
from minreq.matrix import cells
from minreq.matrix.cells import CellJob
from minreq.matrix.engines import choose_engine
from minreq.matrix.reporting import MatrixReporter
from minreq.matrix.results import CellResult, Changes, ResultFolder, find_changes
from minreq.profiles import loader
from minreq.task import task as tasks
from minreq.task.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """The results of all cells: release by release, the oldest first."""

    folder: Path
    results: tuple[CellResult, ...]
    #: How many of them were there before.
    reused: int
    #: The tables that were written.
    tables: tuple[Path, ...]

    @property
    def changes(self) -> Mapping[str, Changes]:
        """By key of the cell: what is different from the release before in its column."""
        return find_changes(self.results)

    @property
    def unfinished(self) -> tuple[CellResult, ...]:
        """The cells to fill again."""
        return tuple(each for each in self.results if each.status == "unfinished")


def run_matrix(settings: MatrixSettings, reporter: MatrixReporter) -> Matrix:
    """Fill the cells of the matrix, each result written as soon as it is there; return all results.

    A cell whose release fails has that as its result. Raises what the settings of a cell raise before any cell runs:
    ``UnknownProvider``, ``NoVersion``, ``CellsCollide`` and others of ``MinreqError``.
    """
    folder = ResultFolder(settings.output)
    processes = settings.processes or os.cpu_count() or 1
    jobs = plan_jobs(settings, processes=processes)
    folder.prepare(None if settings.html == STDOUT else settings.html)
    results = {job.key: found for job in jobs if (found := folder.read(job.key)) is not None}
    reused = len(results)
    missing = [job for job in jobs if job.key not in results]
    try:
        if missing:
            _fill(missing, settings, results, folder, reporter, processes=processes)
    finally:
        # Also at an interrupt: the tables have what is there.
        ordered = tuple(results[job.key] for job in jobs if job.key in results)
        tables = folder.write_tables(ordered)
    return Matrix(folder=settings.output, results=ordered, reused=reused, tables=tables)


def _fill(
    missing: Sequence[CellJob],
    settings: MatrixSettings,
    results: dict[str, CellResult],
    folder: ResultFolder,
    reporter: MatrixReporter,
    *,
    processes: int,
) -> None:
    there = len(results)
    with choose_engine(settings, processes, reporter.note) as engine:
        reporter.cells_planned(there + len(missing), there, engine.slots)
        for result in engine.fill(missing):
            results[result.key] = result
            folder.write(result)
            reporter.cell_ended(result)


def plan_jobs(settings: MatrixSettings, *, processes: int) -> tuple[CellJob, ...]:
    """Return the jobs of all cells, in the order of the tables; raise before anything runs where one is impossible."""
    shared = cells.absolute_paths(settings.shared)
    index_settings = tasks.read_index_settings(shared.index)
    # The processors are shared by the cells.
    jobs_of_cell = max(1, (os.cpu_count() or 1) // processes)
    # This reports unknown names before anything is fetched.
    prepared = {
        (root.name, column): _prepare(
            cells.cell_settings(root, column, shared, jobs=jobs_of_cell), is_remote=settings.scheduler is not None
        )
        for root in settings.roots
        for column in cells.list_columns(settings)
    }
    rows = tuple(_choose_rows(settings, index_settings))
    found: list[tuple[Requirement, CellJob]] = []
    for root, cell in cells.make_cells(rows, settings):
        own = cells.cell_settings(cell.requirement, cell.column, shared, jobs=jobs_of_cell)
        job = CellJob(cell=cell, kind=settings.kind, level=settings.level, settings=own)
        key = cells.make_key(job, prepared[root.name, cell.column], index_settings)
        found.append((root, replace(job, key=key)))
    cells.check_collisions(found)
    return tuple(job for _, job in found)


def _prepare(settings: Settings, *, is_remote: bool) -> Task:
    try:
        return tasks.prepare_task(settings)
    except (PythonNotFound, PythonUnusable):
        if not is_remote:
            raise
        # The workers of a cluster may have it.
        return tasks.prepare_task(replace(settings, python=None))


def _choose_rows(
    settings: MatrixSettings, index_settings: IndexSettings
) -> Iterator[tuple[Requirement, tuple[Version, ...]]]:
    """Yield each root with its releases."""
    with IndexClient(index_settings, settings.cache_dir / "index") as index:
        index.prefetch(canonicalize_name(each.name) for each in settings.roots)
        for root in settings.roots:
            name: NormalizedName = canonicalize_name(root.name)
            profile = loader.find_profile(name, settings.shared.profiles)
            versions = cells.choose_releases(
                root,
                index.releases(name),
                last=settings.last,
                one_per=settings.one_per,
                known_bad=tasks.known_bad_releases(profile).get(name, frozenset()),
            )
            yield root, versions
