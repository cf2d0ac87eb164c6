"""Every error a user may see: one tree, facts as fields, one sentence each, one exit status per branch.

::

    MinreqError
      NegativeAnswer      1   stale, over budget, proof failed, unproven platform
      UsageError          2   the command line or the configuration is wrong
      BaselineFailure     3   the smoke fails although nothing is left out
      ResolutionFailure   4   no set of versions satisfies what is needed
      IndexFailure        5   the index or the network
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar


class MinreqError(Exception):
    """The base of all errors raised on purpose; what a user sees is ``str(error)``."""

    #: Exit status of the command.
    exit_status: ClassVar[int] = 1
    #: Stable word for ``--json``.
    reason: ClassVar[str] = "error"


class NegativeAnswer(MinreqError):
    """The question has an answer, and it is no."""

    exit_status = 1
    reason = "no"


class LockStale(NegativeAnswer):
    """The lock was made from something that has changed since."""

    reason = "stale"

    def __init__(self, lock: str, reasons: Sequence[str]) -> None:
        super().__init__(lock, reasons)
        self.lock, self.reasons = lock, tuple(reasons)

    def __str__(self) -> str:
        return f"{self.lock} is stale; make it anew with `minreq lock`{_listed(self.reasons)}"


class ProofFailed(NegativeAnswer):
    """On the lock alone the smoke fails, or behaves differently from what was recorded."""

    reason = "proof"

    def __init__(self, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(lock, sentences)
        self.lock, self.sentences = lock, tuple(sentences)

    def __str__(self) -> str:
        return f"{self.lock} is not proven{_listed(self.sentences)}"


class RunsDisagree(NegativeAnswer):
    """``--certify``: a run contradicts what the shortcuts found, or the order of the features matters to the set."""

    reason = "disagreement"

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(sentences)
        self.sentences = tuple(sentences)

    def __str__(self) -> str:
        what = (
            "runs of the lock disagree, which is a defect of minreq unless the smoke is unsteady; nothing was written"
        )
        return f"{what}{_listed(self.sentences)}"


class Exposed(NegativeAnswer):
    """Code that the smoke loads leads to imports of what is left out, and nothing catches their failure."""

    reason = "exposed"

    def __init__(self, lock: str, places: Sequence[str]) -> None:
        super().__init__(lock, places)
        self.lock, self.places = lock, tuple(places)

    def __str__(self) -> str:
        first = f"unguarded imports of what {self.lock} leaves out: {len(self.places)}, the first at {self.places[0]}"
        return f"{first}; keep what the program needs with --include, or cover it with a smoke"


class PinnedFilesMissing(NegativeAnswer):
    """Files that a lock pins cannot be had, or do not fit where they are wanted."""

    reason = "pinned-files-missing"

    def __init__(self, lock: str, faults: Sequence[str]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        return f"not all that {self.lock} pins can be had; make it anew with `minreq lock`{_listed(self.faults)}"


class LockEdited(NegativeAnswer):
    """The requirements file on disk installs something else than was proven."""

    reason = "edited"

    def __init__(self, lock: str, edits: Sequence[str]) -> None:
        super().__init__(lock, edits)
        self.lock, self.edits = lock, tuple(edits)

    def __str__(self) -> str:
        return f"{self.lock} is not what was proven; undo the changes, or lock again{_listed(self.edits)}"


class EnvironmentDiffers(NegativeAnswer):
    """An environment is not what the lock says."""

    reason = "environment"

    def __init__(self, environment: str, lock: str, sentences: Sequence[str]) -> None:
        super().__init__(environment, lock, sentences)
        self.environment, self.lock, self.sentences = environment, lock, tuple(sentences)

    def __str__(self) -> str:
        return (
            f"{self.environment} is not what {self.lock} says; "
            f"`minreq sync --python` makes it so{_listed(self.sentences)}"
        )


class SyncFailed(NegativeAnswer):
    """pip-sync could not bring an environment to the lock."""

    reason = "sync"

    def __init__(self, environment: str, status: int, said: Sequence[str]) -> None:
        super().__init__(environment, status, said)
        self.environment, self.status, self.said = environment, status, tuple(said)

    def __str__(self) -> str:
        return (
            f"cannot bring {self.environment} to the lock; pip-sync ended with status {self.status}{_listed(self.said)}"
        )


class OverBudget(NegativeAnswer):
    """What the lock installs is larger than ``--budget`` allows; sizes are unpacked bytes."""

    reason = "budget"

    def __init__(self, size: int, budget: int, largest: Sequence[str]) -> None:
        super().__init__(size, budget, largest)
        self.size, self.budget, self.largest = size, budget, tuple(largest)

    def __str__(self) -> str:
        over = (
            f"the lock installs to {self.size:,} bytes, {self.size - self.budget:,} over the budget of {self.budget:,}"
        )
        return f"{over}; the largest: {', '.join(self.largest)}" if self.largest else over


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
        return (
            f"{self.lock} built with {how} does not work, nothing was written; {self.advice}{_listed(self.sentences)}"
        )


class LayerTooLarge(NegativeAnswer):
    """The archive of a layer is larger than ``--max-zip``."""

    reason = "max-zip"

    def __init__(self, layer: str, size: int, limit: int) -> None:
        super().__init__(layer, size, limit)
        self.layer, self.size, self.limit = layer, size, limit

    def __str__(self) -> str:
        return (
            f"the archive of the layer {self.layer} has {self.size:,} bytes, {self.size - self.limit:,} over --max-zip "
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
            f"nothing was written. What may help{_listed(self.advice)}"
        )


class Unproven(NegativeAnswer):
    """The smoke runs on the host alone, and the lock is for other platforms."""

    reason = "unproven"

    def __init__(self, platforms: Sequence[str], host: str) -> None:
        super().__init__(platforms, host)
        self.platforms, self.host = tuple(platforms), host

    def __str__(self) -> str:
        return (
            f"the smoke can run on this {self.host} alone, not on {', '.join(self.platforms)}; "
            "lock on a machine of that platform, or accept it with --allow-unproven"
        )


class ScanInterrupted(NegativeAnswer):
    """A process that read files was ended from outside."""

    reason = "scan-interrupted"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return f"the scan did not end: {self.why}; try again, with fewer processes: -j 1"


class UnknownModels(NegativeAnswer):
    """A code base calls models whose names are not in it."""

    reason = "unknown-models"

    def __init__(self, calls: Sequence[str]) -> None:
        super().__init__(calls)
        self.calls = tuple(calls)

    def __str__(self) -> str:
        return (
            "what these calls need cannot be known; name their providers with --providers and accept the rest with "
            f"--allow-unknown{_listed(self.calls)}"
        )


class NothingSeen(NegativeAnswer):
    """A code base calls no model, as far as its files show."""

    reason = "nothing-seen"

    def __init__(self, paths: Sequence[str], files: int) -> None:
        super().__init__(paths, files)
        self.paths, self.files = tuple(paths), files

    def __str__(self) -> str:
        return (
            f"no provider is used in {', '.join(self.paths)} ({self.files} files); name the providers with "
            "--providers, or a script that exercises the program with --smoke"
        )


class EmulatorStopped(NegativeAnswer):
    """The local provider server ended while a smoke needed it."""

    reason = "emulator-stopped"

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(status, stderr)
        self.status, self.stderr = status, stderr

    def __str__(self) -> str:
        said = self.stderr.strip().splitlines()
        last = f": {said[-1]}" if said else " without a word"
        return f"the provider emulator ended with status {self.status}{last}; nothing was written, try again"


class SandboxMissing(NegativeAnswer):
    """The kernel does not wall the smoke off, and that was required."""

    reason = "sandbox"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return (
            f"the smoke cannot be walled off here: {self.why}; nothing was run; `minreq doctor` tells more, "
            "and without --require-sandbox hooks of Python hold it"
        )


class UsageError(MinreqError):
    """The command line or the configuration asks for something that cannot be meant."""

    exit_status = 2
    reason = "usage"


class InvalidOptions(UsageError):
    """Options that cannot be meant, each with its place: a flag, or a file and key."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(faults)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return (
            self.faults[0] if len(self.faults) == 1 else f"{len(self.faults)} options are wrong{_listed(self.faults)}"
        )


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
        known = f"configured in [tool.minreq.locks]: {', '.join(self.known)}" if self.known else "none is configured"
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


