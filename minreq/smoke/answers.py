"""The answers to the questions of a run, and the interface of the object that gives them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from packaging.utils import NormalizedName

from minreq.model import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a question, in the words of the protocol."""

    answer: Literal["yes", "no", "namespace", "unknown"]
    #: The distribution that owns the name in question, if any does.
    distribution: NormalizedName | None = None
    #: The folder to import the distribution from.
    path: Path | None = None
    #: Packages that several distributions share; the child asks for their submodules too.
    shared: tuple[str, ...] = ()
    #: Whether the child shall fork a process that goes on without the distribution.
    fork: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedDistribution:
    """A distribution as a list of everything installed shows it."""

    distribution: NormalizedName
    version: str
    #: The name of the ``.dist-info`` folder, and the text of its ``entry_points.txt``.
    dist_info: str
    entry_points: str


class QuestionHandler(Protocol):
    """Answers the questions of a run; several threads call it at once."""

    def answer(
        self,
        question: Question,
        *,
        owners: tuple[NormalizedName | None, ...],
        without: NormalizedName | None,
        can_fork: bool,
    ) -> Reply:
        """Answer *question*.

        *owners* are the distributions whose code the frames of the question are in. *without* is the distribution that
        the asking process goes without, if any. *can_fork* says that a fork is safe at this moment.
        """

    def list_distributions(
        self, question: Question, *, owners: tuple[NormalizedName | None, ...], without: NormalizedName | None
    ) -> tuple[ListedDistribution, ...]:
        """Return what a list of everything installed shows; the parameters are those of `answer`."""
