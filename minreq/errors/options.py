"""Errors of the command line, the configuration and the files that they name."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from minreq.errors.branches import NegativeAnswer, UsageError, format_parts, suggest


class InvalidOptions(UsageError):
    """Options are invalid; each fault names its place: a flag, or a file and key."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return (
            self.faults[0]
            if len(self.faults) == 1
            else f"{len(self.faults)} options are wrong{format_parts(self.faults)}"
        )


class ConfigurationUnreadable(UsageError):
    """A ``pyproject.toml`` cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read the configuration {self.path}: {self.why}"


class AdvisoriesUnreadable(UsageError):
    """A file of advisories cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read the advisories {self.path}: {self.why}"


class BuildOfOtherLock(UsageError):
    """A tree was not built by minreq from this lock."""

    def __init__(self, tree: Path, lock: Path, why: str) -> None:
        super().__init__(tree, lock, why)
        self.tree, self.lock, self.why = tree, lock, why

    def __str__(self) -> str:
        return f"{self.tree} is no build of {self.lock}: {self.why}; build it again with `minreq build`"


class NotConfirmed(NegativeAnswer):
    """`minreq init` wrote nothing: nobody said yes."""

    reason = "not-confirmed"

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__(files)
        self.files = tuple(files)

    def __str__(self) -> str:
        return f"wrote nothing; --yes writes {', '.join(self.files)}"


class UnknownLock(UsageError):
    """No lock of this name is configured, or none of several is chosen (*name* is ``None``)."""

    def __init__(self, name: str | None, known: Sequence[str], suggestion: str = "") -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, tuple(known), suggestion

    def __str__(self) -> str:
        nothing = "no locks are configured; omit --name, or add [tool.minreq.locks.NAME]"
        known = f"configured in [tool.minreq.locks]: {', '.join(self.known)}" if self.known else nothing
        if self.name is None:
            return f"several locks are configured; choose one with --name ({known})"
        return f"no lock is named {self.name!r}{self.suggestion} ({known})"


class NothingToRun(UsageError):
    """No provider, no code to scan and no smoke is named; *lock* is one of another *root*, if there is one."""

    def __init__(self, lock: str = "", root: str = "") -> None:
        super().__init__(lock, root)
        self.lock, self.root = lock, root

    def __str__(self) -> str:
        other = f"{self.lock} is for {self.root}, so its options are not used; " if self.lock else ""
        return (
            f"nothing to run: {other}name the providers of the program (--providers openai,bedrock), its code "
            "(--scan PATH) or a script that shows that it works (--smoke FILE), here or in [tool.minreq] of "
            "pyproject.toml (providers = [...], scan = [...], smoke = [...])"
        )


class SmokeMissing(UsageError):
    """A smoke script of a lock is neither beside the lock nor in the working directory."""

    reason = "smoke-missing"

    def __init__(self, smoke: str, lock: str) -> None:
        super().__init__(smoke, lock)
        self.smoke, self.lock = smoke, lock

    def __str__(self) -> str:
        return f"cannot find {self.smoke}, the smoke of {self.lock}; name its new place with --smoke"


class SmokeFileMissing(UsageError):
    """A file of the smoke of a lock is neither beside the lock nor in the working directory."""

    reason = "smoke-file-missing"

    def __init__(self, file: str, lock: str) -> None:
        super().__init__(file, lock)
        self.file, self.lock = file, lock

    def __str__(self) -> str:
        return f"cannot find {self.file}, a file of the smoke of {self.lock}; name its new place with --smoke-file"


class SmokeFileUnusable(UsageError):
    """The value of ``--smoke-file`` cannot be copied."""

    reason = "smoke-file-unusable"

    def __init__(self, file: str, problem: str) -> None:
        super().__init__(file, problem)
        self.file, self.problem = file, problem

    def __str__(self) -> str:
        return f"--smoke-file {self.file}: {self.problem}"


class SmokeUnusable(UsageError):
    """The value of ``--smoke`` cannot be run."""

    reason = "smoke-unusable"

    def __init__(self, smoke: str, problem: str) -> None:
        super().__init__(smoke, problem)
        self.smoke, self.problem = smoke, problem

    def __str__(self) -> str:
        return f"--smoke {self.smoke}: {self.problem}"


class ExtraMissing(UsageError):
    """A command needs a library that an extra of minreq installs.

    *instead* says what does without it.
    """

    reason = "extra-missing"

    def __init__(self, command: str, extra: str, module: str, instead: str = "") -> None:
        super().__init__(command, extra, module, instead)
        self.command, self.extra, self.module, self.instead = command, extra, module, instead

    def __str__(self) -> str:
        return (
            f"`minreq {self.command}` needs the module {self.module}; install minreq with the extra: "
            f"pip install '.[{self.extra}]' in a checkout of minreq{self.instead and f'; or {self.instead}'}"
        )


