"""Who answers the questions of a run, and the answers; pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from packaging.utils import NormalizedName

from minreq.model import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a question, as the protocol words it."""

    answer: Literal["yes", "no", "namespace", "unknown"]
    #: The distribution the question is about, where one owns the name.
    distribution: NormalizedName | None = None
    #: The folder that makes it importable.
    path: Path | None = None
    #: Packages that several distributions share, for the child to know.
    shared: tuple[str, ...] = ()
    #: Let a fork go on without it.
    fork: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What a list of everything installed tells of a distribution."""

    distribution: NormalizedName
    version: str
    #: The name of its ``.dist-info``, and the text of ``entry_points.txt`` in there.
    folder: str
    entry_points: str


class Oracle(Protocol):
    """Answers the questions of a run; called from several threads at once."""

    def ask(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        quiet: bool,
    ) -> Reply:
        """Answer *question*, whose frames belong to *owners*.

        The process that asks goes *without* a distribution, unless that is ``None``; *quiet* tells that a fork at this
        moment would be safe.
        """

    def enumerate(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[Listed, ...]:
        """Return what a list of everything installed has, where *question* is one; the rest as above."""
