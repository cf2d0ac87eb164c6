"""The result of one stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from packaging.utils import NormalizedName

from minreq.model import Frame, StageBehaviour

#: Characters and lines of all that a stage prints, warns and logs. It is compared several times, and becomes evidence.
MAX_PRINTED = 8 << 20
MAX_LINES = 100_000

#: What may end a stage before it sends a result.
Interruption = Literal["timeout", "death", "unsettled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaughtImport:
    """A place that caught the exception of a declined import or look-up; the paths are those of this machine."""

    #: The name in the question, and the innermost frame that asked.
    name: str
    asker: Frame
    #: A line of the clause that caught the exception.
    frame: Frame


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How a stage ended, and what it did."""

    behaviour: StageBehaviour
    #: Distributions whose declined import caused the failure: minreq's own exception is among the causes.
    declined: tuple[NormalizedName, ...] = ()
    #: Modules that a ModuleNotFoundError among the causes names.
    missing_modules: tuple[str, ...] = ()
    #: By missing module: the place that imports it; paths of this machine.
    importers: Mapping[str, Frame] = field(default_factory=dict)
    traceback: str = ""
    #: Files that the stage opened, if the run records them; paths of this machine.
    opened_files: tuple[str, ...] = ()
    #: Source files of the modules that the stage loaded, each with the place that imported it first; paths of this
    #: machine.
    loaded_files: tuple[tuple[str, Frame | None], ...] = ()
    #: The declined imports whose exceptions were caught.
    caught: tuple[CaughtImport, ...] = ()
    #: What ended the stage. Unless it ended by itself, it did not fail and proves nothing: it took too long, its
    #: process died, or a fork did what it must not do.
    ended_by: Literal["itself", "timeout", "death", "unsettled"] = "itself"

    @property
    def passed(self) -> bool:
        """Whether the stage ended without an exception."""
        return self.behaviour.status == "passed"


def interrupted_result(stage: str, status: str, ended_by: Interruption, traceback: str = "") -> StageResult:
    """Return the result of a *stage* that sent none itself."""
    return StageResult(behaviour=StageBehaviour(stage=stage, status=status), ended_by=ended_by, traceback=traceback)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRecord:
    """What a worker, a process that a stage started, recorded."""

    stage: str
    #: By ``logs``, ``warnings``, ``exits`` and ``shown``.
    lines: Mapping[str, tuple[str, ...]]

    @property
    def size(self) -> int:
        """The number of characters of all lines."""
        return sum(len(line) for lines in self.lines.values() for line in lines)

    @property
    def count(self) -> int:
        """The number of lines."""
        return sum(map(len, self.lines.values()))
