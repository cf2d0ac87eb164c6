"""What can be wrong with the command line, the configuration and the files they name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from minreq.errors.branches import UsageError, listed, perhaps


class InvalidOptions(UsageError):
    """Options that cannot be meant, each with its place: a flag, or a file and key."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return self.faults[0] if len(self.faults) == 1 else f"{len(self.faults)} options are wrong{listed(self.faults)}"


class ConfigurationUnreadable(UsageError):
    """A ``pyproject.toml`` that cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read the configuration {self.path}: {self.why}"


class UnknownLock(UsageError):
    """No lock of that name is configured, or one has to be chosen; *name* is ``None`` when none was."""

    def __init__(self, name: str | None, known: Sequence[str], suggestion: str = "") -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, tuple(known), suggestion

    def __str__(self) -> str:
        nothing = "none is configured; leave --name out, or write [tool.minreq.locks.NAME]"
        known = f"configured in [tool.minreq.locks]: {', '.join(self.known)}" if self.known else nothing
        if self.name is None:
            return f"several locks are configured; choose one with --name ({known})"
        return f"no lock is named {self.name!r}{self.suggestion} ({known})"


class NothingToRun(UsageError):
    """Neither a provider nor a smoke was named, so that there is nothing to watch."""

    def __str__(self) -> str:
        return (
            "nothing to run: name the providers the program uses (--providers openai,bedrock), its code (--scan PATH) "
            "or a script that exercises it (--smoke FILE), here or in [tool.minreq] of pyproject.toml "
            "(providers = [...], scan = [...], smoke = [...])"
        )


class SmokeMissing(UsageError):
    """A script that a lock was made with lies neither beside the lock nor in the working directory."""

    reason = "smoke-missing"

    def __init__(self, smoke: str, lock: str) -> None:
        super().__init__(smoke, lock)
        self.smoke, self.lock = smoke, lock

    def __str__(self) -> str:
        return f"{self.lock} was made with the smoke {self.smoke}, which is not there; say where it is with --smoke"


class SmokeUnusable(UsageError):
    """What ``--smoke`` names is no script that could be run."""

    reason = "smoke-unusable"

    def __init__(self, smoke: str, problem: str) -> None:
        super().__init__(smoke, problem)
        self.smoke, self.problem = smoke, problem

    def __str__(self) -> str:
        return f"--smoke {self.smoke}: {self.problem}"


class OutputUnwritable(UsageError):
    """A result cannot be written; what stood there before still stands."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.why}"


class OutputFolderMissing(OutputUnwritable):
    """A result is to be written into a folder that does not exist: a slip as often as a wish, so none is made."""

    def __init__(self, path: Path, folder: Path) -> None:
        make = f"mkdir -p {shlex.quote(str(folder))}"
        super().__init__(path, f"there is no folder {folder}; make it ({make}), or name another place")
        self.folder = folder


class UnknownPlatform(UsageError):
    """``--platform`` names no preset."""

    reason = "unknown-platform"

    def __init__(self, name: str, known: tuple[str, ...], suggestion: str | None) -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, known, suggestion

    def __str__(self) -> str:
        hint = f"did you mean {self.suggestion}?" if self.suggestion else f"known are {', '.join(self.known)}"
        return f"no platform {self.name!r}; {hint}"


class UnknownProvider(UsageError):
    """The profile of the root has no provider of that name."""

    reason = "unknown-provider"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        if not self.known:
            return f"no provider {self.name!r}: the root has no profile, give a script with --smoke instead"
        return f"no provider {self.name!r}{perhaps(self.name, self.known)}; there are: {', '.join(self.known)}"


class UnknownFeature(UsageError):
    """None of the chosen providers has a smoke of that name."""

    reason = "unknown-feature"

    def __init__(self, name: str, providers: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(name, providers, known)
        self.name, self.providers, self.known = name, providers, known

    def __str__(self) -> str:
        return (
            f"no feature {self.name!r} of {', '.join(self.providers)}{perhaps(self.name, self.known)}; "
            f"there are: {', '.join(self.known)}"
        )


class ProfileInvalid(UsageError):
    """A profile cannot be read, or says what cannot be meant."""

    reason = "profile-invalid"

    def __init__(self, file: Path, faults: tuple[str, ...]) -> None:
        super().__init__(file, faults)
        self.file, self.faults = file, faults

    def __str__(self) -> str:
        return f"the profile {self.file} is not valid: {'; '.join(self.faults)}"


class RequirementsUnreadable(UsageError):
    """A requirements or constraints file says something that cannot be read or meant here."""

    reason = "requirements"

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        self.path, self.problem = path, problem
        #: ``None`` where the whole file is meant.
        self.line = line

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.problem}"


class PythonNotFound(UsageError):
    """There is no interpreter at that place."""

    reason = "python-not-found"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        return f"no Python interpreter at {self.python}; name one with --python"


class PythonUnusable(UsageError):
    """An interpreter does not run, or is too old to be asked."""

    reason = "python-unusable"

    def __init__(self, python: str, problem: str) -> None:
        super().__init__(python, problem)
        self.python, self.problem = python, problem

    def __str__(self) -> str:
        return f"cannot use the interpreter {self.python}: {self.problem}"


class ProjectBuildFailed(UsageError):
    """No wheel could be made from a folder."""

    reason = "project-build-failed"

    def __init__(self, project: Path, lines: Sequence[str]) -> None:
        super().__init__(project, lines)
        self.project, self.lines = project, tuple(lines)

    def __str__(self) -> str:
        said = "".join(f"\n  {line}" for line in self.lines)
        return f"cannot build a wheel from the project in {self.project}; mend it, or name a root; pip said:{said}"
