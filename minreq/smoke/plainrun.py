"""Run the scripts of a smoke without the hook of minreq: each in a plain interpreter, in isolation by the kernel."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from minreq.counts import pluralize
from minreq.model import Behaviour, Script, StageBehaviour
from minreq.smoke.environment import Installed
from minreq.smoke.messages import split_output
from minreq.smoke.processes import wait_or_end
from minreq.smoke.runfolder import RunFolder
from minreq.smoke.runsetup import RunSetup
from minreq.smoke.start import Access, start_isolated

#: Bytes of stdout and of stderr that are compared.
_MAX_OUTPUT = 16 << 20


def run_plainly(setup: RunSetup, name: str, installed: Installed, scripts: Iterable[Script], *, seed: int) -> Behaviour:
    """Run *scripts* one after the other, each by itself; return status, stdout and stderr of each.

    The environment is that of a run with what is *installed*, without the file that loads the hook; the tools of the
    smoke are on the path behind it. Only the kernel can isolate such a run.
    """
    stages: list[StageBehaviour] = []
    for script in scripts:
        with RunFolder(setup.executable, setup.version) as folder:
            folder.prepare_without_hook(
                installed, merge=setup.isolation.merges, tools=_tools(setup), files=setup.plan.files
            )
            stages.append(_run_script(setup, f"{name}/{script.stage}", folder, script, seed))
    return Behaviour(stages=tuple(stages))


def _tools(setup: RunSetup) -> list[Path]:
    return [] if setup.tools is None else [*setup.tools.folders.values()]


def _run_script(setup: RunSetup, name: str, folder: RunFolder, script: Script, seed: int) -> StageBehaviour:
    path_map = setup.make_path_map(folder.path)
    access = Access(
        writable=folder.path,
        readable=[each.resolve() for each in _tools(setup)],
        merged=folder.merged,
        network=setup.emulator.pid,
    )
    with (
        _open_endpoints(setup, name, script) as variables,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        child = start_isolated(
            setup.isolation,
            [str(folder.python), str(script.file), *script.arguments],
            access,
            environment={**folder.environment(setup.plan.environment, seed=seed), **variables},
            folder=folder.work,
            stdout=output,
            stderr=errors,
        )
        status = wait_or_end(child, setup.stage_timeout, in_namespace=setup.isolation.kernel)
        printed, shown = (path_map.make_output_portable(_read(file)) for file in (output, errors))
        complaints = tuple(shown.splitlines())
    if status is None:
        text = f"did not end within {pluralize(setup.stage_timeout, 'second')}"
    else:
        text = next((line for line in reversed(complaints) if line), f"exit {status}") if status else "passed"
    return StageBehaviour(stage=script.stage, status=text, output=split_output(printed), errors=complaints)


@contextmanager
def _open_endpoints(setup: RunSetup, name: str, script: Script) -> Iterator[dict[str, str]]:
    """Let the emulator listen for *script*; yield the variables of the script."""
    endpoints = setup.emulator.open(name)
    try:
        yield setup.fill_in(script, endpoints)
    finally:
        setup.emulator.close(name)


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_MAX_OUTPUT).decode("utf-8", "backslashreplace")
