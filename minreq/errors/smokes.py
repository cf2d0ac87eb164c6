"""How a smoke fails, beside failing for want of a distribution."""

from __future__ import annotations

from minreq.errors.branches import BaselineFailure, NegativeAnswer


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


class ExcludedNeeded(NegativeAnswer):
    """The smoke fails without what the user excluded."""

    reason = "excluded"

    def __init__(self, name: str, stage: str, status: str) -> None:
        super().__init__(name, stage, status)
        self.name, self.stage, self.status = name, stage, status

    def __str__(self) -> str:
        why = f"without it {self.stage} fails with {self.status}"
        return f"{self.name} cannot be excluded: {why}; drop --exclude {self.name}"


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