class NothingToScan(UsageError):
    """There is nothing at the path to scan, or nothing is known about how the root is used."""

    reason = "nothing-to-scan"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what, why)
        self.what, self.why = what, why

    def __str__(self) -> str:
        return f"cannot scan {self.what}: {self.why}"


class LockUnreadable(UsageError):
    """A requirements file that is not a lock; *faults* are pairs of line number and reason."""

    def __init__(self, lock: str, faults: Sequence[tuple[int, str]]) -> None:
        super().__init__(lock, faults)
        self.lock, self.faults = lock, tuple(faults)

    def __str__(self) -> str:
        lines = [f"{self.lock}:{line}: {why}" for line, why in self.faults]
        ending = "mend it, or move it away and lock again"
        return f"{lines[0]}; {ending}" if len(lines) == 1 else f"{self.lock} is not a lock; {ending}{_listed(lines)}"


class LockMissing(UsageError):
    """There is no lock at that place, or no evidence beside it."""

    reason = "lock-missing"

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path = path
        #: ``lock`` or ``evidence``.
        self.what = what

    def __str__(self) -> str:
        return f"no {self.what} at {self.path}; restore it, or make the lock with `minreq lock`"


class UnknownDistribution(UsageError):
    """A name that is neither a project of the closure of a lock nor a module that anything asked it for."""

    reason = "unknown-distribution"

    def __init__(self, name: str, lock: str, known: Sequence[str]) -> None:
        super().__init__(name, lock, known)
        self.name, self.lock, self.known = name, lock, tuple(known)

    def __str__(self) -> str:
        nearest = difflib.get_close_matches(self.name.lower(), self.known, n=1, cutoff=0.7)
        suggestion = f"; did you mean {nearest[0]}?" if nearest else ""
        return f"{self.name} is not in the closure that {self.lock} was made from, kept or left out{suggestion}"


