"""Fills cells by Dask: in an embedded cluster on this machine, or by the workers of a scheduler.

Dask has the queue, and sends a cell elsewhere where a worker dies. A cell that fails for its own reason is a result.
"""

from __future__ import annotations

import importlib.util
import logging
import shutil
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, Security, as_completed

from minreq import doctor
from minreq.config.matrix import MatrixSettings, TlsOptions
from minreq.config.paths import cache_dir
from minreq.errors import PythonNotFound, PythonUnusable, SchedulerUnreachable, WorkersUnfit
from minreq.interpreter import find_interpreter
from minreq.matrix.cells import CellJob
from minreq.matrix.files import PackedFiles, pack_files, unpack_files
from minreq.matrix.results import CellResult
from minreq.matrix.run import make_result, run_cell
from minreq.system import temporary
from minreq.system.owndigest import own_digest

#: The resource of a worker whose kernel isolates a smoke: `dask worker --resources minreq-sandbox=1`.
SANDBOX = "minreq-sandbox"
#: How often a cell is tried again: after a worker of minreq's own cluster died with it, or could not fill it.
_RETRIES = 2
#: Seconds until a scheduler has to answer, and until it has to have a worker.
_TIMEOUT = 10
#: Bytes that the wheels of one closure and its environments may take.
_LEAST_DISK = 2 << 30


class OtherMinreq(RuntimeError):
    """The worker has another minreq than the parent: its results would be those of that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFacts:
    """What decides whether a worker can fill cells."""

    #: The hash of its minreq.
    minreq: str
    #: Those of the wanted interpreters that it has.
    pythons: frozenset[str]
    sandbox: bool
    #: Free bytes where its cache is.
    disk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A cluster that fills cells."""

    client: Client
    #: How many cells it fills at the same time.
    slots: int
    #: By named interpreter: the hosts that have it; absent where all have it.
    hosts: Mapping[str, Sequence[str]]
    resources: Mapping[str, float]
    #: What the workers do not have; ``None``: they are on this machine.
    files: PackedFiles | None = None

    def fill(self, jobs: Sequence[CellJob]) -> Iterator[CellResult]:
        """Fill the cells of *jobs*; yield each result as soon as it is there."""
        run = uuid.uuid4().hex[:8]
        waiting = {self._submit(job, run): job for job in jobs}
        for future in as_completed([*waiting]):
            job = waiting.pop(future)
            yield _read_result(future, job)
            # The scheduler keeps a result as long as a client may ask for it.
            future.release()

    def _submit(self, job: CellJob, run: str) -> Any:
        hosts = self.hosts.get(job.cell.column.python or "")
        return self.client.submit(
            fill_on_worker,
            job,
            own_digest(),
            self.files,
            key=f"minreq_cell-{job.key[:16]}-{run}",
            retries=_RETRIES,
            resources=dict(self.resources) or None,
            workers=[*hosts] if hosts is not None else None,
            pure=False,
        )


def fill_on_worker(job: CellJob, digest: str, files: PackedFiles | None) -> CellResult:
    """Fill the cell of *job* with the cache of this machine; raise `OtherMinreq` if minreq is not that of *digest*."""
    if own_digest() != digest:
        raise OtherMinreq("the worker has another version of minreq")
    settings = replace(job.settings, cache_dir=cache_dir())
    if files is None:
        return run_cell(replace(job, settings=settings))
    with temporary.make_temporary_folder() as folder:
        return run_cell(replace(job, settings=unpack_files(settings, files, folder)))


def describe_worker(pythons: Collection[str], *, tries_sandbox: bool) -> WorkerFacts:
    """Return the facts of this worker; the isolation is tried only with *tries_sandbox*."""
    folder = cache_dir()
    folder.mkdir(parents=True, exist_ok=True)
    return WorkerFacts(
        minreq=own_digest(),
        pythons=frozenset(filter(_has_python, pythons)),
        sandbox=tries_sandbox and doctor.diagnose(folder).kernel,
        disk=shutil.disk_usage(folder).free,
    )


def _has_python(python: str) -> bool:
    try:
        find_interpreter(Path(python))
    except (PythonNotFound, PythonUnusable):
        return False
    return True


@contextmanager
def open_cluster(
    settings: MatrixSettings, address: str | None, processes: int, note: Callable[[str], object]
) -> Iterator[Cluster]:
    """Connect to the scheduler at *address*, or start a cluster of *processes* workers on this machine.

    Raises ``SchedulerUnreachable`` and ``WorkersUnfit``.
    """
    files = pack_files(settings.shared) if address is not None else None
    with _open_client(settings, address, processes) as client:
        # A scheduler elsewhere has the address of its dashboard, and may have none.
        if address is None and importlib.util.find_spec("bokeh") is not None:
            note(f"the dashboard of Dask is at {client.dashboard_link}")
        cluster = _check_workers(client, settings, address or "this machine", is_local=address is None)
        yield replace(cluster, files=files)


