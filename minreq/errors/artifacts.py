"""Errors of trees and environments that were made from a lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from minreq.errors.branches import NegativeAnswer, UsageError, format_parts


class EnvironmentDiffers(NegativeAnswer):
    """An environment does not have exactly the distributions of the lock."""

    reason = "environment"

    def __init__(self, environment: str, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(environment, lock, sentences)
        self.environment, self.lock, self.sentences = environment, lock, tuple(sentences)

    def __str__(self) -> str:
        return (
            f"{self.environment} does not match {self.lock}; "
            f"`minreq sync --python` repairs it{format_parts(self.sentences)}"
        )


class SyncFailed(NegativeAnswer):
    """pip-sync failed."""

    reason = "sync"

    def __init__(self, environment: str, status: int, output: Sequence[str]) -> None:
        super().__init__(environment, status, output)
        self.environment, self.status, self.output = environment, status, tuple(output)

    def __str__(self) -> str:
        problem = f"cannot sync {self.environment} with the lock"
        return f"{problem}; pip-sync ended with status {self.status}{format_parts(self.output)}"


class OwnEnvironment(UsageError):
    """The environment to change is the one that minreq runs in; the sync would remove minreq."""

    reason = "own-environment"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        return f"minreq itself runs in the environment of {self.python}; name another one with --python"


class PipAbsent(UsageError):
    """The environment to change has no pip, which pip-sync runs in it."""

    reason = "pip-absent"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        return (
            f"the environment of {self.python} has no pip, which pip-sync needs there; add it by `python -m ensurepip`,"
            " or install the lock by `uv pip sync`"
        )


class ArtifactUnreadable(UsageError):
    """The path of ``--path`` is no tree of packages."""

    reason = "artifact"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot verify {self.path}: {self.why}"


class TreeUnreadable(UsageError):
    """The path to analyze is no folder and no zip, or a file in it cannot be read."""

    reason = "tree"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.why}"


class ImportFails(NegativeAnswer):
    """The program whose imports are measured fails."""

    reason = "import"

    def __init__(self, path: Path, program: str, failure: str) -> None:
        super().__init__(path, program, failure)
        self.path, self.program, self.failure = path, program, failure

    def __str__(self) -> str:
        return (
            f"`{self.program}` fails in {self.path}, so its imports are not measured: {self.failure}; install what is "
            "missing there, or import another module with --module"
        )


class TreeOverBudget(NegativeAnswer):
    """A tree, with the function and other layers, is over ``--budget``; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(self, path: Path, size: int, budget: int, largest: Sequence[str]) -> None:
        super().__init__(path, size, budget, largest)
        self.path, self.size, self.budget, self.largest = path, size, budget, tuple(largest)

    def __str__(self) -> str:
        return (
            f"{self.path} has {self.size:,} bytes, over the budget of {self.budget:,} by "
            f"{self.size - self.budget:,} bytes; the largest: {', '.join(self.largest)}; leave out unneeded "
            "distributions with `minreq lock`, and pack files that are seldom used with `minreq build --slim cold`"
        )


class BuildFailed(NegativeAnswer):
    """A tree that was built from a lock does not behave as the lock."""

    reason = "build"

    def __init__(self, lock: str, slim: str, bytecode: str, sentences: Sequence[str], advice: str) -> None:
        super().__init__(lock, slim, bytecode, sentences, advice)
        self.lock, self.slim, self.bytecode = lock, slim, bytecode
        self.sentences, self.advice = tuple(sentences), advice

    def __str__(self) -> str:
        how = f"--slim {self.slim} --bytecode {self.bytecode}"
        outcome = f"the tree built from {self.lock} with {how} does not work; nothing was written"
        return f"{outcome}; {self.advice}{format_parts(self.sentences)}"


class ArchiveTooLarge(NegativeAnswer):
    """An archive, of a layer or of the whole build, is larger than ``--max-zip``."""

    reason = "max-zip"

    def __init__(self, archive: str, size: int, limit: int, advice: Sequence[str]) -> None:
        super().__init__(archive, size, limit, advice)
        self.archive, self.size, self.limit, self.advice = archive, size, limit, tuple(advice)

    def __str__(self) -> str:
        return (
            f"the archive {self.archive} has {self.size:,} bytes, over --max-zip {self.limit:,} by "
            f"{self.size - self.limit:,} bytes; nothing was written; these may help{format_parts(self.advice)}"
        )


class BuildOverBudget(NegativeAnswer):
    """A build, with the reserved bytes, is over the budget; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(self, what: str, size: int, reserve: int, budget: int, advice: Sequence[str]) -> None:
        super().__init__(what, size, reserve, budget, advice)
        #: ``the build``, or the name of a function.
        self.what = what
        self.size, self.reserve, self.budget, self.advice = size, reserve, budget, tuple(advice)

    def __str__(self) -> str:
        beside = f" and {self.reserve:,} reserved" if self.reserve else ""
        over = self.size + self.reserve - self.budget
        return (
            f"{self.what} has {self.size:,} bytes{beside}, over the budget of {self.budget:,} by {over:,} bytes; "
            f"nothing was written; these may help{format_parts(self.advice)}"
        )


class TracedWithoutSmoke(UsageError):
    """``--slim traced`` without a smoke of the user and without ``--yes-traced``."""

    reason = "traced"

    def __str__(self) -> str:
        return (
            "--slim traced keeps only the files that the smoke opens, and your program may open more files than the "
            "smokes of minreq do; run your program with --smoke FILE, or confirm with --yes-traced"
        )


class PlatformNotChosen(UsageError):
    """A lock is for several platforms and none is named, or it is not for the named one."""

    reason = "target"

    def __init__(self, lock: str, named: str | None, platforms: Sequence[str]) -> None:
        super().__init__(lock, named, platforms)
        self.lock, self.named, self.platforms = lock, named, tuple(platforms)

    def __str__(self) -> str:
        listed = ", ".join(self.platforms)
        if self.named is None:
            return f"{self.lock} is for several platforms; choose one with --platform: {listed}"
        return f"{self.lock} is for {listed}, not for {self.named}; lock again with --platform {self.named}"


class BytecodeVersionMismatch(UsageError):
    """The target needs bytecode of another version of Python than that of the interpreter."""

    reason = "bytecode"

    def __init__(self, target: str, expected: str, actual: str) -> None:
        super().__init__(target, expected, actual)
        self.target, self.expected, self.actual = target, expected, actual

    def __str__(self) -> str:
        return (
            f"{self.target} loads the bytecode of Python {self.expected}, and this is Python {self.actual}; "
            f"name a Python {self.expected} with --python, or build with --bytecode none"
        )