class OwnEnvironment(UsageError):
    """The environment to be changed is the one minreq runs in, which would lose minreq."""

    reason = "own-environment"

    def __init__(self, python: str) -> None:
        super().__init__(python)
        self.python = python

    def __str__(self) -> str:
        return f"{self.python} is the environment that minreq itself runs in; name another one with --python"


class SmokeMissing(UsageError):
    """A script that a lock was made with lies neither beside the lock nor in the working directory."""

    reason = "smoke-missing"

    def __init__(self, smoke: str, lock: str) -> None:
        super().__init__(smoke, lock)
        self.smoke, self.lock = smoke, lock

    def __str__(self) -> str:
        return f"{self.lock} was made with the smoke {self.smoke}, which is not there; say where it is with --smoke"


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


class EvidenceUnreadable(UsageError):
    """The evidence beside a lock cannot be read; *key* leads to the fault (``selection.kept[3].bytes``)."""

    def __init__(self, path: str, key: str, why: str) -> None:
        super().__init__(path, key, why)
        self.path, self.key, self.why = path, key, why

    def __str__(self) -> str:
        place = f"{self.path}: {self.key}" if self.key else self.path
        return f"{place}: {self.why}; restore the file, or move it away and lock again"


class OutputUnwritable(UsageError):
    """A result cannot be written; what stood there before still stands."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"cannot write {self.path}: {self.why}"


class SmokeUnusable(UsageError):
    """What ``--smoke`` names is no script that could be run."""

    reason = "smoke-unusable"

    def __init__(self, smoke: str, problem: str) -> None:
        super().__init__(smoke, problem)
        self.smoke, self.problem = smoke, problem

    def __str__(self) -> str:
        return f"--smoke {self.smoke}: {self.problem}"


class PipConfigurationUnreadable(UsageError):
    """A configuration file of pip cannot be read."""

    reason = "pip-configuration-unreadable"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path, self.problem = path, problem

    def __str__(self) -> str:
        return f"cannot read pip's configuration {self.path}: {self.problem}"


class PipSettingInvalid(UsageError):
    """A setting of pip, from a file, a variable or a flag, has a value that cannot be meant."""

    reason = "pip-setting-invalid"

    def __init__(self, key: str, value: str, expected: str) -> None:
        super().__init__(key, value, expected)
        self.key, self.value, self.expected = key, value, expected

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r} in the configuration of pip: expected {self.expected}"


class DefaultIndexUnknown(UsageError):
    """Nothing names an index, and pip does not say which one it would ask."""

    reason = "default-index-unknown"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"no index is configured and pip does not tell its default ({self.problem}); name one with --index-url"


class CutoffUnreadable(UsageError):
    """The value of ``--exclude-newer`` is neither a date nor a duration."""

    reason = "cutoff-unreadable"

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return (
            f"--exclude-newer {self.text!r} is neither a date (2026-11-01, 2026-11-01T12:00:00Z) "
            "nor a duration (3 days, 72h, P3D)"
        )


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
        return f"no provider {self.name!r}{_perhaps(self.name, self.known)}; there are: {', '.join(self.known)}"


class UnknownFeature(UsageError):
    """None of the chosen providers has a smoke of that name."""

    reason = "unknown-feature"

    def __init__(self, name: str, providers: tuple[str, ...], known: tuple[str, ...]) -> None:
        super().__init__(name, providers, known)
        self.name, self.providers, self.known = name, providers, known

    def __str__(self) -> str:
        return (
            f"no feature {self.name!r} of {', '.join(self.providers)}{_perhaps(self.name, self.known)}; "
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


class BaselineFailure(MinreqError):
    """The smoke fails although nothing is left out: the smoke is at fault."""

    exit_status = 3
    reason = "baseline"


class ResolutionFailure(MinreqError):
    """No set of versions satisfies what is needed."""

    exit_status = 4
    reason = "resolution"


class NoWheel(ResolutionFailure):
    """A release has no wheel that fits, and none can be built."""

    reason = "no-wheel"

    def __init__(self, project: str, version: str, why: str) -> None:
        super().__init__(project, version, why)
        self.project, self.version, self.why = project, version, why

    def __str__(self) -> str:
        return (
            f"{self.project} {self.version} has only its source, no wheel that fits, and none can be built: {self.why}"
        )


class NoVersion(ResolutionFailure):
    """The index has the project, and no version of it satisfies what was asked for."""

    reason = "no-version"

    def __init__(self, requirement: str, project: str, newest: str | None, unfit: Mapping[str, str]) -> None:
        super().__init__(requirement, project, newest, unfit)
        self.requirement, self.project, self.newest = requirement, project, newest
        #: Versions that would satisfy the requirement and cannot be used, and why not.
        self.unfit = dict(unfit)

    def __str__(self) -> str:
        said = f"no version of {self.project} that can be used satisfies {self.requirement}"
        there = "the index has none at all" if self.newest is None else f"the newest that can be used is {self.newest}"
        if not self.unfit:
            return f"{said}; {there}"
        version, why = next(iter(self.unfit.items()))
        more = f", and {len(self.unfit) - 1} more do not fit" if len(self.unfit) > 1 else ""
        return f"{said}: {self.project} {version} {why}{more}; {there}"


class PythonNotSupported(ResolutionFailure):
    """No version of the root that satisfies the requirement supports the Python."""

    reason = "python-not-supported"

    def __init__(self, requirement: str, version: str, requires_python: str, python: str) -> None:
        super().__init__(requirement, version, requires_python, python)
        self.requirement, self.version = requirement, version
        self.requires_python, self.python = requires_python, python

    def __str__(self) -> str:
        return (
            f"{self.requirement} ({self.version}) requires Python {self.requires_python}, and this is Python "
            f"{self.python}; name another interpreter with --python, or ask for another version"
        )


class KnownBadRelease(ResolutionFailure):
    """A release that is known to do harm was asked for by its version."""

    reason = "known-bad-release"

    def __init__(self, project: str, version: str) -> None:
        super().__init__(project, version)
        self.project, self.version = project, version

    def __str__(self) -> str:
        return f"{self.project} {self.version} is known to be malicious and is never installed; ask for another version"


class UnknownExtra(ResolutionFailure):
    """A package has no extra of that name."""

    reason = "unknown-extra"

    def __init__(self, release: str, extra: str, extras: Sequence[str]) -> None:
        super().__init__(release, extra, extras)
        self.release, self.extra, self.extras = release, extra, tuple(extras)

    def __str__(self) -> str:
        known = f"it has {', '.join(self.extras)}" if self.extras else "it has none"
        return f"{self.release} has no extra {self.extra!r}; {known}"


class VersionsConflict(ResolutionFailure):
    """What is needed cannot be had together."""

    reason = "conflict"

    def __init__(self, requirement: str, project: str, why: str, remedy: str, tried: int) -> None:
        super().__init__(requirement, project, why, remedy, tried)
        #: What was to be resolved.
        self.requirement = requirement
        #: The project no version of which can be chosen.
        self.project = project
        #: The chain that leads there, as a clause.
        self.why = why
        #: An option that may help, ``--override 'certifi>=2026.7'``.
        self.remedy = remedy
        #: Versions of the root that were tried; *why* is about the newest.
        self.tried = tried

    def __str__(self) -> str:
        versions = "" if self.tried <= 1 else f" (none of {self.tried} versions; this is the newest)"
        return f"cannot resolve {self.requirement}{versions}: {self.why}; {self.remedy}"


class ResolutionTooDeep(ResolutionFailure):
    """The search did not end in a sensible number of steps."""

    reason = "too-deep"

    def __init__(self, requirement: str, rounds: int) -> None:
        super().__init__(requirement, rounds)
        self.requirement, self.rounds = requirement, rounds

    def __str__(self) -> str:
        return (
            f"gave up resolving {self.requirement} after {self.rounds} steps; "
            "narrow the choice with --constraint, or start from an existing lock"
        )


class IndexFailure(MinreqError):
    """The index, the network or a file from it."""

    exit_status = 5
    reason = "index"


def _perhaps(name: str, known: Sequence[str]) -> str:
    """A guess at what *name* was meant to be, in brackets, or ""."""
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _listed(sentences: Sequence[str]) -> str:
    """The end of a sentence that has several parts, each on a line of its own."""
    return ":" + "".join(f"\n  {sentence}" for sentence in sentences)


class HashMismatch(IndexFailure):
    """A file does not have the hash that the index or the lock gives for it."""

    reason = "hash"

    def __init__(self, filename: str, expected: str, found: str) -> None:
        super().__init__(filename, expected, found)
        self.filename, self.expected, self.found = filename, expected, found

    def __str__(self) -> str:
        return (
            f"{self.filename} has the SHA-256 {self.found}, not {self.expected} as promised: "
            "it was changed or damaged on the way, nothing of it was used; try again, or ask whoever runs the index"
        )


class HashMissing(IndexFailure):
    """The index gives no SHA-256 for a file."""

    reason = "hash"

    def __init__(self, filename: str) -> None:
        super().__init__(filename)
        self.filename = filename

    def __str__(self) -> str:
        return f"the index gives no SHA-256 for {self.filename}; minreq uses no file that it cannot check"


class BrokenWheel(IndexFailure):
    """An archive has the right hash and is no valid wheel."""

    reason = "wheel"

    def __init__(self, filename: str, why: str) -> None:
        super().__init__(filename, why)
        self.filename, self.why = filename, why

    def __str__(self) -> str:
        return f"{self.filename} is not a valid wheel: {self.why}; choose another version with --constraint"


class HostileWheel(NegativeAnswer):
    """A wheel does what no wheel should: it would run unasked, write elsewhere, or is not what it says."""

    reason = "hostile"

    def __init__(self, filename: str, path: str, rule: str) -> None:
        super().__init__(filename, path, rule)
        self.filename, self.path, self.rule = filename, path, rule

    def __str__(self) -> str:
        return (
            f"{self.filename} is refused because of {self.path}: {self.rule}; "
            "nothing of it was run; leave it out with --exclude, or choose another version with --constraint"
        )


class StoreUnwritable(UsageError):
    """The store of wheels cannot be written."""

    reason = "store"

    def __init__(self, folder: object, why: str) -> None:
        super().__init__(folder, why)
        self.folder, self.why = folder, why

    def __str__(self) -> str:
        return f"cannot write to the store {self.folder}: {self.why}; name another folder in MINREQ_CACHE_DIR"


class SmokeFails(BaselineFailure):
    """The smoke fails with everything that the closure has."""

    reason = "baseline"

    def __init__(self, stage: str, status: str, traceback: str) -> None:
        super().__init__(stage, status, traceback)
        self.stage, self.status, self.traceback = stage, status, traceback

    def __str__(self) -> str:
        return (
            f"the smoke fails at {self.stage} although nothing is left out: {self.status}\n"
            f"{self.traceback}mend the smoke, or lock another version of the root"
        )


class ModuleNotOffered(BaselineFailure):
    """The smoke needs a module that no declared dependency, and no extra, has."""

    reason = "module"

    def __init__(self, module: str, importer: str, stage: str) -> None:
        super().__init__(module, importer, stage)
        self.module, self.importer, self.stage = module, importer, stage

    def __str__(self) -> str:
        return (
            f"{self.importer} imports {self.module} (in {self.stage}), which no declared dependency offers; "
            "name the project that has it: --with PROJECT"
        )


class SmokeNeverEnds(BaselineFailure):
    """A stage of the smoke did not end in time."""

    reason = "timeout"

    def __init__(self, stage: str, seconds: float) -> None:
        super().__init__(stage, seconds)
        self.stage, self.seconds = stage, seconds

    def __str__(self) -> str:
        return (
            f"the smoke did not end {self.stage} within {self.seconds:g} seconds; mend it, or give it longer: --timeout"
        )


class ProjectNotFound(IndexFailure):
    """No configured index and no folder has a project of that name."""

    reason = "project-not-found"

    def __init__(self, project: str, urls: tuple[str, ...]) -> None:
        super().__init__(project, urls)
        self.project, self.urls = project, urls

    def __str__(self) -> str:
        where = ", ".join(self.urls) if self.urls else "no index and no folder is configured (--no-index)"
        return f"no project {self.project!r} ({where}); check the name, or name its index with --extra-index-url"


class IndexUnreachable(IndexFailure):
    """No answer came: no route, no name, no trust in the certificate, or too slow."""

    reason = "index-unreachable"

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url, self.problem = url, problem

    def __str__(self) -> str:
        advice = "check the network, and what pip is told of it (proxy, cert, timeout)"
        return f"no answer from {self.url}: {self.problem}; {advice}"


class IndexAnswered(IndexFailure):
    """The index answered with a status that is no answer to the question."""

    reason = "index-answered"

    def __init__(self, status: int, url: str) -> None:
        super().__init__(status, url)
        self.status, self.url = status, url

    def __str__(self) -> str:
        if self.status in {401, 403, 407}:
            advice = "give credentials in the index URL, in netrc or in keyring"
        elif self.status >= 500:  # noqa: PLR2004 - the class of server errors, RFC 9110 section 15.6
            advice = "the server is at fault; try again later"
        else:
            advice = "check the URL of the index"
        return f"{self.url} answered with status {self.status}; {advice}"


class IndexNotTrusted(IndexFailure):
    """The index is read over plain HTTP, where anybody on the way can change what it says."""

    reason = "index-not-trusted"

    def __init__(self, url: str, host: str) -> None:
        super().__init__(url, host)
        self.url, self.host = url, host

    def __str__(self) -> str:
        return f"{self.url} is plain HTTP; use https, or say --trusted-host {self.host}"


class PageUnreadable(IndexFailure):
    """A page of the index is no page of the Simple API."""

    reason = "page-unreadable"

    def __init__(self, url: str, problem: str) -> None:
        super().__init__(url, problem)
        self.url, self.problem = url, problem

    def __str__(self) -> str:
        return f"cannot read {self.url} as a page of the Simple API: {self.problem}"


class IndexTooNew(IndexFailure):
    """The index speaks a major version of the Simple API that did not exist when minreq was written."""

    reason = "index-too-new"

    def __init__(self, url: str, version: str) -> None:
        super().__init__(url, version)
        self.url, self.version = url, version

    def __str__(self) -> str:
        return f"{self.url} speaks version {self.version} of the Simple API, minreq reads version 1; upgrade minreq"


class ArchiveUnreadable(IndexFailure):
    """A wheel is no zip, or its metadata is missing or broken."""

    reason = "archive-unreadable"

    def __init__(self, filename: str, url: str, problem: str) -> None:
        super().__init__(filename, url, problem)
        self.filename, self.url, self.problem = filename, url, problem

    def __str__(self) -> str:
        return f"cannot read {self.filename} from {self.url}: {self.problem}"


class MetadataMismatch(IndexFailure):
    """The metadata of a wheel tells another name or version than its file name."""

    reason = "metadata-mismatch"

    def __init__(self, filename: str, name: str, version: str) -> None:
        super().__init__(filename, name, version)
        self.filename, self.name, self.version = filename, name, version

    def __str__(self) -> str:
        return f"{self.filename} says inside that it is {self.name} {self.version}; leave this release out"


class SizeMismatch(IndexFailure):
    """A body is longer or shorter than it was declared, or than any body of its kind can be."""

    reason = "size-mismatch"

    def __init__(self, url: str, expected: int, actual: int) -> None:
        super().__init__(url, expected, actual)
        self.url, self.expected, self.actual = url, expected, actual

    def __str__(self) -> str:
        more = " or more" if self.actual > self.expected else ""
        return f"{self.url} sent {self.actual}{more} bytes where {self.expected} were expected"


class SdistBuildFailed(IndexFailure):
    """``pip wheel`` could not make a wheel from a source distribution."""

    reason = "sdist-build-failed"

    def __init__(self, project: str, version: str, lines: tuple[str, ...]) -> None:
        super().__init__(project, version, lines)
        self.project, self.version, self.lines = project, version, lines

    def __str__(self) -> str:
        said = "".join(f"\n  {line}" for line in self.lines)
        return f"cannot build a wheel from the source of {self.project} {self.version}; pip said:{said}"


class ProjectBuildFailed(UsageError):
    """No wheel could be made from a folder."""

    reason = "project-build-failed"

    def __init__(self, project: Path, lines: Sequence[str]) -> None:
        super().__init__(project, lines)
        self.project, self.lines = project, tuple(lines)

    def __str__(self) -> str:
        said = "".join(f"\n  {line}" for line in self.lines)
        return f"cannot build a wheel from the project in {self.project}; mend it, or name a root; pip said:{said}"


class ExcludedNeeded(NegativeAnswer):
    """The smoke fails without what the user excluded."""

    reason = "excluded"

    def __init__(self, name: str, stage: str, status: str) -> None:
        super().__init__(name, stage, status)
        self.name, self.stage, self.status = name, stage, status

    def __str__(self) -> str:
        why = f"without it {self.stage} fails with {self.status}"
        return f"{self.name} cannot be excluded: {why}; drop --exclude {self.name}"


class SmokeUnsteady(NegativeAnswer):
    """The smoke does not behave the same in two runs of one set."""

    reason = "unsteady"

    def __init__(self, stage: str, what: str) -> None:
        super().__init__(stage, what)
        self.stage, self.what = stage, what

    def __str__(self) -> str:
        return (
            "the smoke does not behave the same each time, and no distribution explains it: "
            f"{self.stage}: {self.what}; make the smoke deterministic"
        )
