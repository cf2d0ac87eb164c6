"""The full install of a closure, one run of the smoke on it, and what people do by hand to find out what it needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from measuring import TimedRun, run, timed
from packaging.utils import canonicalize_name

from minreq.model import Lock, Plan, Script
from minreq.smoke.emulatorprocess import Emulator

BARE_SMOKE = Path(__file__).parent / "bare_smoke.py"

#: How an error names a module or a distribution that is not there.
_MISSING = re.compile(r"No module named '(?P<module>\w+)|pip install '?(?P<project>[\w.-]+)")

#: Which distributions have a top-level module: as the full install has them.
_OWNERS = "import importlib.metadata as m, json; print(json.dumps(m.packages_distributions()))"


@dataclass(frozen=True, slots=True, kw_only=True)
class BareSmoke:
    """A smoke without minreq; the emulator stays up between runs, as its start is no part of a smoke."""

    plan: Plan
    emulator: Emulator
    scratch: Path

    def run(self, environment: Path, *, fails: bool = False) -> str:
        """Run it once with the interpreter of a virtual *environment*; return its output where it failed."""
        first = () if self.plan.first is None else (self.plan.first,)
        groups = (first, *(group.scripts for group in self.plan.groups))
        authority = self.scratch / "authority.pem"
        authority.write_text(self.emulator.authority, encoding="ascii")
        variables = {
            **self.plan.environment,
            **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE"), str(authority)),
            "HOME": str(self.scratch),
            "PATH": os.defpath,
        }
        facts = json.dumps([[self._script_facts(script) for script in scripts] for scripts in groups])
        output = run(
            [str(environment / "bin/python"), str(BARE_SMOKE)], environment=variables, stdin=facts, fails=fails
        )
        for scripts in groups:
            for script in scripts:
                self.emulator.close(script.stage)
        return output

    def _script_facts(self, script: Script) -> Mapping[str, object]:
        endpoints = self.emulator.open(script.stage)
        environment = {
            name: value.replace("{https}", endpoints.https).replace("{http}", endpoints.http)
            for name, value in script.environment.items()
        }
        return {"file": str(script.file), "environment": environment, "arguments": script.arguments}


def environment(folder: Path) -> Path:
    """Make an empty virtual environment."""
    run([sys.executable, "-m", "venv", str(folder)])
    return folder


def install(at: Path, requirements: Sequence[str], *options: str, cache: Path | None = None) -> None:
    """Let pip install *requirements* into a virtual environment."""
    variables = {**os.environ, **({"PIP_CACHE_DIR": str(cache)} if cache else {})}
    command = [str(at / "bin/python"), "-m", "pip", "install", "--quiet", *options, *requirements]
    run(command, environment=variables)


def install_all(at: Path, lock: Lock) -> Path:
    """Make the full install: the whole closure at the pins of *lock*."""
    install(environment(at), [f"{name}=={pin.version}" for name, pin in lock.resolution.pins.items()], "--no-deps")
    return at


def plain_loop(lock: Lock, full: Path, smoke: BareSmoke, scratch: Path) -> TimedRun:
    """Install the root alone, run, read what is missing, install that one, again, until it runs."""
    owners = json.loads(run([str(full / "bin/python"), "-c", _OWNERS]))
    pins = {str(name): str(pin.version) for name, pin in lock.resolution.pins.items()}
    installed: list[str] = []
    gave_up: list[str] = []

    def loop() -> None:
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            at = environment(Path(folder, "venv"))
            required: str | None = str(lock.resolution.root)
            while required is not None:
                install(at, [f"{required}=={pins[required]}"], "--no-deps")
                installed.append(required)
                output = smoke.run(at, fails=True)
                required = next(
                    (each for each in _named(output, owners) if each in pins and each not in installed), None
                )
                if output and required is None:
                    gave_up.append(output.strip().splitlines()[-1][:80])

    measured = timed(loop)
    remark = f"{len(installed)} installs and runs" + (f", then given up: {gave_up[0]}" if gave_up else "")
    return TimedRun(wall=measured.wall, processor=measured.processor, remark=remark)


def _named(output: str, owners: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The distributions that an error names, the last first, as its cause stands above."""
    for match in reversed([*_MISSING.finditer(output)]):
        names = owners.get(match["module"], ()) if match["module"] else [match["project"]]
        yield from (re.sub(r"[-_.]+", "-", name).lower() for name in names)


def leave_one_out(lock: Lock, full: Path, smoke: BareSmoke, most: int | None) -> TimedRun:
    """Run the smoke once without each distribution of the closure, or *most* of them, evenly chosen."""
    names = [str(name) for name in lock.resolution.pins if name != lock.resolution.root]
    chosen = names if most is None or most >= len(names) else [names[i * len(names) // most] for i in range(most)]

    def loop() -> None:
        for name in chosen:
            with without(full, name):
                smoke.run(full, fails=True)

    measured, factor = timed(loop), len(names) / len(chosen)
    remark = f"{len(names)} runs" + (f", of which {len(chosen)} were measured" if factor > 1 else "")
    return TimedRun(wall=measured.wall * factor, processor=measured.processor * factor, remark=remark, scaled=factor)


@contextmanager
def without(full: Path, name: str) -> Iterator[None]:
    """Move all files of a distribution aside, for as long as the context lasts."""
    (packages,) = full.glob("lib/python*/site-packages")
    (distribution,) = (
        each for each in distributions(path=[str(packages)]) if canonicalize_name(each.metadata["Name"]) == name
    )
    files = {Path(os.path.normpath(str(file.locate()))) for file in distribution.files or ()}
    with tempfile.TemporaryDirectory(dir=full) as aside:
        moved = {file: Path(aside, str(number)) for number, file in enumerate(sorted(files)) if file.is_file()}
        for file, away in moved.items():
            file.rename(away)
        # A folder without files would still be a namespace package.
        for folder in sorted(
            {parent for file in moved for parent in file.parents if full in parent.parents}, reverse=True
        ):
            if folder.is_dir() and all(each.name == "__pycache__" for each in folder.iterdir()):
                shutil.rmtree(folder)
        try:
            yield
        finally:
            for file, away in moved.items():
                file.parent.mkdir(parents=True, exist_ok=True)
                away.rename(file)
