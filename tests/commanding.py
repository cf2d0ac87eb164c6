"""Runs the command line on a wheelhouse, in its own folders, with a real index, store and children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wheelhouse import Wheelhouse, parse, write

#: The configuration of the host has no effect.
_ENVIRONMENT: Mapping[str, str] = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INPUT": "1", "PIP_RETRIES": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def sentences(self) -> list[str]:
        """The error, line by line."""
        return [line.strip() for line in self.err.partition("error: ")[2].splitlines()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A working directory with an index, and a cache."""

    wheelhouse: Wheelhouse
    folder: Path
    cache: Path
    #: The URL of another index than the wheelhouse.
    index: str | None = None
    #: In the place of the system's temporary folder.
    temporary: Path | None = None

    @property
    def lock(self) -> Path:
        return self.folder / "requirements-minimal.txt"

    @property
    def evidence(self) -> Path:
        return self.folder / "requirements-minimal.evidence.json"

    @property
    def store(self) -> Path:
        return self.cache / "wheels"

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MINREQ_"))}
        temporary = {} if self.temporary is None else {"TMPDIR": str(self.temporary)}
        return {**kept, **_ENVIRONMENT, **temporary, "MINREQ_CACHE_DIR": str(self.cache)}

    def command(self, *arguments: str) -> list[str]:
        index = (
            ()
            if arguments[0] in {"analyze", "cache", "check", "diff", "explain"}
            else ("--index-url", self.index or self.wheelhouse.url)
        )
        return [sys.executable, "-m", "minreq", *arguments, *index]

    def minreq(self, *arguments: str) -> Done:
        """Run the command as a user does."""
        return self._run(self.command(*arguments))

    def python(self, code: str, *arguments: str) -> Done:
        """Run *code*, which finds *arguments* in ``sys.argv``, as `minreq` runs a command."""
        return self._run([sys.executable, "-c", code, *arguments])

    def _run(self, command: list[str]) -> Done:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            cwd=self.folder,
            env=self.environment(),
        )
        return Done(status=done.returncode, out=done.stdout, err=done.stderr)

    def make_lock(self, *arguments: str) -> Done:
        """Lock the root of the scenario with its program as the smoke."""
        root = self.wheelhouse.scenario.root
        done = self.minreq("lock", root, "--smoke", "smoke.py", "-j", "2", "-q", *arguments)
        if done.status:
            raise AssertionError(done.err)
        return done


def project(text: str, folder: Path) -> Project:
    """Write the scenario *text* below *folder*; its program is ``smoke.py`` in the working directory."""
    wheelhouse = write(parse(text), folder / "wheelhouse")
    (folder / "work").mkdir()
    made = Project(wheelhouse=wheelhouse, folder=folder / "work", cache=folder / "cache")
    (made.folder / "smoke.py").write_text(wheelhouse.scenario.program)
    return made
