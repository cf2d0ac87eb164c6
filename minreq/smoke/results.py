"""How a stage went, and what it did; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from packaging.utils import NormalizedName

from minreq.model import Frame, StageBehaviour

#: How a stage may end that told no result.
Interrupted = Literal["timeout", "death", "unsettled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageResult:
    """How a stage went, and what it did."""

    behaviour: StageBehaviour
    #: Distributions whose declined import is a cause of the failure, by identity of our own exception.
    declined: tuple[NormalizedName, ...] = ()
    #: Modules that a ModuleNotFoundError among the causes names.
    missing: tuple[str, ...] = ()
    traceback: str = ""
    #: Files that were opened, where the run records that; as on this machine.
    opened: tuple[str, ...] = ()
    #: Source files of the modules it loaded, each with the place that imported it first, as on this machine.
    loaded: tuple[tuple[str, Frame | None], ...] = ()
    #: Else it did not fail, and proves nothing: it took too long, its process died, or a fork did what it must not.
    ended: Literal["itself", "timeout", "death", "unsettled"] = "itself"

    @property
    def passed(self) -> bool:
        """Whether the stage ended without an exception."""
        return self.behaviour.status == "passed"


def no_result(stage: str, status: str, ended: Interrupted, traceback: str = "") -> StageResult:
    """Return what is known of a *stage* that told no result itself."""
    return StageResult(behaviour=StageBehaviour(stage=stage, status=status), ended=ended, traceback=traceback)
