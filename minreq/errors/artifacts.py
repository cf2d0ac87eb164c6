"""What can be wrong with what was built or installed from a lock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from minreq.errors.branches import NegativeAnswer, UsageError, listed


class EnvironmentDiffers(NegativeAnswer):
    """An environment is not what the lock says."""

    reason = "environment"

    def __init__(self, environment: str, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(environment, lock, sentences)
        self.environment, self.lock, self.sentences = environment, lock, tuple(sentences)

    def __str__(self) -> str:
        return (
            f"{self.environment} is not what {self.lock} says; "
            f"`minreq sync --python` makes it so{listed(self.sentences)}"
        )


class SyncFailed(NegativeAnswer):
    """pip-sync could not bring an environment to the lock."""

    reason = "sync"

    def __init__(self, environment: str, status: int, said: Sequence[str]) -> None:
        super().__init__(environment, status, said)
        self.environment, self.status, self.said = environment, status, tuple(said)

    def __str__(self) -> str:
        return (
            f"cannot bring {self.environment} to the lock; pip-sync ended with status {self.status}{listed(self.said)}"
        )


class OwnEnvironment(UsageError):
    """The environment to be changed is the one minreq runs in, which would lose minreq."""

    reason = "own-environment"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        return f"{self.python} is the environment that minreq itself runs in; name another one with --python"


class ArtifactUnreadable(UsageError):
    """What ``--path`` names is no tree of packages."""

    reason = "artifact"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot verify {self.path}: {self.why}"


class TreeUnreadable(UsageError):
    """What is to be looked at is no folder and no zip, or a file in it cannot be read."""

    reason = "tree"

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot read {self.path}: {self.why}"


class TreeOverBudget(NegativeAnswer):
    """A tree, with what else is deployed, is larger than ``--budget`` allows; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(self, path: Path, size: int, budget: int, largest: Sequence[str]) -> None:
        super().__init__(path, size, budget, largest)
        self.path, self.size, self.budget, self.largest = path, size, budget, tuple(largest)

    def __str__(self) -> str:
        return (
            f"{self.path} comes to {self.size:,} bytes, {self.size - self.budget:,} over the budget of "
            f"{self.budget:,}; the largest: {', '.join(self.largest)}; leave out what the program does not need "
            "(`minreq lock`) and slim the rest (`minreq build`)"
        )


class BuildFails(NegativeAnswer):
    """What was built from a lock does not behave as the lock does."""

    reason = "build"

    def __init__(self, lock: str, slim: str, bytecode: str, sentences: Sequence[str], advice: str) -> None:
        super().__init__(lock, slim, bytecode, sentences, advice)
        self.lock, self.slim, self.bytecode = lock, slim, bytecode
        self.sentences, self.advice = tuple(sentences), advice

    def __str__(self) -> str:
        how = f"--slim {self.slim} --bytecode {self.bytecode}"
        return f"{self.lock} built with {how} does not work, nothing was written; {self.advice}{listed(self.sentences)}"


class ArchiveTooLarge(NegativeAnswer):
    """An archive, of a layer or of the whole build, is larger than ``--max-zip``."""

    reason = "max-zip"

    def __init__(self, archive: str, size: int, limit: int) -> None:
        super().__init__(archive, size, limit)
        self.archive, self.size, self.limit = archive, size, limit

    def __str__(self) -> str:
        return (
            f"the archive {self.archive} has {self.size:,} bytes, {self.size - self.limit:,} over --max-zip "
            f"{self.limit:,}; nothing was written; choose a higher --slim, or --bytecode none"
        )


class BuildOverBudget(NegativeAnswer):
    """What was built, with what is reserved beside it, is larger than allowed; sizes are unpacked bytes."""

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
            f"{self.what} comes to {self.size:,} bytes{beside}, {over:,} over the budget of {self.budget:,}; "
            f"nothing was written. What may help{listed(self.advice)}"
        )


class TracedUnasked(UsageError):
    """``--slim traced`` without a smoke of the user's own, and without the word that this is meant."""

    reason = "traced"

    def __str__(self) -> str:
        return (
            "--slim traced keeps the files that the smoke opens and no others, and production does more than the "
            "smokes of minreq: exercise your program with --smoke FILE, or say --yes-traced"
        )


class TargetUnclear(UsageError):
    """A lock is for several platforms, or not for the one that was named."""

    reason = "target"

    def __init__(self, lock: str, named: str | None, platforms: Sequence[str]) -> None:
        super().__init__(lock, named, platforms)
        self.lock, self.named, self.platforms = lock, named, tuple(platforms)

    def __str__(self) -> str:
        listed = ", ".join(self.platforms)
        if self.named is None:
            return f"{self.lock} is for several platforms; choose one with --platform: {listed}"
        return f"{self.lock} is not for {self.named} but for {listed}; lock again with --platform {self.named}"


class BytecodeForOther(UsageError):
    """Compiled files are for one version of Python, and no interpreter of it is at hand."""

    reason = "bytecode"

    def __init__(self, target: str, wanted: str, found: str) -> None:
        super().__init__(target, wanted, found)
        self.target, self.wanted, self.found = target, wanted, found

    def __str__(self) -> str:
        return (
            f"{self.target} loads the bytecode of Python {self.wanted}, and this is Python {self.found}; "
            f"name a Python {self.wanted} with --python, or build with --bytecode none"
        )
