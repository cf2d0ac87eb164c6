"""Errors of the smoke, other than a missing distribution."""

from __future__ import annotations

from collections.abc import Sequence

from minreq.counts import pluralize
from minreq.errors.branches import BaselineFailure, NegativeAnswer


class SmokeFailed(BaselineFailure):
    """The smoke fails with the whole closure, or with everything that a lock installs."""

    reason = "baseline"

    def __init__(
        self, stage: str, status: str, traceback: str, hint: str = "", installed: str = "all dependencies"
    ) -> None:
        super().__init__(stage, status, traceback, hint, installed)
        self.stage, self.status, self.traceback, self.hint = stage, status, traceback, hint
        #: What the run had: ``the whole lock``.
        self.installed = installed

    def __str__(self) -> str:
        output = "".join(f"\n    {line}" for line in self.traceback.splitlines())
        return (
            f"the smoke fails at {self.stage} even with {self.installed} installed: {self.status}{output}\n"
            f"  {self.hint or 'repair the smoke, or lock another version of the root'}"
        )


class ModuleNotDeclared(BaselineFailure):
    """The smoke needs a module that no declared dependency has, and no extra of the importer or the root."""

    reason = "module"

    def __init__(
        self, module: str, importer: str, stage: str, extra: str | None = None, start_up: Sequence[str] = ()
    ) -> None:
        super().__init__(module, importer, stage, extra, start_up)
        self.module, self.importer, self.stage = module, importer, stage
        #: An extra of a declared distribution that has the module: ``shared[fast]``.
        self.extra = extra
        #: The distributions with start-up files that may not run; such a file may put a folder on the path.
        self.start_up = tuple(start_up)

    def __str__(self) -> str:
        if self.extra:
            remedy = f"{self.extra} has it: add --with '{self.extra}'"
        else:
            remedy = "add the project that has it with --with PROJECT"
            if self.start_up:
                options = " ".join(f"--allow-pth {name}" for name in self.start_up)
                remedy += f", or let the start-up files of declared ones run: {options}"
        problem = f"{self.importer} imports {self.module} (in {self.stage}), and no declared dependency has this module"
        return f"{problem}; {remedy}"


class SmokeTimedOut(BaselineFailure):
    """A stage of the smoke did not end in time."""

    reason = "timeout"

    def __init__(self, stage: str, seconds: float) -> None:
        super().__init__(stage, seconds)
        self.stage, self.seconds = stage, seconds

    def __str__(self) -> str:
        problem = f"{self.stage} of the smoke did not end within {pluralize(self.seconds, 'second')}"
        return f"{problem}; repair it, or set a longer --timeout"


class NoTestPasses(BaselineFailure):
    """No test of a command of pytest passes with all declared distributions, so there is nothing to compare."""

    reason = "no-test-passes"

    def __init__(self, command: str, collected: int, why: str) -> None:
        super().__init__(command, collected, why)
        self.command, self.collected, self.why = command, collected, why

    def __str__(self) -> str:
        tests = f"none of {self.collected} tests passes" if self.collected else "pytest finds no test"
        why = " ".join(self.why.splitlines())
        return (
            f"{self.command}: {tests} with all declared distributions installed: {why}; repair the tests or the "
            "command, or name what the tests import with --smoke-with"
        )


class SmokeNotDeterministic(NegativeAnswer):
    """Two runs of the smoke on one set behave differently."""

    reason = "unsteady"

    def __init__(self, stage: str, what: str) -> None:
        super().__init__(stage, what)
        self.stage, self.what = stage, what

    def __str__(self) -> str:
        return (
            "two runs of the smoke on one set differ, and no distribution explains this: "
            f"{self.stage}: {self.what}; make the smoke deterministic"
        )


class ExcludedIsNeeded(NegativeAnswer):
    """The smoke fails without an excluded distribution."""

    reason = "excluded"

    def __init__(self, name: str, stage: str, status: str) -> None:
        super().__init__(name, stage, status)
        self.name, self.stage, self.status = name, stage, status

    def __str__(self) -> str:
        why = f"without it {self.stage} fails with {self.status}"
        return f"cannot exclude {self.name}: {why}; remove --exclude {self.name}"


class EmulatorStopped(NegativeAnswer):
    """The emulator ended while the smoke was running."""

    reason = "emulator-stopped"

    def __init__(self, status: int, stderr: str) -> None:
        super().__init__(status, stderr)
        self.status, self.stderr = status, stderr

    def __str__(self) -> str:
        output = self.stderr.strip().splitlines()
        last = f": {output[-1]}" if output else " and no message"
        return f"the emulator ended with status {self.status}{last}; nothing was written; try again"


class SandboxMissing(NegativeAnswer):
    """The kernel cannot isolate the smoke, and ``--require-sandbox`` requires it."""

    reason = "sandbox"

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why

    def __str__(self) -> str:
        return (
            f"the kernel cannot isolate the smoke here: {self.why}; nothing was run; `minreq doctor` shows more; "
            "without --require-sandbox Landlock or hooks of Python isolate the smoke"
        )
