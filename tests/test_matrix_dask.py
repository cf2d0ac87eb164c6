"""`minreq matrix` on Dask: an embedded cluster, and a scheduler with workers as a user starts them on loopback."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from commanding import Done, Project, project

pytest.importorskip("distributed")
pytestmark = pytest.mark.dask

from distributed import KilledWorker  # noqa: E402 # Only where Dask is.

from minreq.config.matrix import matrix_settings  # noqa: E402
from minreq.matrix import daskengine  # noqa: E402
from minreq.system.owndigest import own_digest  # noqa: E402

SCENARIO = """
explanation = "Three releases, the last one broken."
requirements = ["app"]
program = "import app, time; time.sleep(0.5)"
[wheels]
app."1.0" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
app."1.1" = { requires = ["needed"], files = { "app/__init__.py" = "import needed" } }
app."1.2" = { requires = ["needed"], files = { "app/__init__.py" = "import forgotten" } }
needed."1.0" = {}
"""
MATRIX = ("matrix", "--root", "app>=1", "--smoke", "smoke.py", "--json")
EXPECTED = [("1.0", "done", 2), ("1.1", "done", 2), ("1.2", "failed", None)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCluster:
    """A scheduler with two workers."""

    address: str
    worker: subprocess.Popen[str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return project(SCENARIO, tmp_path_factory.mktemp("dask"))


def start(stack: ExitStack, made: Project, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dask", *arguments, "--host", "127.0.0.1"]
    process = stack.enter_context(
        subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=made.environment(), cwd=made.folder.parent)
    )
    stack.callback(process.terminate)
    return process


@pytest.fixture(scope="module")
def cluster(made: Project) -> Iterator[RunningCluster]:
    with ExitStack() as stack:
        scheduler = start(stack, made, "scheduler", "--port", "0", "--no-dashboard")
        assert scheduler.stderr is not None
        address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
        worker = start(stack, made, "worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
        yield RunningCluster(address=address, worker=worker)


def rows(done: Done) -> list[tuple[str, str, int | None]]:
    return [(each["version"], each["status"], each["kept"]) for each in json.loads(done.out)["cells"]]


def test_without_an_option_dask_fills_the_cells_on_this_machine(made: Project, tmp_path: Path) -> None:
    done = made.minreq(*MATRIX, "-o", str(tmp_path / "out"))
    assert (done.status, rows(done)) == (0, EXPECTED), done.err
    assert not list(made.folder.glob("dask*"))


def test_a_cluster_fills_the_cells_with_the_files_of_this_machine(
    made: Project, cluster: RunningCluster, tmp_path: Path
) -> None:
    """The smoke goes to the workers, whose working directory lacks it; a worker that is killed loses nothing."""
    command = made.command(*MATRIX, "-o", str(tmp_path / "out"), "--scheduler", cluster.address)
    with subprocess.Popen(
        command, cwd=made.folder, env=made.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "at the same time" in line:
                break
        time.sleep(1)
        children = Path(f"/proc/{cluster.worker.pid}/task/{cluster.worker.pid}/children").read_text().split()
        os.kill(int(children[-1]), signal.SIGKILL)
        out, err = process.communicate(timeout=120)
    done = Done(status=process.returncode, out=out, err=err)
    assert (done.status, rows(done)) == (0, EXPECTED), done.err


def test_what_is_wrong_with_a_cluster_is_a_sentence(made: Project, cluster: RunningCluster, tmp_path: Path) -> None:
    arguments = (*MATRIX[:-1], "-o", str(tmp_path / "out"), "--scheduler")
    done = made.minreq(*arguments, "tcp://127.0.0.1:1")
    assert (done.status, done.sentences[0].partition(":")[0]) == (5, "no scheduler of Dask answers at tcp")
    done = made.minreq(*arguments, cluster.address.replace("tcp", "tls"))
    assert (done.status, "TLS" in done.err, "Traceback" in done.err) == (5, True, False)
    done = made.minreq(*arguments, cluster.address, "--require-sandbox", "--python", "3.99")
    assert done.status == 2
    assert done.sentences[1] == "no worker has the interpreter 3.99; install it, or leave --python 3.99 out"
    assert "no worker has the resource minreq-sandbox" in done.sentences[2]


GOOD = daskengine.WorkerFacts(minreq=own_digest(), pythons=frozenset({"3.12"}), sandbox=True, disk=1 << 40)


@pytest.mark.parametrize(
    ("facts", "fault"),
    [
        (GOOD, None),
        (replace(GOOD, minreq="other"), "has another version of minreq"),
        (replace(GOOD, disk=1), "has 1 free bytes"),
        (ModuleNotFoundError("No module named 'minreq'"), "has no minreq"),
        (OSError("gone"), "does not answer: OSError: gone"),
    ],
    ids=["good", "version", "disk", "without-minreq", "silent"],
)
def test_a_worker_that_cannot_fill_cells(facts: daskengine.WorkerFacts | Exception, fault: str | None) -> None:
    found = daskengine._find_fault(facts)
    assert (found is None) == (fault is None)
    assert fault is None or str(found).startswith(fault)


#: The last one that died; no sentence names it.
ANY_WORKER: Any = None


@pytest.mark.parametrize(
    ("error", "reason", "sentence"),
    [
        (KilledWorker("cell", ANY_WORKER, 3), "worker-ended", "4 workers ended"),
        (daskengine.OtherMinreq("another version"), "other-minreq", "OtherMinreq: another version"),
        (OSError("disk full"), "worker-failed", "OSError: disk full"),
        (None, "scheduler-lost", "the connection to the scheduler was lost"),
    ],
    ids=["killed", "version", "failed", "lost"],
)
def test_what_no_worker_could_fill(error: Exception | None, reason: str, sentence: str) -> None:
    found = daskengine._describe_failure(error)
    assert (found[0], found[1][: len(sentence)]) == (reason, sentence)


def test_no_note_names_the_dashboard_of_another_scheduler(
    cluster: RunningCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was started without a dashboard; whether bokeh is beside minreq says nothing about it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    settings = matrix_settings({"cache_dir": tmp_path, "smokes": (Path(__file__),)}, {})
    notes: list[str] = []
    with daskengine.open_cluster(settings, cluster.address, 1, notes.append):
        assert notes == []


def test_only_hosts_with_the_interpreter_get_its_cells() -> None:
    facts = {"tcp://10.0.0.1:1": GOOD, "tcp://10.0.0.2:2": replace(GOOD, pythons=frozenset({"3.12", "3.13"}))}
    assert daskengine._find_hosts(facts, ["3.12", "3.13"]) == {"3.13": ["10.0.0.2"]}


def test_a_worker_with_another_minreq_fills_nothing(tmp_path: Path) -> None:
    from test_matrix import job  # noqa: PLC0415 # As above.

    with pytest.raises(daskengine.OtherMinreq):
        daskengine.fill_on_worker(job(tmp_path, "1"), "other", None)
