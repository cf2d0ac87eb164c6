"""Fills one cell: makes its lock, measures its providers, or builds. Runs in a worker, on this machine or another."""

from __future__ import annotations

import gc
import platform as machine
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from minreq.build import build as building
from minreq.config import BuildSettings, Settings
from minreq.errors import (
    EmulatorStopped,
    IndexFailure,
    IndexOffline,
    IndexStatusError,
    IndexUnreachable,
    MinreqError,
    ProvidersNotMeasured,
    PythonNotFound,
    PythonUnusable,
    SandboxMissing,
    StoreChanged,
    StoreShared,
    StoreUnwritable,
    SystemFailure,
)
from minreq.lock import LockSession, lock as locking
from minreq.lockfile.requirements import render
from minreq.matrix.cells import CellJob
from minreq.matrix.results import CellResult, Part
from minreq.model import Kept, LeftOut, Lock, Platform
from minreq.providers import measure
from minreq.providers.needs import Measurement, NeededDistribution
from minreq.reporting import Reporter
from minreq.system import heap, temporary

#: What says nothing about the release: the index, the machine, or the worker.
_NOT_OF_THE_CELL = (
    EmulatorStopped,
    IndexOffline,
    IndexStatusError,
    IndexUnreachable,
    PythonNotFound,
    PythonUnusable,
    SandboxMissing,
    StoreChanged,
    StoreShared,
    StoreUnwritable,
    SystemFailure,
)
#: As in `minreq.__main__`.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000

_REPORTER = Reporter()


class _Worker(threading.local):
    """What the cells of one thread share."""

    def __init__(self) -> None:
        self.session = LockSession(shares_hints=True)
        heap.limit_fragmentation()
        gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
        # See `minreq.__main__`.
        sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

    def start_anew(self) -> None:
        """Forget what an index answered: a failure is kept for a whole session."""
        self.session.close()
        self.session = LockSession(shares_hints=True)


_WORKER = _Worker()


def run_cell(job: CellJob) -> CellResult:
    """Return the result of *job*, also if it failed; raise nothing but an interrupt."""
    began = time.monotonic()
    try:
        found = _fill(job)
    except MinreqError as error:
        if isinstance(error, IndexFailure):
            _WORKER.start_anew()
        status = "unfinished" if isinstance(error, _NOT_OF_THE_CELL) else "failed"
        found = {"status": status, "reason": error.reason, "sentence": str(error)}
    except OSError as error:
        failure = SystemFailure.from_error(error)
        found = {"status": "unfinished", "reason": failure.reason, "sentence": str(failure)}
    except Exception as error:  # noqa: BLE001 # A defect of minreq in one cell must not end the others.
        found = {"status": "unfinished", "reason": "defect", "sentence": f"{type(error).__name__}: {error}"}
    return make_result(job, centiseconds=round((time.monotonic() - began) * 100), **found)


def make_result(job: CellJob, **found: Any) -> CellResult:
    """Return the result of *job* with the facts *found*, by field."""
    cell = job.cell
    return CellResult(
        key=job.key,
        root=cell.root,
        version=cell.version,
        providers=cell.column.providers,
        python=cell.column.python,
        platform=cell.column.platform,
        kind=job.kind,
        level=job.level if job.kind == "build" else None,
        **found,
    )


def _fill(job: CellJob) -> dict[str, Any]:
    if job.kind == "measure":
        return _describe_measurement(measure.measure_in_session(job.settings, _REPORTER, _WORKER.session))
    if job.kind == "lock":
        return _describe_lock(locking.lock_in_session(job.settings, _REPORTER, _WORKER.session)[0])
    with temporary.make_temporary_folder() as folder:
        settings = replace(job.settings, output=folder / "requirements-minimal.txt", dry_run=False)
        lock = locking.lock_in_session(settings, _REPORTER, _WORKER.session)[0]
        built = building.build(_build_settings(job, settings, folder / "tree"), _REPORTER)
        return {**_describe_lock(lock), "built_bytes": built.bytes}


def _build_settings(job: CellJob, settings: Settings, output: Path) -> BuildSettings:
    return BuildSettings(
        lock=settings.output,
        output=output,
        slim=job.level,
        smokes=settings.smokes,
        smoke_files=settings.smoke_files,
        # The bytes of the level, for whatever smoke the matrix has.
        yes_traced=True,
        python=settings.python,
        jobs=settings.jobs,
        timeout=settings.timeout,
        require_sandbox=settings.require_sandbox,
        index=settings.index,
        cache_dir=settings.cache_dir,
    )


def _describe_lock(lock: Lock) -> dict[str, Any]:
    declared = lock.declared
    return {
        "status": "done",
        "ran_on": _describe_host(lock.proven_on),
        "stages": len(lock.stages),
        "declared": len(declared),
        "declared_bytes": sum(each.bytes for each in declared),
        "installed_bytes": lock.selection.installed_bytes,
        "kept": tuple(_kept(each) for each in lock.selection.kept),
        "left_out": tuple(_left_out(each) for each in lock.left_out),
        "requirements": render(lock),
    }


def _kept(kept: Kept) -> Part:
    pin = kept.candidate
    why = measure.describe_evidence(kept.evidence) or f"{kept.evidence.kind}ed"
    importers = ", ".join(name for name in kept.via if name != pin.name)
    return Part(
        name=pin.name,
        version=pin.version,
        bytes=kept.bytes,
        kind=kept.evidence.kind,
        why=f"{why}; imported by {importers}" if importers else why,
    )


def _left_out(left_out: LeftOut) -> Part:
    pin = left_out.candidate
    return Part(name=pin.name, version=pin.version, bytes=left_out.bytes, kind="out", why=left_out.reason)


def _describe_measurement(measurement: Measurement) -> dict[str, Any]:
    """Return the union of what the providers of the cell need, or the first failure."""
    failures = [f"{each.provider}: {each.failure}" for each in measurement.providers if each.failure]
    skipped = [each for each in measurement.providers if not each.features and not each.failure]
    ran_on = _describe_host(measurement.platform)
    if failures or skipped:
        sentences = failures or [f"{each.provider}: {skip.reason}" for each in skipped for skip in each.skipped]
        reason = ProvidersNotMeasured.reason if failures else "skipped"
        return {"status": "failed", "ran_on": ran_on, "reason": reason, "sentence": "; ".join(dict.fromkeys(sentences))}
    parts = {each.name: _needed(each) for each in measurement.base}
    for provider in measurement.providers:
        parts |= {each.name: _needed(each, provider.provider) for each in _new(provider.distributions, parts)}
    return {
        "status": "done",
        "ran_on": ran_on,
        "stages": sum(len(each.features) for each in measurement.providers),
        "kept": tuple(parts[name] for name in sorted(parts)),
    }


def _new(distributions: Iterable[NeededDistribution], known: dict[NormalizedName, Part]) -> list[NeededDistribution]:
    return [each for each in distributions if each.name not in known]


def _needed(part: NeededDistribution, provider: str = "") -> Part:
    why = part.why or ("the import of the root needs it" if not provider else f"{provider} needs it")
    return Part(name=part.name, version=part.version, bytes=part.bytes, kind="failure", why=why)


def _describe_host(platform: Platform) -> str:
    return f"Python {platform.python_version}, {machine.system()} {machine.machine()}"
