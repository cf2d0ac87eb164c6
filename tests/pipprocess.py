"""A process that runs pip's `install --dry-run` again and again: importing pip takes longer than most of its runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from packaging.version import Version

PIP = Version(version("pip"))

#: Reads a line of JSON for each run, and answers with status and end of its errors. Each run is a fork: pip keeps
#: options of earlier runs in its module globals. pip writes to the two standard streams.
_PROGRAM = """
import json, os, sys, tempfile, traceback
import pip._internal.commands.install
from pip._vendor.packaging import markers
from pip._internal.cli.main import main
answers = os.fdopen(os.dup(1), "w")
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
for line in sys.stdin:
    errors = tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        status = 2
        try:
            os.dup2(errors.fileno(), 2)
            run = json.loads(line)
            os.chdir(run["folder"])
            for name in [each for each in os.environ if each.startswith("PIP_")]:
                del os.environ[name]
            os.environ.update(run["environment"])
            if run["markers"]:
                markers.default_environment = lambda: dict(run["markers"])
            status = main(run["arguments"])
        except SystemExit as error:
            status = error.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    errors.seek(0)
    print(json.dumps([status, errors.read().decode("utf-8", "replace")[-4000:]]), file=answers, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Pip:
    """A running process."""

    process: subprocess.Popen[str]

    def resolve(self, folder: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str] | None:
        """Return what pip would install, name to version; ``None`` where it refuses."""
        installed = self.install(folder, arguments, environment)
        if isinstance(installed, str):
            return None
        return {each["metadata"]["name"]: each["metadata"]["version"] for each in installed}

    def install(
        self,
        folder: Path,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        markers: Mapping[str, str] | None = None,
    ) -> list[dict[str, Any]] | str:
        """Return the entries of pip's report on what it would install, or the errors that it writes.

        *markers* are those of another platform.
        """
        report = folder / "report.json"
        options = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report), *arguments]
        fixed = {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        run = {"folder": str(folder), "arguments": options, "environment": {**fixed, **environment}}
        run["markers"] = dict(markers or {})
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(run)}\n")
        self.process.stdin.flush()
        status, errors = json.loads(self.process.stdout.readline())
        if status:
            return str(errors)
        installed: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["install"]
        return installed


@contextmanager
def start_pip() -> Iterator[Pip]:
    """Start the process; it ends with the block."""
    command = [sys.executable, "-c", _PROGRAM]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    # By itself pip reads metadata by other code before Python 3.11, which fails with other errors.
    environment = {**os.environ, "_PIP_USE_IMPORTLIB_METADATA": "1"}
    with subprocess.Popen(command, text=True, encoding="utf-8", env=environment, **pipes) as process:  # type: ignore[call-overload]
        yield Pip(process)
        assert process.stdin is not None
        process.stdin.close()