@contextmanager
def _open_client(settings: MatrixSettings, address: str | None, processes: int) -> Iterator[Client]:
    security = _read_security(settings.tls)
    # What Dask logs of lost connections, with tracebacks, minreq says in a sentence.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    if address is not None:
        try:
            client = Client(address, security=security, timeout=_TIMEOUT)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            # Dask has no class for an address that is none, or for TLS without certificates.
            why = " ".join(str(error).split()) or type(error).__name__
            raise SchedulerUnreachable(address, why) from error
        with client:
            yield client
        return
    has_sandbox = settings.shared.require_sandbox and doctor.diagnose(settings.cache_dir).kernel
    configuration = {
        "distributed.scheduler.allowed-failures": _RETRIES,
        # A file in the working directory must not replace a module of the standard library (from Python 3.11 on).
        "distributed.nanny.pre-spawn-environ.PYTHONSAFEPATH": "1",
    }
    with (
        dask.config.set(configuration),
        LocalCluster(
            n_workers=processes,
            threads_per_worker=1,
            # Other users of the machine may not look at it, and two clusters may run.
            dashboard_address="127.0.0.1:0",
            # Most of the memory of a cell is that of the smoke, which has its own limit.
            memory_limit=0,
            resources={SANDBOX: 1} if has_sandbox else None,
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _read_security(tls: TlsOptions) -> Security | None:
    """Return the certificates of *tls*; ``None``: those of Dask's own configuration."""
    if tls == TlsOptions():
        return None
    return Security(tls_ca_file=tls.ca_file, tls_client_cert=tls.cert, tls_client_key=tls.key, require_encryption=True)


def _check_workers(client: Client, settings: MatrixSettings, address: str, *, is_local: bool) -> Cluster:
    """Return the cluster of the workers that are there; raise ``WorkersUnfit`` if they cannot fill the matrix."""
    try:
        client.wait_for_workers(1, timeout=_TIMEOUT)
    except TimeoutError:
        fault = f"no worker came within {_TIMEOUT} seconds; start one with `dask worker {address}`"
        raise WorkersUnfit(address, [fault]) from None
    workers: Mapping[str, Mapping[str, Any]] = client.scheduler_info(n_workers=-1)["workers"]
    slots = sum(int(each["nthreads"]) for each in workers.values())
    pythons = sorted({each for each in settings.pythons if each is not None})
    needs_sandbox = settings.shared.require_sandbox
    facts: Mapping[str, WorkerFacts | Exception] = client.run(
        describe_worker, pythons, tries_sandbox=needs_sandbox, on_error="return"
    )
    resources = {worker: dict(each.get("resources", {})) for worker, each in workers.items()}
    if faults := list(_find_faults(facts, resources, pythons, needs_sandbox=needs_sandbox, is_local=is_local)):
        raise WorkersUnfit(address, faults)
    return Cluster(
        client=client,
        slots=slots,
        hosts=_find_hosts(facts, pythons),
        resources={SANDBOX: 1} if needs_sandbox else {},
    )


def _find_faults(
    facts: Mapping[str, WorkerFacts | Exception],
    resources: Mapping[str, Mapping[str, float]],
    pythons: Sequence[str],
    *,
    needs_sandbox: bool,
    is_local: bool,
) -> Iterator[str]:
    """Yield a sentence for each reason why the workers cannot fill the matrix."""
    for worker, each in facts.items():
        if fault := _find_fault(each):
            yield f"{worker} {fault}"
    known = {worker: each for worker, each in facts.items() if isinstance(each, WorkerFacts)}
    for python in pythons:
        if not any(python in each.pythons for each in known.values()):
            yield f"no worker has the interpreter {python}; install it, or leave --python {python} out"
    if not needs_sandbox:
        return
    having = [worker for worker, each in resources.items() if each.get(SANDBOX)]
    if not having and is_local:
        yield "the kernel of this machine cannot isolate a smoke (`minreq doctor` says why)"
    elif not having:
        start = f"`dask worker --resources {SANDBOX}=1`"
        yield f"no worker has the resource {SANDBOX}; where `minreq doctor` finds a sandbox, start one: {start}"
    for worker in having:
        if worker in known and not known[worker].sandbox:
            yield f"{worker} has the resource {SANDBOX}, but its kernel cannot isolate a smoke"


def _find_fault(facts: WorkerFacts | Exception) -> str | None:
    """Return why the worker with *facts* can fill no cell, ``None`` where it can."""
    if isinstance(facts, ImportError):
        return "has no minreq with `minreq matrix`; install this version there, with its extra dask"
    if not isinstance(facts, WorkerFacts):
        return f"does not answer: {type(facts).__name__}: {facts}"
    if facts.minreq != own_digest():
        return "has another version of minreq; install the same one on every machine, and start the worker again"
    if facts.disk < _LEAST_DISK:
        return f"has {facts.disk:,} free bytes for its cache; a cell may need {_LEAST_DISK:,}"
    return None


def _find_hosts(facts: Mapping[str, WorkerFacts | Exception], pythons: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Return the hosts that have an interpreter that other hosts lack, by its name.

    Not the workers: a worker that Dask starts again has another port.
    """
    having: dict[str, set[str]] = defaultdict(set)
    hosts: set[str] = set()
    for worker, each in facts.items():
        host = worker.split("://")[-1].rpartition(":")[0]
        hosts.add(host)
        for python in each.pythons if isinstance(each, WorkerFacts) else ():
            having[python].add(host)
    return {python: sorted(having[python]) for python in pythons if having[python] != hosts}


def _read_result(future: Any, job: CellJob) -> CellResult:
    """Return the result of *future*; what no worker could fill is unfinished."""
    if future.status == "finished":
        result: CellResult = future.result()
        return result
    reason, sentence = _describe_failure(future.exception() if future.status == "error" else None)
    return make_result(job, status="unfinished", reason=reason, sentence=sentence)


def _describe_failure(error: BaseException | None) -> tuple[str, str]:
    """Return the reason code and the sentence of a cell that ended with *error*; ``None``: with no answer."""
    if error is None:
        return "scheduler-lost", "the connection to the scheduler was lost"
    if isinstance(error, KilledWorker):
        # The limit is a setting of the scheduler.
        count = error.allowed_failures + 1
        return "worker-ended", f"{count} workers ended while they filled the cell: killed, or without memory left"
    reason = "other-minreq" if isinstance(error, OtherMinreq) else "worker-failed"
    return reason, f"{type(error).__name__}: {error}"