class OutputUnwritable(UsageError):
    """A result cannot be written; the previous file is unchanged."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.why}"


class OutputFolderMissing(OutputUnwritable):
    """The folder of a result does not exist. minreq does not create it: the path may be a typing error."""

    def __init__(self, path: Path, folder: Path) -> None:
        make = f"mkdir -p {shlex.quote(str(folder))}"
        super().__init__(path, f"there is no folder {folder}; create it ({make}), or name another path")
        self.folder = folder


class UnknownPlatform(UsageError):
    """``--platform`` names no known platform."""

    reason = "unknown-platform"

    def __init__(self, name: str, known: tuple[str, ...], suggestion: str | None) -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, known, suggestion

    def __str__(self) -> str:
        hint = f"did you mean {self.suggestion}?" if self.suggestion else f"known platforms: {', '.join(self.known)}"
        return f"no platform {self.name!r}; {hint}"


class UnknownRuntime(UsageError):
    """``--runtime`` names no known runtime."""

    reason = "unknown-runtime"

    def __init__(self, name: str, known: tuple[str, ...], suggestion: str | None) -> None:
        super().__init__(name, known, suggestion)
        self.name, self.known, self.suggestion = name, known, suggestion

    def __str__(self) -> str:
        hint = f"did you mean {self.suggestion}?" if self.suggestion else "name what it has with --provided"
        return f"no runtime {self.name!r}; {hint} (known runtimes: {', '.join(self.known)})"


class RuntimeDiffers(UsageError):
    """The Python of ``--runtime`` is not that of the lock."""

    reason = "runtime-differs"

    def __init__(self, runtime: str, python: str, platform: str, version: str) -> None:
        super().__init__(runtime, python, platform, version)
        self.runtime, self.python, self.platform, self.version = runtime, python, platform, version

    def __str__(self) -> str:
        is_host = self.platform == "host"
        place = "" if is_host else f" on {self.platform}"
        advice = f"name a Python {self.python} with --python" if is_host else "make --runtime and --platform agree"
        return f"--runtime {self.runtime} has Python {self.python}, but the lock is for {self.version}{place}; {advice}"


class UnknownProvider(UsageError):
    """The profile of the root has no provider of this name."""

    reason = "unknown-provider"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name, self.known = name, known

    def __str__(self) -> str:
        if not self.known:
            return f"no provider {self.name!r}: the root has no profile; name a script with --smoke instead"
        return f"no provider {self.name!r}{suggest(self.name, self.known, cutoff=0.7)}; known: {', '.join(self.known)}"


class UnknownFeature(UsageError):
    """None of the chosen providers has a feature of this name.

    *providers* is empty if these are all providers.
    """

    reason = "unknown-feature"

    def __init__(self, name: str, providers: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(name, providers, known)
        self.name, self.providers, self.known = name, providers, known

    def __str__(self) -> str:
        of = f" of {', '.join(self.providers)}" if self.providers else ""
        return f"no feature {self.name!r}{of}{suggest(self.name, self.known)}; known: {', '.join(self.known)}"


class ProfileInvalid(UsageError):
    """A profile cannot be read, or its content is invalid."""

    reason = "profile-invalid"

    def __init__(self, file: Path, faults: tuple[str, ...]) -> None:
        super().__init__(file, faults)
        self.file, self.faults = file, faults

    def __str__(self) -> str:
        return f"the profile {self.file} is not valid: {'; '.join(self.faults)}"


class RequirementsUnreadable(UsageError):
    """A requirements or constraints file cannot be read, or a line of it is invalid."""

    reason = "requirements"

    def __init__(self, path: Path | str, line: int | None, problem: str) -> None:
        super().__init__(path, line, problem)
        #: Or its URL.
        self.path = str(path)
        self.problem = problem
        #: ``None``: the whole file.
        self.line = line

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}, line {self.line}"
        return f"{place}: {self.problem}"


class MarkerInvalid(UsageError):
    """The marker of a requirement cannot be evaluated."""

    reason = "marker"

    def __init__(self, requirement: str, problem: str) -> None:
        super().__init__(requirement, problem)
        self.requirement, self.problem = requirement, problem

    def __str__(self) -> str:
        return f"{self.requirement}: {self.problem}; correct the marker"


class RootNotApplicable(UsageError):
    """The marker of the root holds on none of the platforms."""

    reason = "root-not-applicable"

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.root = root

    def __str__(self) -> str:
        return f"{self.root}: the marker does not hold on this platform, so there is nothing to lock; omit the marker"


class PythonNotFound(UsageError):
    """There is no interpreter at this path, or of this version on ``PATH``."""

    reason = "python-not-found"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        if self.python[0].isdigit():
            return f"no Python {self.python} on PATH; install it, or name the path of an interpreter with --python"
        return f"no Python interpreter at {self.python}; name one with --python"


class PythonUnusable(UsageError):
    """An interpreter does not run, or is too old."""

    reason = "python-unusable"

    def __init__(self, python: str, problem: str) -> None:
        super().__init__(python, problem)
        self.python, self.problem = python, problem

    def __str__(self) -> str:
        return f"cannot use the interpreter {self.python}: {self.problem}"


class ProjectBuildFailed(UsageError):
    """The build of a project in a folder failed."""

    reason = "project-build-failed"

    def __init__(self, project: Path, lines: Sequence[str]) -> None:
        super().__init__(project, lines)
        self.project, self.lines = project, tuple(lines)

    def __str__(self) -> str:
        output = "".join(f"\n  {line}" for line in self.lines)
        advice = "repair the project, or name a root"
        return f"cannot build a wheel from the project in {self.project}; {advice}; the end of the output:{output}"
